"""Rows: what a reader yields, what a data set holds, what an encoder makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from brahma.core.errors import RowError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["text", "chat", "completion"]
Role = Literal["system", "user", "assistant"]

ROWS_IN_MEMORY = Path("<rows>")
"""The `source` of rows that were given as a list."""

_SHOWN = 3  # messages in a `repr`
_CHARACTERS = 40  # of each text in a `repr`


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands in its file, not yet validated.

    Attributes:
        line: 1-based line on which the row starts.
        offset: byte at which the row starts, in the decompressed stream.
        value: plain text, or a JSON object.
        repairs: what lenient reading mended in it, and how often.
    """

    source: Path
    line: int
    offset: int
    value: str | dict[str, object]
    repairs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used; the data set's `on_bad_row` decides what becomes of it."""

    source: Path
    line: int
    offset: int
    error: RowError


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One valid example: `text`, or `messages`, or `prompt` and `completion`, as `kind` says."""

    kind: Kind
    source: Path
    line: int
    offset: int
    text: str = ""
    messages: tuple[Message, ...] = ()
    prompt: str = ""
    completion: str = ""

    @property
    def where(self) -> str:
        """`file:line`, for messages."""
        return place(self.source, self.line)

    def texts(self) -> tuple[str, ...]:
        """Every piece of text in the row, in order."""
        if self.kind == "text":
            return (self.text,)
        if self.kind == "chat":
            return tuple(message.content for message in self.messages)
        return (self.prompt, self.completion)

    def __repr__(self) -> str:
        """Kind, place and the beginning of each text."""
        if self.kind == "text":
            pieces = [_beginning(self.text)]
        elif self.kind == "completion":
            pieces = [f"prompt={_beginning(self.prompt)}", f"completion={_beginning(self.completion)}"]
        else:
            pieces = [f"{message.role}={_beginning(message.content)}" for message in self.messages[:_SHOWN]]
            if (more := len(self.messages) - _SHOWN) > 0:
                pieces.append(f"… {more:,} more messages")
        return f"Row({self.kind}, {self.where}, {', '.join(pieces)})"


@dataclass(frozen=True, slots=True, eq=False)
class EncodedDocument:
    """One row as tokens.

    Attributes:
        ids: int32 `[n]`.
        mask: uint8 `[n]`; 1 where the token is supervised as a target. `mask[0]` is always 0.
        num_bytes: UTF-8 bytes of the text that the supervised tokens spell.
        num_special: tokens among `ids` that spell no text of the row: bos, eos, marks of a template.
        prompt_length: masked tokens after bos and before the first supervised token; they may be cut
            from the left when the row is too long. 0 for running text.
        has_bos: whether `ids[0]` is a beginning-of-sequence token, which a cut must keep.
        num_spelt: special tokens that the row spells out, which are text in `ids`.
    """

    ids: NDArray[np.int32]
    mask: NDArray[np.uint8]
    num_bytes: int
    num_special: int
    prompt_length: int
    has_bos: bool
    num_spelt: int = 0


def place(source: Path, line: int) -> str:
    """`file:line`."""
    return f"{source}:{line}"


def _beginning(text: str) -> str:
    return repr(text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…")
