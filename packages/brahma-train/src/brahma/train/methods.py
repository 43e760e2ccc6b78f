"""The ways to train a base model, from all of its weights to adapters on few bits, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from brahma.train.estimate import Job, estimate
from brahma.train.layers import Adapters

Method = Literal["full", "LoRA", "QLoRA"]


@dataclass(frozen=True)
class MethodNeed:
    """One way to train, and its memory.

    Attributes:
        needs: bytes at the peak, by the estimate.
    """

    method: Method
    job: Job
    needs: float


def methods(job: Job) -> tuple[MethodNeed, ...]:
    """All weights, adapters on the frozen weights, adapters on weights of 4 bits: the most thorough first."""
    usual = job.adapters or Adapters()
    ways: tuple[tuple[Method, Adapters | None], ...] = (
        ("full", None),
        ("LoRA", replace(usual, bits=None)),
        ("QLoRA", replace(usual, bits=4)),
    )
    return tuple(_need(name, replace(job, adapters=each, trained_parameters=None)) for name, each in ways)


def _need(method: Method, job: Job) -> MethodNeed:
    return MethodNeed(method, job, estimate(job).total)
