"""Rules for text that is no prose: https://arxiv.org/abs/2112.11446, section A.1.1, as datatrove has them."""

from __future__ import annotations

import numpy as np

from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.steps.quality.options import GopherQualityRules
from brahma.data.cleaning.steps.quality.text import ScoredText, above, below, share
from brahma.data.cleaning.steps.quality.tokens import LETTER, WORDLIKE

_NAME = "gopher quality"
_BULLETS = ("•", "-")
_ELLIPSES = ("...", "…")


def judge(scored: ScoredText, rules: GopherQualityRules) -> Dropped | None:
    """Why the text goes, if it does; the first rule that it breaks."""
    return _words(scored, rules) or _symbols(scored, rules) or _language(scored, rules)


def _words(scored: ScoredText, rules: GopherQualityRules) -> Dropped | None:
    """How many words, and how long. A token of symbols alone is no word here."""
    tokens = scored.tokens
    is_word = (tokens.kinds & WORDLIKE) != 0
    words = int(np.count_nonzero(is_word))
    length = share(int(tokens.lengths[is_word].sum()), words)
    return (
        below(f"{_NAME}: too few words", words, rules.min_words)
        or above(f"{_NAME}: too many words", words, rules.max_words)
        or below(f"{_NAME}: words too short on average", length, rules.min_word_length)
        or above(f"{_NAME}: words too long on average", length, rules.max_word_length)
    )


def _symbols(scored: ScoredText, rules: GopherQualityRules) -> Dropped | None:
    """Hash signs, ellipses, bullets."""
    text, tokens = scored.text, len(scored.tokens)
    ellipses = sum(map(text.count, _ELLIPSES))
    return (
        above(f"{_NAME}: many hash signs", share(text.count("#"), tokens), rules.max_hashes)
        or above(f"{_NAME}: many ellipses", share(ellipses, tokens), rules.max_ellipses)
        or _bullet_lines(scored, rules.max_bullet_lines)
        or _ellipsis_lines(scored, ellipses, rules.max_ellipsis_lines)
    )


def _bullet_lines(scored: ScoredText, most: float | None) -> Dropped | None:
    lines = len(scored.lines)
    if most is None or share(sum(map(scored.text.count, _BULLETS)), lines) <= most:
        return None  # not even if each stood at the beginning of a line
    bullets = sum(line.lstrip().startswith(_BULLETS) for line in scored.lines)
    return above(f"{_NAME}: many bullet lines", share(bullets, lines), most)


def _ellipsis_lines(scored: ScoredText, ellipses: int, most: float | None) -> Dropped | None:
    lines = len(scored.lines)
    if most is None or share(ellipses, lines) <= most:
        return None
    ending = sum(line.rstrip().endswith(_ELLIPSES) for line in scored.lines)
    return above(f"{_NAME}: lines that end in an ellipsis", share(ending, lines), most)


def _language(scored: ScoredText, rules: GopherQualityRules) -> Dropped | None:
    """Letters, and words that every text has."""
    tokens = scored.tokens
    alphabetic = int(np.count_nonzero(tokens.kinds & LETTER))
    return below(
        f"{_NAME}: words without a letter", share(alphabetic, len(tokens)), rules.min_alphabetic_words
    ) or _stop_words(scored, rules)


def _stop_words(scored: ScoredText, rules: GopherQualityRules) -> Dropped | None:
    if rules.min_stop_words is None:
        return None
    text, tokens, missing = scored.text, scored.tokens, set(rules.stop_words)
    enough = len(missing) - rules.min_stop_words
    (candidates,) = np.nonzero(np.isin(tokens.lengths, [*map(len, missing)]))
    for start, end in zip(tokens.starts[candidates].tolist(), tokens.ends[candidates].tolist(), strict=True):
        missing.discard(text[start:end])
        if len(missing) <= enough:
            return None
    found = len(set(rules.stop_words)) - len(missing)
    return below(f"{_NAME}: few stop words", found, rules.min_stop_words)
