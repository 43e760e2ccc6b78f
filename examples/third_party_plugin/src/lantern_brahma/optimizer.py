"""Signum: the sign of the momentum (https://arxiv.org/abs/1802.04434), with decoupled weight decay."""

from collections.abc import Callable
from typing import Any

import torch

from lantern_brahma.options import SignumOptions


class Signum(torch.optim.Optimizer):
    def __init__(self, groups: list[dict[str, Any]], lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if "momentum" not in self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                mean = self.state[p]["momentum"].lerp_(p.grad, 1 - group["momentum"])
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(mean.sign(), alpha=group["lr"])


def build(groups: list[dict[str, Any]], training: Any, options: SignumOptions) -> Signum:
    return Signum(groups, training.lr, options.momentum)
