"""What a variant must be: neither its source again nor another text, with what is protected in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from brahma.data import languages
from brahma.data.augmentation.protection import lost, new_number

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_MARKS = re.compile(r"<\|.*?\|>|```|<(?:think|s|/s)>|\[/?INST\]")
_CERTAIN = 0.6
"""Score of the model from which it is believed."""
_SHORT = 32
"""Letters below which nobody can say for certain which language a text is in."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a variant is not taken.

    Attributes:
        reason: the same words for every variant that goes for it; the report counts by them.
        detail: what is particular to this one.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a variant may be from its source.

    Attributes:
        length: the least ratio of the shorter text to the longer one, in characters.
        overlap: the least Jaccard index of the two sets of words.
        likeness: the greatest Jaccard index of their words and pairs of words; of two variants too.
    """

    length: float = 0.5
    overlap: float = 0.3
    likeness: float = 0.95


def check(
    source: str, variant: str, others: Sequence[str] = (), *, limits: Limits = Limits()
) -> Rejected | None:
    """Why a variant of a passage is not taken; None when it is.

    Args:
        others: what was taken of the same passage before.
    """
    if not variant.strip():
        return Rejected("empty")
    ratio = min(len(source), len(variant)) / max(len(source), len(variant))
    if ratio < limits.length:
        return Rejected("too long or too short", f"{len(variant) / len(source):.2f} times its source")
    if (mark := _new_mark(source, variant)) is not None:
        return Rejected("marks that its source has not", mark)
    if (kept := lost(source, variant)) is not None:
        return Rejected("something protected was changed", kept)
    if (number := new_number(source, variant)) is not None:
        return Rejected("a number that its source has not", number)
    if _jaccard(_words(source), _words(variant)) < limits.overlap:
        return Rejected("too far from its source", f"overlap {_jaccard(_words(source), _words(variant)):.2f}")
    if _are_alike(source, variant, limits):
        return Rejected("the same as its source")
    if any(_are_alike(other, variant, limits) for other in others):
        return Rejected("the same as another variant")
    return _in_another_language(source, variant)


def language_of(text: str) -> str | None:
    """The language of a text, ISO 639-1; None when that is not certain."""
    return languages.language_of(text, min_score=_CERTAIN, min_letters=_SHORT)[0]


def _in_another_language(source: str, variant: str) -> Rejected | None:
    before, after = language_of(source), language_of(variant)
    if before and after and before != after:
        return Rejected("another language", f"{after}, its source is {before}")
    return None


def _new_mark(source: str, variant: str) -> str | None:
    return next((mark for mark in _MARKS.findall(variant) if mark not in source), None)


def _words(text: str) -> set[object]:
    return set(_WORD.findall(text.lower()))


def _are_alike(one: str, other: str, limits: Limits) -> bool:
    return _jaccard(_in_order(one), _in_order(other)) > limits.likeness


def _in_order(text: str) -> set[object]:
    """The words, and each with the one after it, so that another order counts."""
    words = _WORD.findall(text.lower())
    return {*words, *pairwise(words)}


def _jaccard(one: set[object], other: set[object]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0
