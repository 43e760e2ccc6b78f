"""Muon: matrices move along the orthogonalised momentum; all else is left to AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.train.choices import AdamWOptions, MuonOptions
from brahma.train.optimizers import ParameterGroup, adamw

_NOT_MATRICES = ("embed", "lm_head", "wte", "wpe")  # tables and heads: their rows are no directions


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
        pairs = list(zip(group["params"], group["names"], strict=True))
        for home, wanted in ((matrices, True), (rest, False)):
            chosen = [(p, name) for p, name in pairs if _is_matrix(p, name) is wanted]
            if chosen:
                params, names = (list(part) for part in zip(*chosen, strict=True))
                home.append({"params": params, "names": names, "weight_decay": group["weight_decay"]})
    return matrices, rest


def _is_matrix(parameter: Tensor, name: str) -> bool:
    return parameter.ndim == 2 and not any(part in name for part in _NOT_MATRICES)


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
        self.param_groups = [group for part in parts for group in part.param_groups]
        self.state = _States(parts)  # type: ignore[assignment]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for part in self._parts:
            part.step(closure)
