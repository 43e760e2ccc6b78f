"""Lion: steps of one size, by the sign of the momentum (https://arxiv.org/abs/2302.06675)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.train.choices import LionOptions
from brahma.train.groups import ParameterGroup

_ELEMENTS_AT_ONCE = 16 * 2**20  # what is computed beside the state: 64 MiB of float32


def lion(
    groups: list[ParameterGroup], training: TrainingSection, options: LionOptions
) -> torch.optim.Optimizer:
    """Lion on all parameters, with decoupled weight decay."""
    return Lion([dict(group) for group in groups], lr=training.lr, beta1=options.beta1, beta2=options.beta2)


class Lion(torch.optim.Optimizer):
    """The sign of a mean of momentum and gradient; only the momentum is kept.

    Args:
        beta1: weight of the momentum in the mean that is stepped along.
        beta2: decay of the momentum.
    """

    def __init__(
        self,
        params: list[dict[str, Any]],
        *,
        lr: float,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for params in _portions(group["params"]):
                self._step(params, group)

    def _step(self, params: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in params if p.grad is not None]
        momenta = [self._momentum(p) for p in params]
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        directions = torch._foreach_lerp(momenta, gradients, 1 - group["beta1"])
        torch._foreach_sign_(directions)
        torch._foreach_add_(params, directions, alpha=-group["lr"])
        torch._foreach_lerp_(momenta, gradients, 1 - group["beta2"])

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"]
        return momentum


def _portions(params: list[Tensor]) -> Iterator[list[Tensor]]:
    """The parameters that have a gradient, in lists of bounded size."""
    portion: list[Tensor] = []
    elements = 0
    for parameter in params:
        if parameter.grad is None:
            continue
        if portion and elements + parameter.numel() > _ELEMENTS_AT_ONCE:
            yield portion
            portion, elements = [], 0
        portion.append(parameter)
        elements += parameter.numel()
    if portion:
        yield portion
