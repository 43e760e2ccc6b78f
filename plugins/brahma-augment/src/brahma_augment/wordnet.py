"""WordNet as its own files have it (https://wordnet.princeton.edu/documentation/wndb5wn): synonyms and forms.

Only single words without capitals are kept; of the capitalised ones it is remembered that they are names.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from brahma.core.errors import DataError, MissingDependencyError

Kind = Literal["noun", "verb", "adj", "adv"]
Form = Literal["base", "s", "ed", "ing", "er", "est"]
Synset = tuple[Kind, int]

DEFAULT_FOLDER = Path("/usr/share/wordnet")
"""Where the Debian package `wordnet-base` puts it."""

_KINDS: tuple[Kind, ...] = ("noun", "verb", "adj", "adv")
_KIND_NUMBERS: dict[str, Kind] = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
_ENDINGS: dict[Kind, tuple[Form, ...]] = {
    "noun": ("s",),
    "verb": ("s", "ed", "ing"),
    "adj": ("er", "est"),
    "adv": (),
}
_WORD = re.compile(r"[a-z]+")
_MARKER = re.compile(r"\((?:a|p|ip)\)$")  # where an adjective may stand
_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a written word may be.

    Attributes:
        form: `s` is a plural or a third person.
    """

    kind: Kind
    lemma: str
    form: Form


@dataclass
class Lexicon:
    """Words, their senses in the order of their frequency, and their forms.

    Attributes:
        senses: the synsets of a lemma, the most frequent first.
        members: the words of a synset.
        tagged: how often each sense occurs in the texts that were tagged by hand, by its number from 1.
        names: words that are names too, in lower case.
        used: how often a word occurs in the glosses, which are 1.5 million words of plain English.
        irregular: the lemmas of an irregular form.
        forms: the irregular forms of a lemma.
    """

    senses: dict[tuple[Kind, str], tuple[Synset, ...]] = field(default_factory=dict)
    members: dict[Synset, tuple[str, ...]] = field(default_factory=dict)
    tagged: dict[tuple[Kind, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    names: set[str] = field(default_factory=set)
    used: Counter[str] = field(default_factory=Counter)
    irregular: dict[tuple[Kind, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    forms: dict[tuple[Kind, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def readings(self, word: str) -> list[Reading]:
        """Everything that a word in lower case may be."""
        found = [Reading(kind, lemma, form) for kind in _KINDS for lemma, form in self._lemmas(kind, word)]
        return list(dict.fromkeys(each for each in found if (each.kind, each.lemma) in self.senses))

    def weight(self, reading: Reading) -> int:
        """How often the word was tagged as this kind."""
        counts = self.tagged.get((reading.kind, reading.lemma))
        return 0 if counts is None else counts.total()

    def first_weight(self, reading: Reading) -> int:
        """How often it was tagged with its first sense."""
        counts = self.tagged.get((reading.kind, reading.lemma))
        return 0 if counts is None else counts[1]

    def synonyms(self, reading: Reading, senses: int) -> set[str]:
        """Lemmas that share one of the first senses."""
        own = self.senses[reading.kind, reading.lemma][:senses]
        return {word for synset in own for word in self.members[synset]} - {reading.lemma}

    def inflected(self, kind: Kind, lemma: str, form: Form) -> str | None:
        """The form of a lemma; None when it is not certain."""
        if form == "base":
            return lemma
        known = [each for each in self.forms.get((kind, lemma), []) if _form_of(kind, each) == form]
        if known:
            return known[0] if len(known) == 1 else None
        return _regular(lemma, form) if kind in ("noun", "verb") else None

    def _lemmas(self, kind: Kind, word: str) -> Iterator[tuple[str, Form]]:
        yield word, "base"
        for lemma in self.irregular.get((kind, word), ()):
            if lemma != word:
                yield lemma, _form_of(kind, word)
        for form in _ENDINGS[kind]:
            if word.endswith(form):
                yield from ((lemma, form) for lemma in _stems(word, form))


def _form_of(kind: Kind, word: str) -> Form:
    """What an irregular form is."""
    if kind == "noun":
        return "s"
    if kind == "adj":
        return "est" if word.endswith("st") else "er"
    if word.endswith("ing"):
        return "ing"
    return "s" if word.endswith("s") and not word.endswith("ss") else "ed"


def _stems(word: str, form: Form) -> Iterator[str]:
    """What a regular form may come from; the lexicon knows which of them is a word."""
    stem = word.removesuffix(form)
    if form == "s":
        if stem.endswith("e"):
            if stem.endswith("ie"):
                yield stem[:-2] + "y"
            if stem[:-1].endswith(("s", "x", "z", "ch", "sh", "o")):
                yield stem[:-1]
        if not stem.endswith(("s", "u", "i")):
            yield stem
        return
    yield from (stem, stem + "e")
    if stem.endswith("i"):
        yield stem[:-1] + "y"
    if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in _VOWELS:
        yield stem[:-1]


def _regular(lemma: str, form: Form) -> str | None:
    after_consonant = len(lemma) > 1 and lemma[-2] not in _VOWELS
    if form == "s":
        if lemma.endswith("y") and after_consonant:
            return lemma[:-1] + "ies"
        return lemma + ("es" if lemma.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")
    if form == "ed" and lemma.endswith("y") and after_consonant:
        return lemma[:-1] + "ied"
    if lemma.endswith("ie") and form == "ing":
        return lemma[:-2] + "ying"
    if lemma.endswith("e") and not (form == "ing" and lemma.endswith(("ee", "oe", "ye"))):
        return lemma[:-1] + form
    return lemma + form


@cache
def read_lexicon(folder: Path = DEFAULT_FOLDER) -> Lexicon:
    """The lexicon in a folder with the files of WordNet 3: about 2 s the first time.

    Raises:
        MissingDependencyError: the files are not there.
        DataError: they are damaged.
    """
    lexicon = Lexicon()
    try:
        for kind in _KINDS:
            for offset, words, gloss in _data(folder / f"data.{kind}"):
                lexicon.names.update(word.lower() for word in words if word[0].isupper())
                lexicon.members[kind, offset] = tuple(
                    word for word in words if word.isalpha() and word.islower()
                )
                lexicon.used.update(_WORD.findall(gloss))
            lexicon.senses.update(_index(kind, _lines(folder / f"index.{kind}")))
            for line in _lines(folder / f"{kind}.exc"):
                word, *lemmas = line.split()
                for lemma in lemmas:
                    lexicon.irregular[kind, word].append(lemma)
                    lexicon.forms[kind, lemma].append(word)
        for key, number, count in map(str.split, _lines(folder / "cntlist.rev")):
            lemma, _, rest = key.partition("%")
            lexicon.tagged[_KIND_NUMBERS[rest[0]], lemma][int(number)] = int(count)
    except FileNotFoundError as error:
        raise MissingDependencyError(
            "the files of WordNet are not there",
            where=str(error.filename),
            hint="Install them (sudo apt install wordnet-base), or name their folder: --engine wordnet:/path",
        ) from error
    except (ValueError, IndexError, KeyError) as error:
        raise DataError(
            "the files of WordNet cannot be read",
            where=str(folder),
            why=str(error),
            hint="Install them again: sudo apt install --reinstall wordnet-base",
        ) from error
    return lexicon


def _lines(path: Path) -> Iterable[str]:
    """The lines of a file without those of its licence, which begin with a blank."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" "))


def _data(path: Path) -> Iterator[tuple[int, list[str], str]]:
    for line in _lines(path):
        head, _, gloss = line.partition("|")
        fields = head.split()
        count = int(fields[3], 16)
        words = [_MARKER.sub("", word) for word in fields[4 : 4 + 2 * count : 2]]
        yield int(fields[0]), words, gloss


def _index(kind: Kind, lines: Iterable[str]) -> Iterator[tuple[tuple[Kind, str], tuple[Synset, ...]]]:
    for line in lines:
        lemma, _, count, *rest = line.split()
        if lemma.isalpha():
            yield (kind, lemma), tuple((kind, int(offset)) for offset in rest[-int(count) :])
