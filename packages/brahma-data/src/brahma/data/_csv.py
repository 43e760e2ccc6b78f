"""Comma-separated values (RFC 4180): the first row names the columns, a cell may hold many lines."""

from __future__ import annotations

import csv
import io
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from brahma.core.errors import DataError, RowError
from brahma.data._compression import split_ending
from brahma.data._streams import decoded, lines, mended, open_stream, sniffed
from brahma.data.readers import ReadOptions
from brahma.data.rows import BadRow, RawRow, place

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_HEAD = 1 << 16
"""Bytes that the delimiter is guessed from, and rows of them."""
_HEAD_ROWS = 20

_log = logging.getLogger(__name__)


def read_csv(path: Path, options: ReadOptions) -> Iterator[RawRow | BadRow]:
    """Rows as objects of text, named by the header. Cells are text; an empty one is an empty text.

    In `.csv`, the delimiter is the one of `,` `;` tab `|` that makes a table of the first rows; one that is
    no comma is told by the first row's `repairs`. In `.tsv` it is the tab.

    Raises:
        DataError: no header, a column named twice, a quote that is never closed; as `open_stream`.
    """
    encoding = sniffed(path) if options.lenient else None
    guessed = split_ending(path.name)[0] != ".tsv"
    delimiter = _delimiter(path, encoding) if guessed else "\t"
    csv.field_size_limit(sys.maxsize)  # one for the whole process; `longest` bounds a row here
    records = _Records(path, replace(options, start=0, line=1), encoding, delimiter)
    columns = _columns(path, records)
    told: dict[str, int] = {}
    if options.start:
        records = _Records(path, options, encoding, delimiter)
    else:
        told |= {f"file read as {encoding.upper()}": 1} if encoding else {}
        told |= {f"columns separated by {_DELIMITERS[delimiter]}": 1} if guessed and delimiter != "," else {}
    for key in told:
        _log.info("%s: %s", path, key)
    for cells in records:
        if options.end is not None and records.offset >= options.end:
            return
        row = _row(path, columns, cells, records)
        if told and isinstance(row, RawRow):
            row, told = replace(row, repairs={**told, **row.repairs}), {}
        yield row


class _Records:
    """The records of a file, each with the place where it starts.

    Attributes:
        line, offset: of the record that came last.
        repairs: what was mended in it.
    """

    def __init__(self, path: Path, options: ReadOptions, encoding: str | None, delimiter: str) -> None:
        self.path, self.options = path, options
        self.line, self.offset = options.line, options.start
        self.repairs: Counter[str] = Counter()
        self._size = 0  # bytes of the record so far; 0 before its first line
        self._error: RowError | None = None
        self._found = lines(path, replace(options, end=None), encoding, keep_ends=True)
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[list[str] | RowError]:
        """The cells of each record, or what is wrong with it; blank lines are passed over.

        Raises:
            DataError: a quote is not closed before the file ends, or for very long.
        """
        while True:
            self._size, self._error, self.repairs = 0, None, Counter()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    raise self._unclosed() from error
                yield RowError(
                    f"not valid CSV: {error}",
                    where=place(self.path, self.line),
                    hint='A cell with quotes is written "like ""this"""',
                )
                continue
            if self._error is not None:
                yield self._error
            elif cells:
                yield cells

    def _lines(self) -> Iterator[str]:
        for line, offset, data in self._found:
            if not self._size:
                self.line, self.offset = line, offset
            if isinstance(data, RowError):
                self._error = data
                self._size += 1
                yield "\n"
                continue
            self._size += len(data)
            if self._size > self.options.longest:
                raise self._unclosed()
            yield self._text(line, offset, data)

    def _text(self, line: int, offset: int, data: bytes) -> str:
        if self.options.lenient:
            text, repairs = mended(data)
            self.repairs.update(repairs)
            return text
        found = decoded(self.path, line, offset, data)
        if isinstance(found, RowError):  # told when the record ends, which its quotes decide
            self._error = self._error or found
            return data.decode("utf-8", "replace")
        return found

    def _unclosed(self) -> DataError:
        return DataError(
            "a quote that opens here is not closed",
            where=place(self.path, self.line),
            why="what follows is one cell, as far as it was read",
            hint='Close it; a quote within a cell is written twice: ""',
        )


def _columns(path: Path, records: _Records) -> list[str]:
    """The names in the header."""
    columns = next(iter(records), None)
    if columns is None:
        return []
    if isinstance(columns, RowError):
        raise columns
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError(
            f"the header names the column {twice[0]!r} twice",
            where=place(path, records.line),
            hint="Rename one; the first row of the file names its columns",
        )
    return columns


def _row(path: Path, columns: list[str], cells: list[str] | RowError, records: _Records) -> RawRow | BadRow:
    line, offset = records.line, records.offset
    if isinstance(cells, list) and len(cells) != len(columns):
        cells = RowError(
            f"the row has {len(cells)} cells, the header {len(columns)}",
            where=place(path, line),
            why=f"columns: {', '.join(columns)}",
            hint='Put a cell with the delimiter in it into quotes: "…"',
        )
    if isinstance(cells, RowError):
        return BadRow(path, line, offset, cells)
    return RawRow(path, line, offset, dict(zip(columns, cells, strict=True)), dict(records.repairs))


def _delimiter(path: Path, encoding: str | None) -> str:
    """The one that gives the first rows the same number of cells, the most of them; else the comma."""
    with open_stream(path, encoding=encoding) as stream:
        head = mended(stream.read(_HEAD))[0]
    return max(_DELIMITERS, key=lambda each: _cells(head, each))


def _cells(head: str, delimiter: str) -> int:
    """Cells in each row, if the rows agree; else 1."""
    try:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        counts = [len(cells) for cells in islice(reader, _HEAD_ROWS) if cells]
    except csv.Error:
        return 1
    whole = counts[:-1] if len(counts) > 2 else counts  # the last one may be cut off with the head
    return whole[0] if whole and len(set(whole)) == 1 else 1
