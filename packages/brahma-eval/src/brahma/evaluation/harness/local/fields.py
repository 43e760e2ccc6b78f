"""A row of a user's file, and its fields, each checked where it is read."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from brahma.core.error_text import first_line
from brahma.core.errors import DataError, RowError
from brahma.data.readers import read_rows
from brahma.data.rows import BadRow, place

_SHOWN = 60  # characters of a value in an error


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        where: `file:line`.
        example: a good row, for errors.
    """

    where: str
    values: Mapping[str, object]
    example: str

    def text(self, name: str, *, empty: bool = True) -> str:
        """Raises RowError: it is missing, no text, or empty where it must not be."""
        value = self._value(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a text", value)
        if not (empty or value.strip()):
            raise self.wrong(name, "a text that is not empty", value)
        return value

    def texts(self, name: str, count: int | None = None) -> list[str]:
        """Raises RowError: it is missing, no list of texts, or not as many as `count`."""
        value = self._value(name)
        wanted = f"a list of {count} texts" if count else "a list of texts"
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(name, wanted, value)
        if not value or (count is not None and len(value) != count):
            raise self.wrong(name, wanted, value, f"it has {len(value)}")
        return list(value)

    def index(self, name: str, count: int, *, letters: bool = False) -> int:
        """Which of `count` choices, as a number from 0 on, in digits, or by letter if `letters`.

        Raises:
            RowError: it is missing, of another type, or out of range.
        """
        value = self._value(name)
        wanted = f"a whole number from 0 to {count - 1}"
        if letters:
            wanted += f", or a letter from A to {chr(ord('A') + count - 1)}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.wrong(name, wanted, value)
        if isinstance(value, str):
            value = value.strip()
            if letters and len(value) == 1 and value.isascii() and value.isalpha():
                value = ord(value.upper()) - ord("A")
            elif value.isascii() and value.isdigit():
                value = int(value)
        if not isinstance(value, int) or not 0 <= value < count:
            raise self.wrong(name, wanted, self.values[name])
        return value

    def wrong(self, name: str, wanted: str, found: object, more: str = "") -> RowError:
        """The error for a field that is something else than it should be."""
        shown = repr(found)
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
        why = f"found {shown}" + (f": {more}" if more else "")
        return RowError(
            f'"{name}" must be {wanted}', where=self.where, why=why, hint=f"a row: {self.example}"
        )

    def missing(self, name: str) -> RowError:
        """The error for a field that is not there."""
        there = ", ".join(str(key) for key in self.values) or "nothing"
        return RowError(
            f'the field "{name}" is missing', where=self.where, why=f"the row has {there}",
            hint=f"a row: {self.example}",
        )  # fmt: skip

    def _value(self, name: str) -> object:
        if name not in self.values:
            raise self.missing(name)
        return self.values[name]


def rows(file: Path, example: str) -> Iterator[Row]:
    """Rows of a `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet`.

    Raises:
        RowError: a row cannot be parsed, or is no object.
        DataError: as the readers; the file has no row.
    """
    found = False
    for row in read_rows(file):
        if isinstance(row, BadRow):
            raise row.error
        found = True
        where = place(file, row.line)
        if not isinstance(row.value, dict):
            raise RowError(
                "a row must be an object with named fields", where=where, hint=f"one is: {example}"
            )
        yield Row(where, row.value, example)
    if not found:
        raise empty(file, example)


def records(file: Path, example: str) -> Iterator[tuple[str, list[str]]]:
    """Records of a table with commas, with or without a header: `file:line`, cells. Blank lines are skipped.

    Raises:
        RowError: a quote is never closed.
        DataError: the file cannot be read, is no UTF-8, or has no record.
    """
    csv.field_size_limit(sys.maxsize)
    found = False
    start = 1
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            try:
                for cells in reader:
                    if cells:
                        found = True
                        yield place(file, start), cells
                    start = reader.line_num + 1
            except csv.Error as error:
                raise RowError(
                    "this row cannot be read", where=place(file, start), why=first_line(error),
                    hint='a cell with commas, quotes or line ends stands in "…", quotes in it doubled',
                ) from error  # fmt: skip
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "this file cannot be read", where=str(file), why=first_line(error), hint="it must be UTF-8 text"
        ) from error
    if not found:
        raise empty(file, example)


def empty(file: Path, example: str) -> DataError:
    """The error for a file without rows."""
    return DataError("this file has no rows", where=str(file), hint=f"a row: {example}")
