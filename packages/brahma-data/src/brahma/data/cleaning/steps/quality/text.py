"""A document's text, and what several rules need of it, each made once."""

from __future__ import annotations

from functools import cached_property

from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.steps.quality.ngrams import Ngrams
from brahma.data.cleaning.steps.quality.tokens import Tokens, split_tokens


class ScoredText:
    """A text that rules look at."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def tokens(self) -> Tokens:
        """Words and marks."""
        return split_tokens(self.text)

    @cached_property
    def ngrams(self) -> Ngrams:
        """Runs of words and marks."""
        return Ngrams(self.tokens)

    @cached_property
    def lines(self) -> list[str]:
        """Lines, ended by any line break that Unicode knows."""
        return self.text.splitlines()


def share(part: float, whole: float) -> float:
    """`part / whole`; nothing of nothing is 0."""
    return part / whole if whole else 0.0


def above(reason: str, figure: float, limit: float | None) -> Dropped | None:
    """Whether the figure is above its limit; no limit, no verdict."""
    if limit is None or figure <= limit:
        return None
    return Dropped(reason, f"{figure:.4g}, at most {limit:g}")


def below(reason: str, figure: float, limit: float | None) -> Dropped | None:
    """Whether the figure is below its limit."""
    if limit is None or figure >= limit:
        return None
    return Dropped(reason, f"{figure:.4g}, at least {limit:g}")
