"""What a user may have meant by a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 20


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate nearest to a misspelt name, or None when none is near."""
    from brahma.core.config import nearest as words  # imports pydantic, which only a failure needs

    return words.nearest(name, candidates)


def suggestion(name: str, candidates: Iterable[str], *, nothing: str) -> str:
    """A hint for an unknown name: the nearest one if there is any, else what there is.

    Args:
        name: what the user wrote.
        candidates: what exists.
        nothing: the hint when there are no candidates at all.
    """
    known = sorted(candidates)
    if not known:
        return nothing
    if close := nearest(name, known):
        return f'did you mean "{close}"?'
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there are: {', '.join(known[:_SHOWN])}{more}"
