"""The training loop: one step on one screen, in the order of the paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel

from brahma.core.models import packed_loss, to_device
from brahma.train.backends import Backend
from brahma.train.guarding import GuardedOptimizer
from brahma.train.monitor import LossWatch, TimeAccount
from brahma.train.plan import Plan
from brahma.train.precision import LossScaler
from brahma.train.schedules import LearningRate
from brahma.train.weights import MasterWeights


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step was.

    Attributes:
        loss_sum: negative log-likelihood over all processes, nats.
        tokens: supervised tokens over all processes.
        grad_norm: before clipping.
        lr: learning rate.
        skipped: the step changed nothing: no supervised token, or fp16 overflow.
    """

    loss_sum: float
    tokens: int
    grad_norm: float
    lr: float
    skipped: bool = False

    @property
    def loss(self) -> float:
        """Mean over the supervised tokens."""
        return self.loss_sum / self.tokens if self.tokens else math.nan


@dataclass
class Stepper:
    """Everything that one step needs; the state that a checkpoint keeps is in its parts.

    Attributes:
        decoder: the model's decoder, compiled or not.
        watch: raises on a loss or gradient norm that is not finite, before anything is changed.
        pad: fill micro-batches to one shape, for the compiler.
    """

    model: PreTrainedModel
    decoder: Callable[..., Any]
    weights: MasterWeights
    optimizer: torch.optim.Optimizer | GuardedOptimizer
    learning_rate: LearningRate
    plan: Plan
    backend: Backend
    clock: TimeAccount
    watch: LossWatch
    max_grad_norm: float
    seed: int
    scaler: LossScaler
    pad: bool = False
    _device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self._device = self.backend.device

    def step(self, step: int) -> StepResult:
        """One optimizer step (`step` counts from 0): forward, backward, clip, schedule, step, zero."""
        tokens = self.plan.supervised(step)
        lr = self.learning_rate(step)
        if tokens == 0:
            return StepResult(0.0, 0, 0.0, lr, skipped=True)

        loss_sum = torch.zeros((), dtype=torch.float64, device=self._device)
        for position, packs in self.plan.micro_batches(step, self.backend.rank, self.backend.world_size):
            with self.clock("data"):
                inputs = to_device(self.plan.packs.batch(packs, pad_to=self.slots), self._device)
            with self.clock("forward_backward"):
                seed_generators(self.seed, step, position)
                loss, nll = packed_loss(
                    self.model, inputs, scale=self.scaler.scale / tokens, decoder=self.decoder
                )
                torch.autograd.backward(loss)
                self.weights.add_gradients()
                loss_sum += nll

        with self.clock("optimizer"):
            self.backend.sum_gradients(self.weights.gradients())
            grad_norm = self.weights.clip(self.max_grad_norm, unscale=self.scaler.scale)
            total = self.backend.sum(float(loss_sum))
            self.watch.check(step + 1, total / tokens)
            overflow = self.scaler.overflowed(finite=math.isfinite(grad_norm))
            if not overflow:
                self.watch.check(step + 1, total / tokens, grad_norm)
                for group in self.optimizer.param_groups:
                    group["lr"] = lr * group["lr_ratio"]
                self.optimizer.step()
                self.weights.publish()
            self.weights.clear_gradients()
        return StepResult(total, tokens, grad_norm, lr, skipped=overflow)

    @property
    def slots(self) -> int | None:
        return self.plan.batch_size * self.plan.packs.seq_length if self.pad else None


def seed_generators(seed: int, step: int, position: int) -> None:
    """Seed torch from what is computed alone: random numbers are never carried from step to step."""
    mixed = seed
    for value in (step, position):
        mixed = (mixed * 0x9E3779B97F4A7C15 + value + 1) & 0xFFFF_FFFF_FFFF_FFFF
        mixed ^= mixed >> 29
    torch.manual_seed(mixed & 0x7FFF_FFFF_FFFF_FFFF)
