"""What a schedule of the learning rate does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from brahma.core.kit.checks import Check, Subject, expect

_POINTS = tuple(number / 200 for number in range(201))
"""Progress from the end of the warm-up to the last step."""


def is_a_factor(subject: Subject) -> None:
    """A finite float, 0 or more, everywhere between the end of the warm-up and the last step."""
    for progress in _POINTS:
        found = _factor(subject, progress)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        expect(is_number, f"at {progress} it gives {found!r}; wanted: a float")
        expect(
            math.isfinite(found) and found >= 0, f"at {progress} it gives {found}; wanted: finite, 0 or more"
        )


def begins_with_a_rate(subject: Subject) -> None:
    """The first step after the warm-up learns."""
    found = _factor(subject, 0.0)
    expect(found > 0, f"it begins with {found}; wanted: above 0")


def is_pure(subject: Subject) -> None:
    """A resumed run computes the same rates: they depend on the progress alone."""
    forward = [_factor(subject, progress) for progress in _POINTS]
    backward = [_factor(subject, progress) for progress in reversed(_POINTS)][::-1]
    for progress, one, other in zip(_POINTS, forward, backward, strict=True):
        same = one == other or (one != one and other != other)
        expect(same, f"at {progress} it gives {one}, and when asked in another order {other}")


def _factor(subject: Subject, progress: float) -> float:
    return cast(Callable[[float, Any], float], subject.load())(progress, subject.options)


CHECKS = (
    Check("is a finite factor", is_a_factor),
    Check("begins above zero", begins_with_a_rate),
    Check("depends on the progress alone", is_pure),
)
