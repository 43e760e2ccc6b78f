"""`exact_paragraphs`: a paragraph that stands earlier in the corpus is taken out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from brahma.core.config.sections import Count, Fraction, Section
from brahma.data.cleaning.contract import Document, Dropped, Rewritten, Verdict
from brahma.data.cleaning.duplicates.again import Found, verdict_of_each
from brahma.data.cleaning.duplicates.arrays import integers, new_array
from brahma.data.cleaning.duplicates.grouping import repeats
from brahma.data.cleaning.duplicates.keys import KeyFolder, as_keys

_DECIDED = "decided"
_BLANK_LINES = re.compile(r"\n\s*\n")


class ExactParagraphsOptions(Section):
    """Options of `exact_paragraphs`."""

    min_characters: Count = 100
    """Shorter paragraphs always stay: headings, lines of code, cells of tables."""
    min_left: Fraction = 0.3
    """A document with no longer paragraph left, and less than this part of its text, is dropped."""
    occurrences: Count = 1
    """How often a paragraph may stand in the corpus."""


class ExactParagraphs:
    """Takes out each long paragraph that stands earlier, in the same document or in another one.

    Paragraphs are parted by blank lines; white space at their ends does not count. Only running text is
    changed: in a conversation, or a prompt with its completion, a repeated paragraph can be a question or an
    answer, and such a row means something only as a whole.
    """

    def __init__(self, options: ExactParagraphsOptions) -> None:
        self._options = options

    def keys(self, document: Document) -> NDArray[np.uint64]:
        """A key for each long paragraph, `[n, 2]`."""
        if len(document.texts) > 1:
            return as_keys([])
        paragraphs = map(str.strip, _BLANK_LINES.split(document.joined))
        return as_keys(
            [
                xxhash.xxh3_128_digest(paragraph.encode("utf-8", "surrogatepass"))
                for paragraph in paragraphs
                if len(paragraph) >= self._options.min_characters
            ]
        )

    def decide(self, folder: Path, *, tasks: int) -> None:
        """Which keys are those of paragraphs that go."""
        keys = KeyFolder(folder, tasks=tasks)
        with new_array(folder / _DECIDED, keys.num_keys) as goes:
            for found in repeats(keys):
                goes[found.again[found.earlier >= self._options.occurrences]] = True

    def verdicts(self, folder: Path, *, task: int) -> Callable[[Document], Verdict]:
        """Documents without the paragraphs that go; one of which little is left is dropped."""
        goes = integers(folder / _DECIDED)

        def judge(document: Document, found: Found) -> Verdict:
            gone = goes[found.first_key : found.last_key]
            return not gone.any() or self._without(document.joined, gone.tolist())

        return verdict_of_each(KeyFolder(folder), task=task, judge=judge)

    def _without(self, text: str, gone: list[int]) -> Verdict:
        left = _left(text, gone, self._options.min_characters)
        part = len(left.strip()) / len(text.strip())
        if all(gone) and part < self._options.min_left:
            return Dropped(
                "little left without duplicate paragraphs", f"{sum(gone)} taken out, {part:.0%} left"
            )
        return Rewritten(left, {"duplicate paragraphs taken out": sum(gone)})


def _left(text: str, gone: list[int], min_characters: int) -> str:
    """The text without some paragraphs; each that stays keeps the blank lines before it.

    Args:
        text: the whole.
        gone: for each paragraph that is long enough whether it goes.
        min_characters: of such a paragraph.
    """
    body = text.strip()
    head, _, tail = text.partition(body)
    judged, kept, blank = iter(gone), list[str](), ""
    for paragraph, after in _paragraphs(body):
        if len(paragraph.strip()) < min_characters or not next(judged):
            kept += [blank if kept else "", paragraph]
        blank = after
    return "".join([head, *kept, tail])


def _paragraphs(text: str) -> list[tuple[str, str]]:
    """Each paragraph and the blank lines after it."""
    pieces = re.split(rf"({_BLANK_LINES.pattern})", text)
    return list(zip(pieces[::2], [*pieces[1::2], ""], strict=True))
