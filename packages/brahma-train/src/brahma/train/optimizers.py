"""Optimizers that come with Brahma, and which parameters they decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.train.choices import AdamWOptions


class ParameterGroup(TypedDict):
    """Parameters that share their settings.

    Attributes:
        params: float32 masters.
        names: of the model's parameters, in the order of `params`.
        weight_decay: of this group.
    """

    params: list[Tensor]
    names: list[str]
    weight_decay: float


def parameter_groups(named: Iterable[tuple[str, Tensor]], *, weight_decay: float) -> list[ParameterGroup]:
    """Matrices decay; norms and biases, which have one dimension, do not. An empty group is left out."""
    decayed: ParameterGroup = {"params": [], "names": [], "weight_decay": weight_decay}
    kept: ParameterGroup = {"params": [], "names": [], "weight_decay": 0.0}
    for name, parameter in named:
        group = decayed if parameter.ndim >= 2 else kept
        group["params"].append(parameter)
        group["names"].append(name)
    return [group for group in (decayed, kept) if group["params"]]


def adamw(
    groups: list[ParameterGroup], training: TrainingSection, options: AdamWOptions
) -> torch.optim.Optimizer:
    """AdamW with decoupled weight decay (https://arxiv.org/abs/1711.05101)."""
    return torch.optim.AdamW(
        [dict(group) for group in groups],
        lr=training.lr,
        betas=(training.adam_beta1, training.adam_beta2),
        eps=training.adam_epsilon,
        fused=options.fused,
    )
