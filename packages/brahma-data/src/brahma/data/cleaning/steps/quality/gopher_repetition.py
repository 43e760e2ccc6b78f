"""Rules for text that repeats itself: Table A1 of https://arxiv.org/abs/2112.11446, as datatrove reads it."""

from __future__ import annotations

from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.steps.quality.options import GopherRepetitionRules
from brahma.data.cleaning.steps.quality.text import ScoredText, above, share

_NAME = "gopher repetition"


def judge(scored: ScoredText, rules: GopherRepetitionRules) -> Dropped | None:
    """Why the text goes, if it does; the first rule that it breaks."""
    text = scored.text
    if not text:
        return Dropped(f"{_NAME}: empty")
    return (
        _parts(
            "paragraphs",
            _paragraphs(text),
            len(text),
            most=rules.max_duplicate_paragraphs,
            most_characters=rules.max_duplicate_paragraph_characters,
        )
        or _parts(
            "lines",
            _lines(text),
            len(text),
            most=rules.max_duplicate_lines,
            most_characters=rules.max_duplicate_line_characters,
        )
        or _runs(scored, rules)
    )


def _paragraphs(text: str) -> list[str]:
    """What stands between blank lines."""
    pieces = text.strip().split("\n\n")
    return [kept for piece in pieces if (kept := piece.lstrip("\n"))] or [""]


def _lines(text: str) -> list[str]:
    """The lines that are not empty; a line break that begins or ends the text counts for an empty one."""
    edges = text.startswith("\n") + text.endswith("\n")
    return [*filter(None, text.split("\n")), *[""] * edges]


def _parts(
    what: str, parts: list[str], characters: int, *, most: float | None, most_characters: float | None
) -> Dropped | None:
    """Lines or paragraphs that occurred before."""
    distinct = set(parts)
    if len(distinct) == len(parts):
        return None
    doubled = sum(map(len, parts)) - sum(map(len, distinct))
    return above(f"{_NAME}: duplicate {what}", share(len(parts) - len(distinct), len(parts)), most) or above(
        f"{_NAME}: characters in duplicate {what}", share(doubled, characters), most_characters
    )


def _runs(scored: ScoredText, rules: GopherRepetitionRules) -> Dropped | None:
    """Runs of words: the most frequent short ones, then all longer ones that occurred before."""
    characters = len(scored.text)
    for n, most in rules.top_grams.items():
        if most is not None:
            top = scored.ngrams.top_characters(n)
            if dropped := above(f"{_NAME}: most frequent {n}-gram", share(top, characters), most):
                return dropped
    for n, most in rules.duplicate_grams.items():
        if most is not None:
            doubled = scored.ngrams.duplicate_characters(n, up_to=most * characters)
            if dropped := above(f"{_NAME}: duplicate {n}-grams", share(doubled, characters), most):
                return dropped
    return None
