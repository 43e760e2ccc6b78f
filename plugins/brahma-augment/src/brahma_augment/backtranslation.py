"""Back-translation without a model: there and back with Apertium, and what the trip did well is kept.

A rule-based trip loses articles, order and endings, but often brings a word that fits better than a
dictionary's. So the two sentences are laid beside each other word by word, and a word of the trip takes the
place of the source's only where WordNet agrees that they mean the same in the same form. Everything else
stays as the source has it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from itertools import islice
from pathlib import Path

from brahma.data.augmentation.contract import Augmenter, Failed, Outcome
from brahma_augment.apertium import backwards, require, translate
from brahma_augment.sentences import sentence_spans
from brahma_augment.synonyms import Synonyms, rows
from brahma_augment.wordnet import DEFAULT_FOLDER, read_lexicon
from brahma_augment.words import Word, edited, everywhere, open_words

_TOKEN = re.compile(r"[*@#]*[A-Za-z]+(?:[-'’][A-Za-z]+)*")
_SHARE = 0.15  # of the words of a passage that change


@cache
def _function_words() -> frozenset[str]:
    return frozenset(word for line in rows("function_words.txt") for word in line.split())


class ApertiumTrip(Augmenter):
    """Round trips through another language, or through several, one after the other.

    Args:
        seed: decides which of the words are taken where the trip brings more than enough.
        directions: the way there, such as `en-eo`; each one needs its Debian package.
        wordnet: its files; None: where Debian puts them.
        timeout: seconds for one process of Apertium.
    """

    language = "en"

    def __init__(self, seed: int, directions: Sequence[str], wordnet: Path | None, timeout: float) -> None:
        for direction in directions:
            require(direction)
            require(backwards(direction))
        self.engine = f"apertium {','.join(directions)}"
        self._seed, self._directions, self._timeout = seed, tuple(directions), timeout
        self._synonyms = Synonyms(read_lexicon(wordnet or DEFAULT_FOLDER))

    def variants(self, passages: Sequence[str], count: int) -> list[Outcome]:
        cuts = [sentence_spans(passage) for passage in passages]
        sentences = [
            " ".join(text[start:end].split())
            for text, spans in zip(passages, cuts, strict=True)
            for start, end in spans
        ]
        trips = [self._trip(sentences, direction) for direction in self._directions]
        beside = [iter(trip) for trip in trips]
        return [
            self._outcome(passage, [list(islice(each, len(spans))) for each in beside], spans, count)
            for passage, spans in zip(passages, cuts, strict=True)
        ]

    def _trip(self, sentences: Sequence[str], direction: str) -> list[str | Failed]:
        there = translate(sentences, direction, timeout=self._timeout)
        whole = [each for each in there if isinstance(each, str)]
        back = iter(translate(whole, backwards(direction), timeout=self._timeout))
        return [next(back) if isinstance(each, str) else each for each in there]

    def _outcome(
        self,
        passage: str,
        trips: Sequence[Sequence[str | Failed]],
        spans: Sequence[tuple[int, int]],
        count: int,
    ) -> Outcome:
        failed = [each for trip in trips for each in trip if isinstance(each, Failed)]
        if failed:
            return failed[0]
        words = [word for word in open_words(passage) if word.text.lower() not in _function_words()]
        brought: dict[str, list[str]] = {}
        for trip in trips:
            for (start, end), sentence in zip(spans, trip, strict=True):
                of_sentence = [word for word in words if start <= word.start < end]
                for word, other in self._brought(of_sentence, str(sentence)):
                    brought.setdefault(word, []).append(other)
        found = (self._variant(passage, brought, number) for number in range(count))
        return [each for each in dict.fromkeys(found) if each != passage]

    def _variant(self, passage: str, brought: dict[str, list[str]], number: int) -> str:
        chance = random.Random(f"{self._seed}:{number}:{passage}")
        most = max(1, round(_SHARE * len(passage.split())))
        words = chance.sample(sorted(brought), min(most, len(brought)))
        return edited(passage, everywhere(passage, {word: chance.choice(brought[word]) for word in words}))

    def _brought(self, source: Sequence[Word], trip: str) -> Iterator[tuple[str, str]]:
        """The words of a sentence for which the trip brought another that means the same."""
        other = [
            token for token in _TOKEN.findall(trip) if token.lower().lstrip("*") not in _function_words()
        ]
        for word, token in _pairs(source, other):
            if (
                word.text.islower()
                and token.islower()
                and token.isalpha()
                and self._synonyms.agree(word.text, token)
            ):
                yield word.text, token


def _pairs(source: Sequence[Word], other: Sequence[str]) -> Iterator[tuple[Word, str]]:
    """The words that stand in each other's place, where as many went as came."""
    matcher = SequenceMatcher(
        None,
        [word.text.lower() for word in source],
        [token.lstrip("*").lower() for token in other],
        autojunk=False,
    )
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag == "replace" and end - start == other_end - other_start:
            yield from zip(source[start:end], other[other_start:other_end], strict=True)
