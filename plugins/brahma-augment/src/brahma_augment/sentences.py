"""A passage as sentences, and from sentences again."""

from __future__ import annotations

import re
from collections.abc import Sequence

Span = tuple[int, int]

_SENTENCE = re.compile(r"[^\n.?!]+(?:[.?!](?!\s|\Z)[^\n.?!]*)*[.?!]*[\"”’')\]]*")
_LETTER = re.compile(r"[^\W\d_]")


def sentence_spans(passage: str) -> list[Span]:
    """Where the sentences stand; a line's end ends one too. What has no letter is none."""
    found = []
    for match in _SENTENCE.finditer(passage):
        if _LETTER.search(match[0]):
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            found.append((start, match.start() + len(match[0].rstrip())))
    return found


def with_sentences(passage: str, spans: Sequence[Span], sentences: Sequence[str]) -> str:
    """The passage with other sentences in the places of its own."""
    pieces, position = [], 0
    for (start, end), sentence in zip(spans, sentences, strict=True):
        pieces += [passage[position:start], sentence]
        position = end
    return "".join(pieces) + passage[position:]
