"""The nearest name to a misspelt one: what every hint of the form "did you mean" is made of."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate closest to `name`, or None when nothing is close (similarity below 0.6)."""
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def suggestion(name: str, candidates: Iterable[str], *, nothing: str) -> str:
    """A hint for an unknown name: the nearest one if there is any, then all of them.

    Args:
        name: what the user wrote.
        candidates: what exists.
        nothing: the hint when there are no candidates at all.
    """
    known = sorted(candidates)
    if not known:
        return nothing
    close = nearest(name, known)
    listed = f"there are: {', '.join(known)}"
    return f"did you mean {close!r}? {listed.capitalize()}" if close else listed.capitalize()
