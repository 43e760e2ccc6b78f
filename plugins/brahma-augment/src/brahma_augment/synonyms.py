"""Synonyms that can stand in a word's place: guarded, because most of what WordNet offers reads wrong.

A word is replaced only where its first sense is what it nearly always means, the other word is in that sense
as nearly always too, takes the same form, and is not much rarer.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files

from brahma_augment.wordnet import Lexicon, Reading

_MOST_SENSES = 4
_SHARE = 0.75  # of the tagged occurrences of a word that must have its first sense
_RARER: dict[str, float] = {"adj": 0.03, "adv": 0.03, "verb": 0.08, "noun": 0.1}
"""How often the other word must be used at least, to the word's own use."""
_LEAST_USED = 4  # times in the glosses; a word that occurs less is one of a specialist
_LIKE = 0.84  # two words so much alike are one word, spelt otherwise
_SHARED_SENSES = 2


def rows(name: str) -> list[str]:
    """The lines of a file of this package, without its remarks."""
    lines = files("brahma_augment").joinpath(name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@cache
def blocked() -> frozenset[str]:
    """Words that are never replaced, unless a pair is trusted."""
    return frozenset(word for line in rows("blocked.txt") for word in line.split())


@cache
def trusted() -> frozenset[tuple[str, ...]]:
    """Pairs of a word and what a translation may make of it."""
    return frozenset(tuple(line.split()) for line in rows("trusted.txt"))


class Synonyms:
    """The guarded synonyms of a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, word: str) -> tuple[str, ...]:
        """What can stand in the place of a word in lower case, the best first."""
        if word not in self._known:
            self._known[word] = self._found(word)
        return self._known[word]

    def agree(self, word: str, other: str) -> bool:
        """Whether a word that a translation brought means what the word of the source does, in its form."""
        if (word, other) in trusted():
            return True
        if word in blocked() or other in blocked() or self._alike(word, other):
            return False
        readings, others = self.lexicon.readings(word), self.lexicon.readings(other)
        total = sum(map(self.lexicon.weight, readings))
        return any(
            one.kind == two.kind
            and one.form == two.form
            and one.lemma != two.lemma
            and (len(readings) == 1 or self.lexicon.weight(one) > 0.6 * total)
            and two.lemma in self._near(one)
            and one.lemma in self._near(two)
            and self._is_common(one, word, other)
            for one in readings
            for two in others
        )

    def _near(self, reading: Reading) -> set[str]:
        return self.lexicon.synonyms(reading, _SHARED_SENSES)

    def _found(self, word: str) -> tuple[str, ...]:
        if len(word) < 3 or word in blocked() or word in self.lexicon.names:
            return ()
        reading = self._plain_reading(word)
        if reading is None:
            return ()
        others = {
            other
            for lemma in self.lexicon.synonyms(reading, 1)
            if (other := self.lexicon.inflected(reading.kind, lemma, reading.form))
            and self._stands_for(reading, word, lemma, other)
        }
        return tuple(sorted(others, key=lambda other: (-self.lexicon.used[other], other)))

    def _stands_for(self, reading: Reading, word: str, lemma: str, other: str) -> bool:
        back = self._plain_reading(other)
        return (
            back is not None
            and (back.kind, back.lemma) == (reading.kind, lemma)
            and reading.lemma in self.lexicon.synonyms(back, 1)
            and other not in blocked()
            and self._is_common(reading, word, other)
            and not self._alike(word, other)
        )

    def _plain_reading(self, word: str) -> Reading | None:
        """What the word nearly always is; None when that is not clear."""
        readings = self.lexicon.readings(word)
        total = sum(map(self.lexicon.weight, readings))
        for reading in readings:
            senses = len(self.lexicon.senses[reading.kind, reading.lemma])
            if total == 0:
                if len({each.kind for each in readings}) == 1 and senses <= _SHARED_SENSES:
                    return reading
            elif senses <= _MOST_SENSES and self.lexicon.first_weight(reading) >= _SHARE * total:
                return reading
        return None

    def _is_common(self, reading: Reading, word: str, other: str) -> bool:
        least = max(_LEAST_USED, _RARER[reading.kind] * self.lexicon.used[word])
        return self.lexicon.used[other] >= least

    @staticmethod
    def _alike(word: str, other: str) -> bool:
        return SequenceMatcher(None, word, other).ratio() > _LIKE or word[:6] == other[:6]
