"""Rows as the text of a file: plain text, JSON Lines, a JSON array, comma-separated values."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Protocol

import orjson

from brahma.core.errors import RowError
from brahma.data.layouts import Value, type_name
from brahma.data.readers import TextDocument

_LISTS, _MAPPINGS = (list, tuple), (dict, Mapping)  # the abstract class last: asking it takes longest


class RowText(Protocol):
    """Turns rows, one after the other, into the bytes of a file."""

    def row(self, value: Value) -> bytes: ...
    def end(self) -> bytes: ...


class _Rows:
    """Counts the rows, for errors.

    Args:
        name: of the file.
    """

    def __init__(self, name: str, text_document: TextDocument) -> None:
        self._name = name
        self._document = text_document
        self._count = 0

    def _fail(self, message: str, hint: str) -> RowError:
        return RowError(message, where=row_place(self._name, self._count), hint=hint)


class _Text(_Rows):
    def row(self, value: Value) -> bytes:
        self._count += 1
        text = self._text(value)
        if "\0" in text:
            raise self._fail("the text holds a NUL character", "Take it out, or write .jsonl")
        try:
            data = text if self._document == "file" else self._document_text(text)
            return data.encode()
        except UnicodeEncodeError:
            raise self._fail("the text holds half of a surrogate pair", "Take it out") from None

    def end(self) -> bytes:
        return b""

    def _text(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        text = value.get("text")
        if not isinstance(text, str):
            raise self._fail("the row is no running text", "A .txt file holds text alone: write .jsonl")
        if others := [key for key in value if key != "text"]:
            raise self._fail(f"a .txt file cannot hold the row's {', '.join(others)}", "Write .jsonl")
        return text

    def _document_text(self, text: str) -> str:
        text = text.strip("\n")
        if not text.strip():
            raise self._fail("the text is empty", "Take the row out, or write .jsonl")
        if self._document == "line":
            if "\n" in text:
                raise self._fail("a document of many lines does not fit a line", "Write .jsonl")
            return text + "\n"
        if any(not line.strip() for line in text.split("\n")):
            raise self._fail(
                "the text holds a blank line, which would cut it in two", "Write .jsonl, which keeps it whole"
            )
        return ("\n" if self._count > 1 else "") + text + "\n"


class _JsonLines(_Rows):
    def row(self, value: Value) -> bytes:
        self._count += 1
        return self._json(value) + b"\n"

    def end(self) -> bytes:
        return b""

    def _json(self, value: Value) -> bytes:
        try:
            return json_of({"text": value} if isinstance(value, str) else value)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._fail(
                f"JSON cannot hold the row: {error}", "Write .parquet, or convert the value"
            ) from error


class _JsonArray(_JsonLines):
    def row(self, value: Value) -> bytes:
        self._count += 1
        return (b"[\n" if self._count == 1 else b",\n") + self._json(value)

    def end(self) -> bytes:
        return b"\n]\n" if self._count else b"[]\n"


class _Csv(_Rows):
    """Comma-separated values (RFC 4180), the lines ended by LF; the first row says the columns."""

    delimiter = ","

    def __init__(self, name: str, text_document: TextDocument) -> None:
        super().__init__(name, text_document)
        self._columns: list[str] = []

    def row(self, value: Value) -> bytes:
        self._count += 1
        row = {"text": value} if isinstance(value, str) else value
        header = b""
        if self._count == 1:
            self._columns = list(row)
            header = self._line(self._columns)
        if row.keys() != set(self._columns):
            odd = ", ".join(sorted(row.keys() ^ set(self._columns)))
            raise self._fail(
                f"the row's columns are not those of the first row: {odd}",
                "All rows of a table have the same columns; .jsonl and .parquet hold others",
            )
        return header + self._line([self._cell(row[column], column) for column in self._columns])

    def end(self) -> bytes:
        return b""

    def _cell(self, value: object, column: str) -> str:
        if value is None:
            return ""
        if isinstance(value, Mapping | list | tuple | bytes):
            raise self._fail(f"{column!r} is {type_name(value)}, which a cell cannot hold", "Write .jsonl")
        text = value if isinstance(value, str) else json_of(value).decode()
        if "\0" in text:
            raise self._fail(f"{column!r} holds a NUL character", "Take it out, or write .jsonl")
        return text

    def _line(self, cells: list[str]) -> bytes:
        line = io.StringIO()
        csv.writer(line, delimiter=self.delimiter, lineterminator="\r\n").writerow(cells)  # quotes CR and LF
        try:
            return line.getvalue().removesuffix("\r\n").encode() + b"\n"
        except UnicodeEncodeError:
            raise self._fail("the row holds half of a surrogate pair", "Take it out") from None


class _Tsv(_Csv):
    delimiter = "\t"


ROW_TEXTS: dict[str, Callable[[str, TextDocument], RowText]] = {
    ".txt": _Text,
    ".jsonl": _JsonLines,
    ".ndjson": _JsonLines,
    ".json": _JsonArray,
    ".csv": _Csv,
    ".tsv": _Tsv,
}


def row_place(name: str, number: int) -> str:
    """A row of a file that is being written."""
    return f"{name}, row {number:,}"


def json_of(value: object) -> bytes:
    """JSON in UTF-8. What orjson changes or refuses (NaN, half surrogates, big integers) json writes.

    Raises:
        TypeError, ValueError, RecursionError: JSON has no such thing.
    """
    if not _has_odd_number(value):
        try:
            return orjson.dumps(value)
        except TypeError:
            pass
    return json.dumps(value).encode()


def _has_odd_number(value: object) -> bool:
    """Whether a NaN or infinity, which orjson would write as null, is within."""
    if isinstance(value, _LISTS):
        within: Iterable[object] = value
    elif isinstance(value, _MAPPINGS):
        within = value.values()
    else:
        return isinstance(value, float) and not isfinite(value)
    return any(type(each) is not str and _has_odd_number(each) for each in within)
