"""Rules for lists and fragments: section 3.5 of https://arxiv.org/abs/2406.17557, as datatrove reads it."""

from __future__ import annotations

from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.steps.quality.characters import SENTENCE_ENDS
from brahma.data.cleaning.steps.quality.options import FineWebRules
from brahma.data.cleaning.steps.quality.text import ScoredText, above, below, share

_NAME = "fineweb"


def judge(scored: ScoredText, rules: FineWebRules) -> Dropped | None:
    """Why the text goes, if it does; the first rule that it breaks."""
    lines = [line for line in scored.text.split("\n") if line.strip()]
    if not lines:
        return Dropped(f"{_NAME}: empty")
    return (
        _punctuation(lines, rules)
        or _short_lines(lines, rules)
        or _duplicate_lines(scored.text, lines, rules.max_duplicate_line_characters)
        or _line_breaks(scored, rules.max_line_breaks)
    )


def _punctuation(lines: list[str], rules: FineWebRules) -> Dropped | None:
    marks = SENTENCE_ENDS if rules.final_marks is None else frozenset(rules.final_marks)
    figure = share(sum(line[-1] in marks for line in lines), len(lines))
    if figure == 0 and rules.allow_no_punctuation:
        return None
    return below(f"{_NAME}: lines without final punctuation", figure, rules.min_punctuated_lines)


def _short_lines(lines: list[str], rules: FineWebRules) -> Dropped | None:
    short = sum(len(line) <= rules.short_line for line in lines)
    return above(f"{_NAME}: short lines", share(short, len(lines)), rules.max_short_lines)


def _duplicate_lines(text: str, lines: list[str], most: float | None) -> Dropped | None:
    distinct = set(lines)
    if len(distinct) == len(lines):
        return None
    doubled = sum(map(len, lines)) - sum(map(len, distinct))
    figure = share(doubled, len(text) - text.count("\n"))
    return above(f"{_NAME}: characters in duplicate lines", figure, most)


def _line_breaks(scored: ScoredText, most: float | None) -> Dropped | None:
    figure = share(scored.text.count("\n"), len(scored.tokens))
    return above(f"{_NAME}: many line breaks", figure, most)
