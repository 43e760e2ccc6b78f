"""Readers: files become rows, one at a time, each with its line and byte offset.

A reader is `(path, options) -> Iterator[RawRow | BadRow]`, found by the ending of the file's name; plugins
bring further ones. A row that cannot be parsed is yielded as a `BadRow` and reading goes on; damage that
hides how many rows are lost (a cut-off gzip, binary data) is a DataError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from brahma.core.entries import ReaderEntry
from brahma.core.errors import DataError, PluginError
from brahma.core.plugins import get_plugins
from brahma.core.suffixes import COMPRESSION_SUFFIXES
from brahma.data.rows import BadRow as BadRow
from brahma.data.rows import RawRow as RawRow
from brahma.data.rows import place

TextDocument = Literal["file", "blank_line", "line"]
LONGEST_ROW = 16 << 20
"""Bytes: a row is held several times while it is cleaned, and its text may take four bytes a character."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is read.

    Attributes:
        text_document: what one document is in plain text.
        start: byte offset, in the decompressed stream, of a row that the reader yielded before; it begins
            there. A reader that cannot seek may ignore this and begin at the first row.
        line: the line at `start`.
        end: no row begins at this byte or after it. A reader that cannot seek may ignore this.
        lenient: mend what is no valid text, and say so in `RawRow.repairs`: UTF-16 and UTF-32 with their
            mark, bytes that are no UTF-8, NULs. Running text comes in pieces. A binary file is refused.
        longest: bytes of a row; with `lenient`, a longer one is a BadRow that is never held whole.
        piece: bytes of a piece of running text at most, with `lenient`; joined, the pieces are the text.
    """

    text_document: TextDocument = "file"
    start: int = 0
    line: int = 1
    end: int | None = None
    lenient: bool = False
    longest: int = LONGEST_ROW
    piece: int = 1 << 20


Reader = Callable[[Path, ReadOptions], Iterator[RawRow | BadRow]]


def read_rows(
    source: Path, *, text_document: TextDocument = "file", start: int = 0, line: int = 1
) -> Iterator[RawRow | BadRow]:
    """Rows of one file, streamed by the reader that its ending asks for.

    Args:
        source: the file.
        text_document: what one document is in plain text.
        start: byte offset of a row that was yielded before, to begin there.
        line: the line at `start`.

    Raises:
        DataError: no reader knows the ending; the file cannot be read, is binary, or is cut off.
        PluginError: two plugins claim the ending, or the reader cannot be loaded.
    """
    return reader_of(source)(source, ReadOptions(text_document, start, line))


def read_row_at(
    source: Path, *, line: int, offset: int, text_document: TextDocument = "file"
) -> RawRow | BadRow:
    """The row that starts there, as `read_rows` yielded it. Costs O(1), in a `.gz` O(offset).

    Raises:
        DataError: no row starts on that line: the file has changed.
    """
    for row in read_rows(source, text_document=text_document, start=offset, line=line):
        if row.line == line:
            return row
    raise DataError(
        "no row starts here any more",
        where=place(source, line),
        why="the file has changed since it was opened",
        hint="Open the data set again",
    )


def known_suffixes() -> tuple[str, ...]:
    """Endings for which a reader is installed, sorted."""
    return tuple(sorted(_readers_by_suffix()))


def shown_suffixes() -> str:
    """The same for an error: what is only compressed is said once."""
    known = known_suffixes()
    plain = [each for each in known if not each.endswith(COMPRESSION_SUFFIXES)]
    return f"{', '.join(plain)}; most also with {', '.join(COMPRESSION_SUFFIXES)}"


def has_reader(path: Path) -> bool:
    """Whether a reader knows the ending of this name."""
    return _suffix_of(path) is not None


def reader_of(path: Path) -> Reader:
    """The reader for this file.

    Raises:
        DataError: no reader knows the ending.
        PluginError: two plugins claim the ending, or the reader cannot be loaded.
    """
    suffix = _suffix_of(path)
    if suffix is None:
        raise DataError(
            f"no reader for files that end in {path.suffix or path.name!r}",
            where=str(path),
            hint=f"Known endings: {shown_suffixes()}",
        )
    names = _readers_by_suffix()[suffix]
    if len(names) > 1:
        raise PluginError(
            f"readers {' and '.join(names)} both claim {suffix}",
            where=str(path),
            hint="Uninstall the plugin of one of them",
        )
    return cast(Reader, get_plugins().load("reader", names[0], where=str(path)))


@cache
def _readers_by_suffix() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, entry in get_plugins().entries("reader").items():
        for suffix in cast(ReaderEntry, entry).suffixes:
            found.setdefault(suffix, []).append(name)
    return found


def _suffix_of(path: Path) -> str | None:
    name = path.name.lower()
    return max((suffix for suffix in _readers_by_suffix() if name.endswith(suffix)), key=len, default=None)
