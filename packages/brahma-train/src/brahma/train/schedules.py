"""Learning-rate schedules. The rate is a pure function of the step: a resume needs no state of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from brahma.train.choices import DecayOptions, InverseSqrtOptions, PolynomialOptions, StableOptions


def linear(progress: float, options: DecayOptions) -> float:
    """From 1 straight down to `min_ratio`."""
    return 1 - (1 - options.min_ratio) * progress


def cosine(progress: float, options: DecayOptions) -> float:
    """Half a cosine from 1 to `min_ratio` (https://arxiv.org/abs/1608.03983, without restarts)."""
    return options.min_ratio + (1 - options.min_ratio) * (1 + math.cos(math.pi * progress)) / 2


def constant(progress: float, options: None) -> float:
    """Always 1."""
    return 1.0


def wsd(progress: float, options: StableOptions) -> float:
    """1, then down to `min_ratio` in the last part: warm-up, stable, decay (https://arxiv.org/abs/2404.06395).

    The shape 1-sqrt is that of https://arxiv.org/abs/2405.18392.
    """
    fallen = max(0.0, 1 - (1 - progress) / options.decay_fraction)
    if options.shape == "linear":
        left = 1 - fallen
    elif options.shape == "cosine":
        left = (1 + math.cos(math.pi * fallen)) / 2
    else:
        left = 1 - math.sqrt(fallen)
    return options.min_ratio + (1 - options.min_ratio) * left


def polynomial(progress: float, options: PolynomialOptions) -> float:
    """From 1 down to `min_ratio` by a power of what is left."""
    return float(options.min_ratio + (1 - options.min_ratio) * (1 - progress) ** options.power)


def inverse_sqrt(progress: float, options: InverseSqrtOptions) -> float:
    """By the square root of the steps, as in https://arxiv.org/abs/1706.03762, `min_ratio` at least.

    With `timescale` = `warmup_steps` / (steps after the warm-up) it is lr · √(warmup_steps / step).
    """
    return max(options.min_ratio, 1 / math.sqrt(1 + progress / options.timescale))


class LearningRate:
    """The rate of each step: a linear warm-up, then the schedule.

    Args:
        lr: the highest rate.
        warmup_steps: steps over which it rises to `lr`.
        total_steps: of the run; the schedule reaches its end just after the last one.
        schedule: target of a `ScheduleEntry`; options: its checked options.
    """

    def __init__(
        self,
        lr: float,
        *,
        warmup_steps: int,
        total_steps: int,
        schedule: Callable[[float, Any], float],
        options: Any = None,
    ) -> None:
        self._lr = lr
        self._warmup = warmup_steps
        self._decay = max(1, total_steps - warmup_steps)
        self._schedule = schedule
        self._options = options

    def __call__(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        if step < self._warmup:
            return self._lr * (step + 1) / self._warmup
        return self._lr * self._schedule(min(1.0, (step - self._warmup) / self._decay), self._options)
