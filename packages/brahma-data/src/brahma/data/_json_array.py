"""The elements of a JSON array, one at a time, from a window of its text that moves along."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from brahma.core.errors import DataError, RowError
from brahma.data._json import finite, key_twice, reason
from brahma.data._streams import binary_file, decoded, mended
from brahma.data.readers import ReadOptions
from brahma.data.rows import place

_SPACE = re.compile(r"[ \t\n\r]*")
_BLOCK = 1 << 18
_NOT_ASCII = bytes(range(0x80, 0x100))


class JsonArray:
    """A cursor over the elements, which counts lines and bytes as it goes.

    Attributes:
        line, offset: of the cursor.
        twice: a key that stands twice in an object of the last element.
    """

    def __init__(self, path: Path, stream: BinaryIO, options: ReadOptions) -> None:
        self.path, self.line, self.offset = path, options.line, options.start
        self.twice: str | None = None
        self._options = options
        self._stream = stream
        self._text, self._position = "", 0
        self._column = 0  # characters of the line that stand before the window
        self._tail, self._ended = b"", False  # bytes that may be the first of a character's
        self._read_line, self._read_offset = options.line, options.start  # where the text read so far ends
        self._repairs: Counter[str] = Counter()
        self._decoder = json.JSONDecoder(object_pairs_hook=self._noted, parse_float=finite)
        self._first = True

    def enter(self) -> None:
        """Go past the opening bracket."""
        self._skip_space()
        start = self._next()
        if start == "{":
            raise self._damage(
                "the file holds an object, not an array of rows",
                "Put the rows between [ and ]; if each line is an object, name the file .jsonl",
            )
        if start not in ("[", ""):
            raise self._damage("the file holds no array of rows", "A .json file is an array: [{…}, {…}]")
        self._advance(self._position + len(start))

    def more(self) -> bool:
        """Go to the next element; False at the end of the array."""
        self._skip_space()
        if self._first:
            self._first = False
            return self._next() not in ("]", "") or self._end()
        if self._next() == "]":
            return self._end()
        if self._next() != ",":
            raise self._damage("a comma or ] is missing", "The file may be cut off: make it again")
        self._advance(self._position + 1)
        self._skip_space()
        return True

    def element(self) -> object:
        """Parse the element at the cursor and go past it."""
        while True:
            self.twice = None
            try:
                value, end = self._decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if self._grow():
                    continue
                error.colno += 0 if "\n" in self._text[: error.pos] else self._column
                self._advance(error.pos)
                raise self._damage(f"not valid JSON: {reason(error)}") from error
            except (ValueError, RecursionError) as error:
                raise self._damage(f"JSON that cannot be read: {error}") from error
            if end < len(self._text) or not self._grow():  # at the end of the window, a number may go on
                self._advance(end)
                return value

    def take_repairs(self) -> Counter[str]:
        """What was mended since the last time."""
        taken, self._repairs = self._repairs, Counter()
        return taken

    def _noted(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.twice = self.twice or key_twice(pairs, found)
        return found

    def _end(self) -> bool:
        """False, once it is sure that nothing follows the array."""
        if self._next() == "" and self.offset:
            raise self._damage("the array is not closed", "The file may be cut off: make it again")
        self._advance(self._position + 1)
        self._skip_space()
        if self._next():
            raise self._damage("text follows the array", "A .json file is one array of rows")
        return False

    def _next(self) -> str:
        if self._position == len(self._text):
            self._grow()
        return self._text[self._position : self._position + 1]

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self._text, self._position)
            self._advance(match.end() if match else self._position)
            if self._position < len(self._text) or not self._grow():
                return

    def _advance(self, position: int) -> None:
        passed = self._text[self._position : position]
        self.line += passed.count("\n")
        self.offset += len(passed.encode())
        self._position = position

    def _grow(self) -> bool:
        """Read on, a block or as much as the window holds; False at the end."""
        if self._ended:
            return False
        passed, rest = self._text[: self._position], self._text[self._position :]
        if self._options.lenient and len(rest) > self._options.longest:
            raise self._damage("the row is too long, or is no JSON", "Cut it into documents, or take it out")
        self._column = len(passed) - passed.rfind("\n") - 1 + (0 if "\n" in passed else self._column)
        self._text, self._position = rest + self._read(max(_BLOCK, len(rest))), 0
        return True

    def _read(self, size: int) -> str:
        """More text; bytes after the last ASCII character wait for the next time."""
        block = self._stream.read(size)
        self._ended = not block
        data = self._tail + block
        if self._read_offset == 0 and data.startswith(codecs.BOM_UTF8):
            data = data.removeprefix(codecs.BOM_UTF8)
            self.offset = self._read_offset = len(codecs.BOM_UTF8)
        whole = len(data) if self._ended else len(data.rstrip(_NOT_ASCII))
        data, self._tail = data[:whole], data[whole:]
        text = self._decoded(data)
        self._read_line += data.count(b"\n")
        self._read_offset += len(data)
        return text

    def _decoded(self, data: bytes) -> str:
        if self._options.lenient:
            text, repairs = mended(data)
            self._repairs.update(repairs)
            return text
        if b"\0" in data:
            raise binary_file(self.path, data, self._read_offset + data.index(b"\0"))
        found = decoded(self.path, self._read_line, self._read_offset, data)
        if isinstance(found, RowError):
            raise found
        return found

    def _damage(
        self, message: str, hint: str = "Correct the file; the rows after this cannot be found"
    ) -> DataError:
        return DataError(message, where=place(self.path, self.line), hint=hint)
