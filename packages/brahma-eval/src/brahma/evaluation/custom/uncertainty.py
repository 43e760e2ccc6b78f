"""How far a figure would move with other examples of the same kind."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import TypeVar

_RESAMPLES = 100
"""Of a metric that is no mean; lm-eval takes as many of BLEU."""
_SEED = 0

_T = TypeVar("_T")


def error_of_mean(values: Sequence[float]) -> float | None:
    """Standard error of the mean of independent values; None of fewer than two."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def standard_error(
    metric: Callable[[Sequence[_T]], float], items: Sequence[_T], value: float, singles: Sequence[float]
) -> float | None:
    """Of a metric over items: that of a mean if it is one, else by bootstrap, seeded.

    Args:
        value: of all items.
        singles: of each item alone.

    Returns:
        None where there is none: of one item, or where the metric is not defined on a resample.
    """
    if len(items) < 2:
        return None
    if math.isclose(fmean(singles), value, rel_tol=1e-9, abs_tol=1e-12):
        return error_of_mean(singles)
    draw = random.Random(_SEED)
    resampled = [metric(draw.choices(items, k=len(items))) for _ in range(_RESAMPLES)]
    return stdev(resampled) if all(map(math.isfinite, resampled)) else None
