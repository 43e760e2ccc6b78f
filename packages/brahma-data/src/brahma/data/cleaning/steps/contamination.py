"""`contamination`: a document that shares a run of words with an evaluation set goes.

A model that was trained on the questions of its own examination seems better than it is. Runs of 13 words are
what GPT-3's authors compared (https://arxiv.org/abs/2005.14165, appendix C).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brahma.core.config.sections import Count, Section, Texts
from brahma.core.errors import DataError
from brahma.data._sources import expand_sources
from brahma.data.cleaning.contract import Dropped, Verdict
from brahma.data.cleaning.words import RunSet, WordHashes, run_hashes
from brahma.data.readers import read_rows
from brahma.data.rows import BadRow, place

_REASON = "shares words with an evaluation set"


class ContaminationOptions(Section):
    """Options of `contamination`."""

    evaluation: Texts
    """Evaluation sets: files, folders or globs, in any format that can be read. Every text in a row counts:
    question, choices, answer."""
    ngram: Count = 13
    """Words in a row that a document must share."""
    min_words: Count = 8
    """An evaluation's text with fewer words than `ngram` is searched for as a whole, if it has as many as
    this; shorter ones are too common to prove anything."""


class Contamination:
    """Drops each document that shares `ngram` words in a row with a text of the evaluation sets.

    Raises:
        DataError: an evaluation file is missing or damaged, or no text in them is long enough.
    """

    def __init__(self, options: ContaminationOptions) -> None:
        self._hashes = WordHashes()
        self._sources = expand_sources(options.evaluation)
        self._too_short = 0
        self._runs = self._collect(options)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not searched for."""
        if not self._too_short:
            return ()
        return (f"contamination: {self._too_short:,} evaluation texts are too short to be searched for",)

    def _collect(self, options: ContaminationOptions) -> list[_Runs]:
        """The runs of each length, with their places."""
        found: dict[int, list[tuple[NDArray[np.uint64], int, int]]] = {}
        for number, source in enumerate(self._sources):
            for line, text in _texts_of(source):
                words = self._hashes.words(text)
                length = min(len(words), options.ngram)
                if length >= min(options.min_words, options.ngram):
                    found.setdefault(length, []).append((run_hashes(words, length), number, line))
                else:
                    self._too_short += 1
        if not found:
            raise DataError(
                "the evaluation files hold no text that is long enough to search for",
                where=", ".join(options.evaluation),
                why=f"none has {min(options.min_words, options.ngram)} words",
                hint="Name files with the questions themselves, or lower min_words",
            )
        return [_Runs(length, found[length]) for length in sorted(found, reverse=True)]

    def __call__(self, text: str) -> Verdict:
        """Judge one document."""
        words = self._hashes.words(text)
        for runs in self._runs:
            if (found := runs.first_in(words)) is not None:
                where = place(self._sources[found.source], found.line)
                return Dropped(_REASON, f"{runs.length} words in a row of {where}")
        return True


class _Place(NamedTuple):
    source: int
    line: int


class _Runs(RunSet):
    """Runs of words of one length, and where in the evaluation files they stand."""

    def __init__(self, length: int, texts: list[tuple[NDArray[np.uint64], int, int]]) -> None:
        super().__init__(length, np.concatenate([runs for runs, _, _ in texts]))
        counts = [len(runs) for runs, _, _ in texts]
        places = np.repeat(np.array([(source, line) for _, source, line in texts]), counts, axis=0)
        self._places = places[self.first]

    def first_in(self, words: NDArray[np.uint64]) -> _Place | None:
        """Where the first run of these words that is one of ours comes from."""
        _, matching = self.found(words)
        return _Place(*self._places[matching[0]].tolist()) if len(matching) else None


def _texts_of(source: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string in every row.

    Raises:
        DataError: a row cannot be read: what it holds would be overlooked.
    """
    for row in read_rows(source):
        if isinstance(row, BadRow):
            raise row.error
        yield from ((row.line, text) for text in _strings(row.value))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.values() for text in _strings(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _strings(each))
