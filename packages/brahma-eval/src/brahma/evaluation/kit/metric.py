"""What a metric does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

from brahma.core.kit.checks import Check, Subject, expect
from brahma.evaluation.totals import LossTotals

ORDINARY = (
    LossTotals(loss_sum=240.0, tokens=100, bytes=420),
    LossTotals(loss_sum=3.5, tokens=1, bytes=1),
    LossTotals(loss_sum=8e6, tokens=4_000_000, bytes=17_000_000),
)
EXTREME = (
    LossTotals(loss_sum=0.0, tokens=10, bytes=40),
    LossTotals(loss_sum=1e300, tokens=1, bytes=1),
    LossTotals(loss_sum=math.inf, tokens=10, bytes=40),
    LossTotals(loss_sum=math.nan, tokens=10, bytes=40),
)
EMPTY = (
    LossTotals(loss_sum=0.0, tokens=0, bytes=0),
    LossTotals(loss_sum=2.0, tokens=1, bytes=0),
)


def is_a_number(subject: Subject) -> None:
    """A finite float of ordinary totals."""
    for totals in ORDINARY:
        found = _metric(subject)(totals)
        expect(
            isinstance(found, int | float) and not isinstance(found, bool),
            f"{totals} gives {found!r}, no number",
        )
        expect(math.isfinite(found), f"{totals} gives {found}, which is not finite")


def is_pure(subject: Subject) -> None:
    """The same totals give the same number, whatever was asked before."""
    metric = _metric(subject)
    first = [metric(totals) for totals in ORDINARY]
    again = [metric(totals) for totals in reversed(ORDINARY)][::-1]
    for totals, one, other in zip(ORDINARY, first, again, strict=True):
        same = one == other or (one != one and other != other)
        expect(same, f"{totals} gives {one}, and another time {other}")


def raises_nothing_at_the_extremes(subject: Subject) -> None:
    """A loss of 0, a huge one, and one that is no number are answered, by infinity or NaN if need be."""
    _expect_answers(subject, EXTREME)


def takes_empty_totals(subject: Subject) -> None:
    """Where there is no token or no byte to divide by, the answer is NaN and no error."""
    _expect_answers(subject, EMPTY)


def _expect_answers(subject: Subject, examples: tuple[LossTotals, ...]) -> None:
    for totals in examples:
        try:
            float(_metric(subject)(totals))
        except Exception as error:
            expect(False, f"{totals} raises {type(error).__name__}: {error}; wanted: a float, NaN if need be")


def _metric(subject: Subject) -> Callable[[LossTotals], float]:
    return cast(Callable[[LossTotals], float], subject.load())


CHECKS = (
    Check("is a finite number", is_a_number),
    Check("depends on the totals alone", is_pure),
    Check("raises nothing at the extremes", raises_nothing_at_the_extremes),
    Check("takes empty totals", takes_empty_totals),
)
