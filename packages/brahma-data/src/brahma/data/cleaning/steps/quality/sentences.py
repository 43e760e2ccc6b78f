"""Where sentences end: after a mark that a blank follows, or a full stop of Chinese or Japanese."""

from __future__ import annotations

import re

from brahma.data.cleaning.steps.quality.characters import SENTENCE_ENDS

_WIDE = "。！？｡"
_MARKS = re.escape("".join(sorted(SENTENCE_ENDS - set(_WIDE)))) + "…"
_CLOSING = "[\"'”’»)\\]」』）]*"
_END = re.compile(rf"[{_MARKS}]+{_CLOSING}(?:\s+|\Z)|[{_WIDE}]+{_CLOSING}\s*")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """`(start, end)` of each sentence with the blanks after it; they join up to the whole text."""
    spans, start = [], 0
    for found in _END.finditer(text):
        spans.append((start, found.end()))
        start = found.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans
