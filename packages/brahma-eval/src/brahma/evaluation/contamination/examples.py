"""The wordings of examples, and which of their runs of words a training text holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import xxhash
from numpy.typing import NDArray

from brahma.data.cleaning.words import RunSet, WordHashes, run_hashes
from brahma.evaluation.harness.results import Sample

Place = TypeVar("Place")

_QUESTIONS = ("question", "query", "ctx", "prompt", "problem", "goal", "instruction")
"""Fields of tasks' data that hold a whole question."""

_BREAK = np.zeros(1, np.uint64)
"""Stands between texts, so that no run of words goes from one to the next: the hash of no word, but by a
chance of 2^-64."""


@dataclass(frozen=True)
class Wordings:
    """The texts by which an example would be recognised.

    Attributes:
        whole: question and answers, as the task has them.
        single: the question with each answer alone, where the requests tell; a row that was trained on
            seldom has all of them.
        questions: the question alone, where the data has a field of it: in a conversation the answer stands
            in another turn. None that several examples share.
    """

    whole: str
    single: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same texts."""
        parts = [self.whole, *self.single, "", *self.questions]
        return xxhash.xxh3_128_hexdigest("\0".join(parts).encode("utf-8", "replace"))


def wordings_of(samples: Iterable[Sample]) -> list[Wordings]:
    """The texts of a task's examples; what stands before a question in a prompt, such as solved examples, is
    not the example's own."""
    found = [_wordings(sample) for sample in samples]
    shared = Counter(question for each in found for question in set(each.questions))
    return [
        replace(each, questions=tuple(question for question in each.questions if shared[question] == 1))
        for each in found
    ]


def _wordings(sample: Sample) -> Wordings:
    lines = sample.text.split("\n")
    asked = (_asked(lines, arguments) for arguments in sample.arguments)
    fields = (sample.doc.get(name) for name in _QUESTIONS)
    questions = tuple(dict.fromkeys(field for field in fields if isinstance(field, str) and field))
    return Wordings(sample.text, tuple(dict.fromkeys(filter(None, asked))), questions)


def _asked(lines: Sequence[str], arguments: object) -> str:
    """The question with the continuation of a request for a likelihood; empty for other requests.

    Args:
        lines: of the example: its question, then answers.
    """
    if not isinstance(arguments, tuple | list) or len(arguments) != 2:
        return ""
    context, continuation = arguments
    if not isinstance(context, str) or not isinstance(continuation, str):
        return ""
    context = context.rstrip()
    for count in range(len(lines), 0, -1):
        question = "\n".join(lines[:count])
        if question and context.endswith(question):
            return question + continuation
    return ""


class Index(Generic[Place]):
    """The runs of words of many examples, and where each was found first.

    Args:
        examples: their wordings.
        ngram: words of a run.
        min_words: a wording with fewer than `ngram` words is looked for as a whole, if it has so many.

    Attributes:
        is_judged: bool [examples], whether an example has a wording that can be looked for.
    """

    def __init__(self, examples: Sequence[Wordings], *, ngram: int, min_words: int) -> None:
        self._hashes = WordHashes()
        self.is_judged = np.zeros(len(examples), np.bool_)
        found: dict[int, list[tuple[NDArray[np.uint64], int]]] = {}
        for number, example in enumerate(examples):
            for words in self._long_enough(example, ngram, min_words):
                length = min(len(words), ngram)
                found.setdefault(length, []).append((np.unique(run_hashes(words, length)), number))
                self.is_judged[number] = True
        self._sets = [_Examples[Place](length, found[length]) for length in sorted(found)]

    def _long_enough(self, example: Wordings, ngram: int, min_words: int) -> list[NDArray[np.uint64]]:
        """The wordings that can be looked for, as hashes of words."""
        shortest = min(ngram, min_words)
        whole = self._hashes.words(example.whole)
        single = [self._hashes.words(text) for text in example.single]
        questions = [self._hashes.words(text) for text in example.questions]
        # all answers in a row, and short: nobody would write that; found or not, it would tell nothing
        usable = [*single, *questions] if single and len(whole) < ngram else [whole, *single, *questions]
        return [words for words in usable if len(words) >= shortest]

    def look(self, texts: Iterable[tuple[str, Place]]) -> None:
        """Look for the examples in texts, each with the place that it comes from."""
        pieces: list[NDArray[np.uint64]] = []
        places: list[Place] = []
        ends: list[int] = []
        end = 0
        for text, place in texts:
            words = self._hashes.words(text)
            pieces += [words, _BREAK]
            end += len(words) + 1
            ends.append(end)
            places.append(place)
        if not pieces:
            return
        words = np.concatenate(pieces)
        for each in self._sets:
            each.look(words, np.array(ends), places)

    def places(self) -> dict[int, Place]:
        """Where the examples that were found stand; one place for each."""
        found: dict[int, Place] = {}
        for each in self._sets:
            for number, place in each.found():
                found.setdefault(number, place)
        return found


class _Examples(Generic[Place]):
    """The runs of one length."""

    def __init__(self, length: int, runs: Sequence[tuple[NDArray[np.uint64], int]]) -> None:
        hashes = np.concatenate([each for each, _ in runs])
        self._set = RunSet(length, hashes)
        self._run_of = np.searchsorted(self._set.hashes, hashes)
        self._example_of = np.repeat([number for _, number in runs], [len(each) for each, _ in runs])
        self._places: dict[int, Place] = {}

    def look(self, words: NDArray[np.uint64], ends: NDArray[np.int64], places: Sequence[Place]) -> None:
        begins, runs = self._set.found(words)
        for run, begin in dict(zip(reversed(runs.tolist()), reversed(begins.tolist()), strict=True)).items():
            if run not in self._places:
                self._places[run] = places[int(np.searchsorted(ends, begin, side="right"))]

    def found(self) -> list[tuple[int, Place]]:
        is_found = np.zeros(len(self._set), np.bool_)
        is_found[list(self._places)] = True
        hits = is_found[self._run_of]
        return [
            (example, self._places[run])
            for example, run in zip(self._example_of[hits].tolist(), self._run_of[hits].tolist(), strict=True)
        ]
