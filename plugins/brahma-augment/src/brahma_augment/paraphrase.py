"""Paraphrases without a model: a few words of a passage become others that WordNet and rules allow."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from brahma.data.augmentation.contract import Augmenter
from brahma.data.augmentation.protection import protected_spans
from brahma_augment.rules import (
    contraction_edits,
    phrase_edits,
    request_edits,
    verb_edits,
    with_clauses_swapped,
)
from brahma_augment.synonyms import Synonyms
from brahma_augment.wordnet import DEFAULT_FOLDER, read_lexicon
from brahma_augment.words import Edit, edited, everywhere, open_words, overlap

_SHARE = 0.15  # of the words that change
_TRIES = 4  # for one variant, until one differs from those that are there
_SWAPS = 0.5  # chance that clauses change places where they can


class WordNetParaphraser(Augmenter):
    """Guarded synonyms, phrases, contractions and clauses.

    Args:
        seed: the same one gives the same variants.
        folder: the files of WordNet; None: where Debian puts them.
    """

    engine = "wordnet"
    language = "en"

    def __init__(self, seed: int, folder: Path | None = None) -> None:
        self._seed = seed
        self._synonyms = Synonyms(read_lexicon(folder or DEFAULT_FOLDER))

    def variants(self, passages: Sequence[str], count: int) -> list[list[str]]:
        return [self._of(passage, count) for passage in passages]

    def _of(self, passage: str, count: int) -> list[str]:
        edits = [*self._rules(passage), *self._synonyms_of(passage)]
        found: dict[str, None] = {}
        for number in range(count * _TRIES):
            if len(found) < count:
                found.setdefault(
                    self._variant(passage, edits, random.Random(f"{self._seed}:{number}:{passage}"))
                )
        return [variant for variant in found if variant != passage]

    def _variant(self, passage: str, edits: Sequence[Sequence[Edit]], chance: random.Random) -> str:
        most = max(1, round(_SHARE * len(passage.split())))
        chosen: list[Edit] = []
        for group in chance.sample(edits, len(edits))[:most]:
            if not overlap(group, chosen):
                chosen += group
        variant = edited(passage, chosen)
        return with_clauses_swapped(variant) if chance.random() < _SWAPS else variant

    def _rules(self, passage: str) -> Iterator[list[Edit]]:
        """What the rules could change, none of it protected; the edits of a list belong together."""
        spans = protected_spans(passage)
        single = (*phrase_edits(passage), *verb_edits(passage), *contraction_edits(passage))
        for group in (*request_edits(passage), *([edit] for edit in single)):
            if all(edit.end <= start or edit.start >= end for edit in group for start, end in spans):
                yield group

    def _synonyms_of(self, passage: str) -> Iterator[list[Edit]]:
        """The words that could change, each wherever it stands."""
        for word in dict.fromkeys(each.text for each in open_words(passage)):
            for other in self._synonyms.of(word)[:2]:
                yield everywhere(passage, {word: other})
