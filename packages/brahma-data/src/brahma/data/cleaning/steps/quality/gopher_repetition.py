"""Rules for text that repeats itself: Table A1 of https://arxiv.org/abs/2112.11446, as datatrove reads it."""

from __future__ import annotations

import re

from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.steps.quality.options import GopherRepetitionRules
from brahma.data.cleaning.steps.quality.text import ScoredText, above, share

_NAME = "gopher repetition"
_PARAGRAPH_ENDS = re.compile("\n{2,}")
_LINE_ENDS = re.compile("\n+")


def judge(scored: ScoredText, rules: GopherRepetitionRules) -> Dropped | None:
    """Why the text goes, if it does; the first rule that it breaks."""
    text = scored.text
    if not text:
        return Dropped(f"{_NAME}: empty")
    paragraphs = _PARAGRAPH_ENDS.split(text.strip())
    lines = _LINE_ENDS.split(text)
    return (
        _parts(paragraphs, "paragraphs", len(text),
               rules.max_duplicate_paragraphs, rules.max_duplicate_paragraph_characters)
        or _parts(lines, "lines", len(text), rules.max_duplicate_lines, rules.max_duplicate_line_characters)
        or _runs(scored, rules)
    )  # fmt: skip


def _parts(
    parts: list[str], what: str, characters: int, most: float | None, most_characters: float | None
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
    for n in (2, 3, 4):
        most = getattr(rules, f"max_top_{n}_gram")
        if most is not None:
            top = scored.ngrams.top_characters(n)
            if dropped := above(f"{_NAME}: most frequent {n}-gram", share(top, characters), most):
                return dropped
    for n in range(5, 11):
        most = getattr(rules, f"max_duplicate_{n}_grams")
        if most is not None:
            doubled = scored.ngrams.duplicate_characters(n, up_to=most * characters)
            if dropped := above(f"{_NAME}: duplicate {n}-grams", share(doubled, characters), most):
                return dropped
    return None
