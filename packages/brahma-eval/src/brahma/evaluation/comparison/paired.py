"""What the differences between two models on the same examples tell, and what chance alone could have made.

Models that answer the same examples are compared example by example: how hard an example is then falls out,
and far smaller differences are seen than by comparing two standard errors (https://arxiv.org/abs/2411.00640).

    interval   a bootstrap over the examples, percentiles (Efron 1979); in groups within each task
    p-value    signs of the differences drawn anew (Fisher's permutation test); where all differences are of
               one size, as of right and wrong answers, all signs there are: McNemar's exact test
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEW = 64  # different values that are counted, not drawn one by one
_CHUNK = 1 << 22  # numbers that are drawn at once
_POWER = 0.8
_DIGITS = 12  # equal sizes of differences may differ by rounding after these


@dataclass(frozen=True)
class Paired:
    """A mean difference and its chances.

    Attributes:
        difference: second − first.
        low, high: its confidence interval.
        stderr: its standard error; None of fewer than two examples.
        p_value: of a difference at least as large, if the models were equal.
        needed: examples that would show a true difference of this size in 4 of 5 evaluations; None where
            there is no difference or no spread.
    """

    difference: float
    low: float
    high: float
    stderr: float | None
    p_value: float
    needed: int | None


def paired(
    strata: Sequence[Floats],
    weights: Sequence[float],
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: Sequence[int] = (0,),
) -> Paired:
    """Judge differences; with the sign of each turned round, exactly the opposite comes out.

    Args:
        strata: the differences, example by example, of each task; none is empty.
        weights: of the tasks' means, [strata].
        confidence: of the interval.
        resamples: draws of each kind.
        seed: of the draws.
    """
    generator = np.random.default_rng(list(seed))
    sign = _first_sign(strata)
    strata = [sign * stratum for stratum in strata]
    difference = sum(weight * float(stratum.mean()) for stratum, weight in zip(strata, weights, strict=True))
    drawn = np.zeros(resamples)
    for stratum, weight in zip(strata, weights, strict=True):
        drawn += weight * _resampled_means(stratum, resamples, generator)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail]).tolist()
    terms = np.concatenate([w / len(stratum) * stratum for stratum, w in zip(strata, weights, strict=True)])
    stderr = _standard_error(strata, weights)
    return Paired(
        difference=sign * difference + 0.0,  # + 0.0: no -0
        low=(low if sign > 0 else -high) + 0.0,
        high=(high if sign > 0 else -low) + 0.0,
        stderr=stderr,
        p_value=_sign_flip(terms, resamples, generator),
        needed=_needed(difference, stderr, len(terms), confidence),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family, raised so that at 0.05 a false one comes up in 1 family of 20 (Holm 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    raised = [0.0] * len(p_values)
    highest = 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[number]))
        raised[number] = highest
    return raised


def _first_sign(strata: Sequence[Floats]) -> int:
    """1 or -1: that of the first difference that is one."""
    for stratum in strata:
        differing = np.flatnonzero(stratum)
        if len(differing):
            return 1 if stratum[differing[0]] > 0 else -1
    return 1


def _resampled_means(values: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    """Means of as many values, drawn with replacement, [resamples]."""
    different, counts = np.unique(values, return_counts=True)
    size = len(values)
    if len(different) == 1:
        return np.full(resamples, different[0])
    if len(different) <= _FEW:
        sums: Floats = generator.multinomial(size, counts / size, size=resamples) @ different
        return sums / size
    drawn = [
        values[generator.integers(0, size, (rows, size))].mean(axis=1) for rows in _rows(resamples, size)
    ]
    return np.concatenate(drawn)


def _sign_flip(terms: Floats, resamples: int, generator: np.random.Generator) -> float:
    """How often the sum is at least as far from 0 when each term's sign is a coin's."""
    terms = terms[terms != 0]
    if not len(terms):
        return 1.0
    sizes, counts = np.unique(np.round(np.abs(terms) / np.abs(terms).max(), _DIGITS), return_counts=True)
    positive = terms > 0
    if len(sizes) == 1:
        return _exact(int(positive.sum()), len(terms))
    sums: Floats
    if len(sizes) <= _FEW:
        sums = (2 * generator.binomial(counts, 0.5, size=(resamples, len(sizes))) - counts) @ sizes
    else:
        sizes = np.abs(terms) / np.abs(terms).max()
        flips = (
            generator.integers(0, 2, (rows, len(sizes)), np.int8) for rows in _rows(resamples, len(sizes))
        )
        sums = np.concatenate([2 * (flip @ sizes) - sizes.sum() for flip in flips])
    seen = abs(float(terms.sum())) / float(np.abs(terms).max())
    as_far = int((np.abs(sums) >= seen * (1 - 1e-9)).sum())
    return (1 + as_far) / (1 + resamples)


def _exact(positive: int, count: int) -> float:
    """Two-sided, of `positive` heads in `count` throws of a coin."""
    ways = term = 1
    for number in range(min(positive, count - positive)):
        term = term * (count - number) // (number + 1)
        ways += term
    return min(1.0, float(2 * ways / 2**count))


def _rows(resamples: int, size: int) -> Iterator[int]:
    """How many resamples of so many values are drawn at once, until all are."""
    each = max(1, _CHUNK // size)
    for begin in range(0, resamples, each):
        yield min(each, resamples - begin)


def _standard_error(strata: Sequence[Floats], weights: Sequence[float]) -> float | None:
    if any(len(stratum) < 2 for stratum in strata):
        return None
    parts = zip(strata, weights, strict=True)
    return math.sqrt(sum(w * w * float(stratum.var(ddof=1)) / len(stratum) for stratum, w in parts))


def _needed(difference: float, stderr: float | None, examples: int, confidence: float) -> int | None:
    if not difference or not stderr:
        return None
    normal = NormalDist()
    errors = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(_POWER)
    return math.ceil(examples * (errors * stderr / difference) ** 2)
