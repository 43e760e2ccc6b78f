"""Muon: matrices move along the orthogonalised momentum; all else is left to AdamW.

The matrices of adapters, A and B of LoRA, are matrices like others: their updates are scaled to the size that
AdamW's have, so the same learning rates serve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.train.choices import AdamWOptions, MuonOptions
from brahma.train.groups import ParameterGroup
from brahma.train.optimizers import adamw
from brahma.train.parameters import Role

_TABLES = ("embedding", "head")  # a row for each token: their rows are no directions


def muon(
    groups: list[ParameterGroup], training: TrainingSection, options: MuonOptions
) -> torch.optim.Optimizer:
    """Muon for the hidden matrices (https://kellerjordan.github.io/posts/muon), AdamW for the rest.

    Muon's update is scaled to the size of AdamW's, so one `lr` and one `weight_decay` serve both
    (https://arxiv.org/abs/2502.16982).
    """
    matrices, rest = _split(groups)
    parts: list[torch.optim.Optimizer] = []
    if matrices:
        parts.append(
            torch.optim.Muon(
                [dict(group) for group in matrices],
                lr=training.lr,
                momentum=options.momentum,
                nesterov=options.nesterov,
                ns_steps=options.ns_steps,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if rest:
        parts.append(adamw(rest, training, AdamWOptions()))
    return Together(parts)


def _split(groups: list[ParameterGroup]) -> tuple[list[ParameterGroup], list[ParameterGroup]]:
    matrices: list[ParameterGroup] = []
    rest: list[ParameterGroup] = []
    for group in groups:
        roles_given = group.get("roles") or [""] * len(group["names"])  # none known: all matrices are Muon's
        members = list(zip(group["params"], group["names"], roles_given, strict=True))
        for home, wanted in ((matrices, True), (rest, False)):
            chosen = [each for each in members if _is_matrix(each[0], each[2]) is wanted]
            if chosen:
                params, names, roles = (list(part) for part in zip(*chosen, strict=True))
                home.append({**group, "params": params, "names": names, "roles": roles})
    return matrices, rest


def _is_matrix(parameter: Tensor, role: Role) -> bool:
    return parameter.ndim == 2 and role not in _TABLES


class _States(MutableMapping[Tensor, Any]):
    """The states of several optimizers, each parameter's in its own."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self._of = {id(p): part.state for part in parts for g in part.param_groups for p in g["params"]}
        self._parts = parts

    def __getitem__(self, parameter: Tensor) -> Any:
        return self._of[id(parameter)][parameter]

    def __setitem__(self, parameter: Tensor, state: Any) -> None:
        self._of[id(parameter)][parameter] = state

    def __delitem__(self, parameter: Tensor) -> None:
        del self._of[id(parameter)][parameter]

    def __iter__(self) -> Iterator[Tensor]:
        return (parameter for part in self._parts for parameter in part.state)

    def __len__(self) -> int:
        return sum(len(part.state) for part in self._parts)


class Together(torch.optim.Optimizer):
    """Several optimizers that step as one, each on its own parameters."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self._parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.defaults = {key: value for part in parts for key, value in part.defaults.items()}
        self.param_groups = [group for part in parts for group in part.param_groups]
        self.state = _States(parts)  # type: ignore[assignment]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for part in self._parts:
            part.step(closure)
