"""Optimizers that come with Brahma; Muon and Lion have modules of their own."""

from __future__ import annotations

import torch
from transformers.optimization import Adafactor

from brahma.core.config import TrainingSection
from brahma.train.choices import AdafactorOptions, AdamWOptions, SGDOptions
from brahma.train.groups import ParameterGroup


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


def sgd(
    groups: list[ParameterGroup], training: TrainingSection, options: SGDOptions
) -> torch.optim.Optimizer:
    """Stochastic gradient descent; weight decay is added to the gradient."""
    return torch.optim.SGD(
        [dict(group) for group in groups],
        lr=training.lr,
        momentum=options.momentum,
        nesterov=options.nesterov,
        fused=True,
    )


def adafactor(
    groups: list[ParameterGroup], training: TrainingSection, options: AdafactorOptions
) -> torch.optim.Optimizer:
    """Adafactor (https://arxiv.org/abs/1804.04235): of a matrix's second moments only rows and columns.

    `lr` is what it is to AdamW: the size of a step. The paper's own rates, which follow the step, are left
    to the schedule. (torch's Adafactor would cap the rate at 1/√step and always scale it by the weights.)
    """
    return Adafactor(
        [dict(group) for group in groups],
        lr=training.lr,
        clip_threshold=options.clip_threshold,
        decay_rate=-options.decay_exponent,
        scale_parameter=options.scale_by_weights,
        relative_step=False,
    )
