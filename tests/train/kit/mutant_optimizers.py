"""An optimizer that does all it should, and others that each do one thing wrong."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

Groups = list[dict[str, Any]]


class Right(torch.optim.Optimizer):
    """Stochastic gradient descent with momentum and decoupled decay."""

    def __init__(self, groups: Groups, decay: float) -> None:
        super().__init__(groups, {"lr": 0.0})
        self.decay = decay

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    self.idle(p, group)
                else:
                    self.update(p, p.grad, group)

    def idle(self, p: Tensor, group: dict[str, Any]) -> None:
        """What becomes of a parameter without a gradient."""

    def update(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        momentum = self.momentum(p)
        momentum.mul_(0.9).add_(gradient)
        p.mul_(1 - self.rate(group) * self.decay_of(group))
        p.sub_(momentum, alpha=self.rate(group))

    def momentum(self, p: Tensor) -> Tensor:
        found: Tensor = self.state[p].setdefault("momentum", torch.zeros_like(p))
        return found

    def rate(self, group: dict[str, Any]) -> float:
        return float(group["lr"])

    def decay_of(self, group: dict[str, Any]) -> float:
        return float(group["weight_decay"])


def right(groups: Groups, training: Any, options: None) -> Right:
    return Right(groups, training.weight_decay)


class NoOptimizer:
    """Does as `Right`, but is another class."""

    def __init__(self, optimizer: Right) -> None:
        self.param_groups, self.state = optimizer.param_groups, optimizer.state
        self.defaults, self.step = optimizer.defaults, optimizer.step


def no_optimizer(groups: Groups, training: Any, options: None) -> NoOptimizer:
    return NoOptimizer(right(groups, training, options))


class Climbs(Right):
    def update(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        super().update(p, -gradient, group)


class ForgetsGradients(Right):
    """Takes the masters' gradients away, which are of the run."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None


class MovesAnyway(Right):
    def update(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        super().update(p, gradient, group)
        p.sub_(gradient.sign(), alpha=1e-6)


class OneRate(Right):
    def rate(self, group: dict[str, Any]) -> float:
        return float(self.param_groups[0]["lr"])


class OneDecay(Right):
    def decay_of(self, group: dict[str, Any]) -> float:
        return self.decay


class DecaysIdle(Right):
    def idle(self, p: Tensor, group: dict[str, Any]) -> None:
        p.mul_(1 - group["lr"] * group["weight_decay"])


class Draws(Right):
    def update(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        super().update(p, gradient * (1 + 1e-4 * torch.rand(gradient.shape)), group)


class KeepsApart(Right):
    """Its momentum is in no `state`."""

    def momentum(self, p: Tensor) -> Tensor:
        held: dict[int, Tensor] = self.__dict__.setdefault("held", {})
        return held.setdefault(id(p), torch.zeros_like(p))


class KnowsItsRank(Right):
    def update(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        super().update(p, gradient * (1 + 1e-4 * int(os.environ.get("RANK", "0"))), group)


def _maker(made: type[Right]) -> Any:
    return lambda groups, training, options: made(groups, training.weight_decay)


climbs, forgets_gradients, moves_anyway = map(_maker, (Climbs, ForgetsGradients, MovesAnyway))
one_rate, one_decay, decays_idle = map(_maker, (OneRate, OneDecay, DecaysIdle))
draws, keeps_apart, knows_its_rank = map(_maker, (Draws, KeepsApart, KnowsItsRank))
