"""The parts of a row that may change: running text and what a user asks, one paragraph at a time.

The supervised answer, system prompts and the material that an instruction is about stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brahma.data.augmentation.protection import has_prose
from brahma.data.layouts import Layout, Value, texts_of, with_texts

_BETWEEN = re.compile(r"(\n[ \t]*\n\s*)")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_ASKING = ("user", "human")


@dataclass(frozen=True, slots=True)
class Passages:
    """A row, cut up.

    Attributes:
        pieces: for each text of the row its paragraphs and what stands between them, in turn.
        open: `(text, piece)` of each paragraph that may change.
    """

    value: Value
    layout: Layout
    pieces: tuple[tuple[str, ...], ...]
    open: tuple[tuple[int, int], ...]

    @property
    def texts(self) -> list[str]:
        """The paragraphs that may change."""
        return [self.pieces[text][piece] for text, piece in self.open]

    def rebuilt(self, changed: Mapping[int, str]) -> str | dict[str, object]:
        """The row with other paragraphs, given by their number in `texts`."""
        pieces = [list(each) for each in self.pieces]
        for number, words in changed.items():
            text, piece = self.open[number]
            pieces[text][piece] = words
        return with_texts(self.value, self.layout, ["".join(each) for each in pieces])


def passages_of(value: Value, layout: Layout, *, where: str) -> Passages:
    """Cut a row up.

    Raises:
        RowError: what should be a text is none.
    """
    texts = texts_of(value, layout, where=where)
    asked = _asked(value, layout)
    pieces = tuple(_paragraphs(text) if number in asked else (text,) for number, text in enumerate(texts))
    may_change = tuple(
        (text, piece)
        for text in sorted(asked)
        for piece in range(0, len(pieces[text]), 2)
        if has_prose(pieces[text][piece])
    )
    return Passages(value, layout, pieces, may_change)


def _paragraphs(text: str) -> tuple[str, ...]:
    """Paragraphs and what stands between them, in turn; a block of code is never cut."""
    parts = _BETWEEN.split(text)
    joined = [parts[0]]
    for between, paragraph in zip(parts[1::2], parts[2::2], strict=True):
        if len(_FENCE.findall(joined[-1])) % 2:
            joined[-1] += between + paragraph
        else:
            joined += [between, paragraph]
    return tuple(joined)


def _asked(value: Value, layout: Layout) -> set[int]:
    """Which of the row's texts (in the order of `texts_of`) are not answers."""
    if isinstance(value, str) or layout in ("text", "completion"):
        return {0}
    first = 1 if layout in ("instruct", "sharegpt") and value.get("system") else 0
    if layout == "instruct":
        earlier = _list(value.get("history"))
        return {first + 2 * number for number in range(len(earlier) + 1)}
    turns = _list(value["messages" if layout == "chat" else "conversations"])
    return {first + number for number, turn in enumerate(turns) if _role(turn) in _ASKING}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _role(turn: object) -> object:
    return turn.get("role", turn.get("from")) if isinstance(turn, Mapping) else None
