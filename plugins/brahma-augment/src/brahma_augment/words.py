"""Words of a text that may be replaced, and the text with others in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brahma.data.augmentation.protection import protected_spans

_WORD = re.compile(r"(?<![\w'’-])[A-Za-z]+(?:['’][a-z]+)?(?![\w’-])(?!'\w)")
_ARTICLE = re.compile(r"\b([Aa])n?(\s+)\Z")
_AN = re.compile(r"(?:[aeio]|u(?!ni(?!n|m)|s[aeiu]|tili|ti\b|b[iu])|hour|hono|honest|heir)(?!u[aeiou])", re.I)
_A = re.compile(r"(?:one(?![a-z])|once|eu|ew)", re.I)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Other words for a stretch of a text, in lower case; they get the capital of the first letter."""

    start: int
    end: int
    words: str


def open_words(text: str) -> list[Word]:
    """The words that are not protected, in order; a compound with a hyphen is none."""
    spans = protected_spans(text)
    found, at = [], 0
    for match in _WORD.finditer(text):
        while at < len(spans) and spans[at][1] <= match.start():
            at += 1
        if at == len(spans) or match.end() <= spans[at][0]:
            found.append(Word(match.start(), match.end(), match[0]))
    return found


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text after the edits, none of which overlaps another; `a` and `an` agree again."""
    pieces, position = [], 0
    for edit in sorted(edits, key=lambda each: each.start):
        between = text[position : edit.start]
        pieces += [_agreeing(between, edit.words), _with_case(edit.words, text[edit.start])]
        position = edit.end
    return "".join(pieces) + text[position:]


def everywhere(text: str, others: Mapping[str, str]) -> list[Edit]:
    """Each of the words wherever it stands open: who is a client once is one to the end."""
    return [Edit(word.start, word.end, others[word.text]) for word in open_words(text) if word.text in others]


def overlap(some: Sequence[Edit], others: Sequence[Edit]) -> bool:
    """Whether any of the edits touches one of the others."""
    return any(one.start <= two.end and two.start <= one.end for one in some for two in others)


def takes_an(word: str) -> bool:
    """Whether the article before a word is `an`."""
    return bool(_AN.match(word)) and not _A.match(word)


def _agreeing(before: str, words: str) -> str:
    article = "n" if takes_an(words) else ""
    return _ARTICLE.sub(lambda match: f"{match[1]}{article}{match[2]}", before)


def _with_case(words: str, first: str) -> str:
    return words[0].upper() + words[1:] if first.isupper() else words
