"""Stretches of digits: looked for once, they hold every number that the finders of numbers know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Stretches = Sequence[tuple[int, int]]
"""Half-open places in a text, in order."""

_STRETCH = re.compile(r"[0-9][0-9 .()/-]{5,}")
_BEFORE, _AFTER = 1, 3  # an opening bracket; what a pattern looks at behind its match


def stretches(text: str) -> Stretches:
    """Where digits stand close together, with what is put between the digits of a number."""
    return [match.span() for match in _STRETCH.finditer(text)]


def matches(pattern: re.Pattern[str], text: str, places: Stretches) -> Iterator[re.Match[str]]:
    """Matches of a pattern of digits; the same as in the whole text, and found far sooner."""
    for start, end in places:
        yield from pattern.finditer(text, max(0, start - _BEFORE), end + _AFTER)
