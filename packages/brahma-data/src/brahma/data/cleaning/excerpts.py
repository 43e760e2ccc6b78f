"""Short pieces of text for the examples of a report, without what the steps mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brahma.core.layout import printable
from brahma.data.cleaning.contract import Rewritten

Mask = Callable[[str], Any]
"""A text step; what it rewrites is shown as it rewrites it, what it drops is not shown."""

_SHOWN = 70
"""Characters of an excerpt."""
_AROUND = 400
"""Characters that are masked on each side of the place: more than are shown, so nothing is cut in two."""
_BEFORE = 24
"""Characters shown before the place of a change."""


def beginning(text: str, masks: Sequence[Mask]) -> str:
    """How a text begins."""
    return _one_line(_masked(text[: 2 * _AROUND], masks))


def first_change(before: str, after: str, masks: Sequence[Mask]) -> str:
    """The text around the first place where it was changed, as it is after the change."""
    place = _common_prefix(before, after)
    start = max(0, place - _AROUND)
    window = after[start : place + _AROUND]
    shown = _masked(window, masks)
    place -= start
    if _common_prefix(window, shown) < place:  # something before the place was masked, and moved it
        place = max(0, place + len(shown) - len(window))
    first = max(0, place - _BEFORE)
    return ("…" if first or start else "") + _one_line(shown[first:])


def _masked(text: str, masks: Sequence[Mask]) -> str:
    for mask in masks:
        verdict = mask(text) if text.strip() else True
        if isinstance(verdict, Rewritten):
            text = verdict.text
        elif verdict is not True:
            return ""
    return text


def _one_line(text: str) -> str:
    line = " ".join(printable(part) for part in text[: 2 * _AROUND].split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _common_prefix(one: str, other: str) -> int:
    """Length of the longest common beginning, by halving: comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
