"""The built-in readers: plain text, JSON Lines, JSON arrays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from brahma.core.errors import RowError
from brahma.data._json import DuplicateKeyError, fast_object, reason, slow_object
from brahma.data._json_array import JsonArray
from brahma.data._streams import decoded, lines, mended, open_stream, pieces, read_all, sniffed, too_long
from brahma.data.layouts import type_name
from brahma.data.readers import ReadOptions
from brahma.data.rows import BadRow, RawRow, place


def read_text(path: Path, options: ReadOptions) -> Iterator[RawRow | BadRow]:
    r"""Plain text: a document is the whole file, a paragraph, or a line. Line ends become `\n`."""
    encoding = sniffed(path) if options.lenient else None
    if options.text_document != "file":
        rows = _documents(path, options, encoding)
    elif options.lenient:
        rows = _pieces(path, options, encoding)
    else:
        rows = _whole(path, options)
    return _with_encoding(rows, encoding, options)


def _whole(path: Path, options: ReadOptions) -> Iterator[RawRow | BadRow]:
    data, offset = read_all(path, options.start)
    text = decoded(path, options.line, offset, data)
    yield row_of(
        path, options.line, offset, text if isinstance(text, RowError) else text.replace("\r\n", "\n")
    )


def _pieces(path: Path, options: ReadOptions, encoding: str | None) -> Iterator[RawRow | BadRow]:
    for line, offset, data in pieces(path, options, encoding):
        text, repairs = mended(data)
        yield RawRow(path, line, offset, text.replace("\r\n", "\n"), repairs)


class _Line(NamedTuple):
    line: int
    offset: int
    text: str | RowError
    repairs: Mapping[str, int]
    size: int


def _documents(path: Path, options: ReadOptions, encoding: str | None) -> Iterator[RawRow | BadRow]:
    found = (
        _text_line(path, line, offset, data, lenient=options.lenient)
        for line, offset, data in lines(path, options, encoding)
    )
    if options.text_document == "blank_line":
        yield from _paragraphs(path, found, options)
        return
    for each in found:
        if not _is_blank(each):
            yield row_of(path, each.line, each.offset, each.text, each.repairs)


def _text_line(path: Path, line: int, offset: int, data: bytes | RowError, *, lenient: bool) -> _Line:
    if isinstance(data, RowError):
        return _Line(line, offset, data, {}, 0)
    text, repairs = mended(data) if lenient else (decoded(path, line, offset, data), {})
    return _Line(line, offset, text, repairs, len(data) + 1)


def _paragraphs(path: Path, found: Iterable[_Line], options: ReadOptions) -> Iterator[RawRow | BadRow]:
    """Runs of lines that are not blank, joined again; one line that is not UTF-8 spoils its paragraph."""
    for blank, group in groupby(found, key=_is_blank):
        if blank:
            continue
        held: list[_Line] = []
        size, error = 0, None
        for each in group:
            size += each.size
            error = error or (each.text if isinstance(each.text, RowError) else None)
            if not held or not options.lenient or size <= options.longest:
                held.append(each)
        line, offset, *_ = held[0]
        if error is None and options.lenient and size > options.longest:
            error = too_long(path, line, size, options.longest)
        repairs: Counter[str] = Counter()
        for each in held:
            repairs.update(each.repairs)
        yield row_of(path, line, offset, error or "\n".join(str(each.text) for each in held), repairs)


def _is_blank(line: _Line) -> bool:
    return isinstance(line.text, str) and not line.text.strip()


def row_of(
    path: Path,
    line: int,
    offset: int,
    value: str | dict[str, object] | RowError,
    repairs: Mapping[str, int] = {},
) -> RawRow | BadRow:
    """The row, or the bad row when there is an error in place of its value."""
    if isinstance(value, RowError):
        return BadRow(path, line, offset, value)
    return RawRow(path, line, offset, value, dict(repairs))


def _with_encoding(
    rows: Iterator[RawRow | BadRow], encoding: str | None, options: ReadOptions
) -> Iterator[RawRow | BadRow]:
    """The first row of the file says that all of it was read in another encoding."""
    for row in rows:
        if encoding and options.start == 0 and isinstance(row, RawRow):
            row = replace(row, repairs={f"file read as {encoding.upper()}": 1, **row.repairs})
            encoding = None
        yield row


def read_json_lines(path: Path, options: ReadOptions) -> Iterator[RawRow | BadRow]:
    """JSON Lines (https://jsonlines.org): an object a line. A blank line holds nothing and is no row."""
    encoding = sniffed(path) if options.lenient else None
    return _with_encoding(_json_rows(path, options, encoding), encoding, options)


def _json_rows(path: Path, options: ReadOptions, encoding: str | None) -> Iterator[RawRow | BadRow]:
    for line, offset, data in lines(path, options, encoding):
        if isinstance(data, RowError):
            yield BadRow(path, line, offset, data)
        elif data and not data.isspace():
            value = fast_object(data)
            if value is not None:
                yield RawRow(path, line, offset, value)
                continue
            each = _text_line(path, line, offset, data, lenient=options.lenient)
            text = each.text
            parsed = text if isinstance(text, RowError) else _parsed(path, line, text)
            yield row_of(path, line, offset, parsed, each.repairs)


def _parsed(path: Path, line: int, text: str) -> dict[str, object] | RowError:
    try:
        return _object(path, line, slow_object(text))
    except DuplicateKeyError as error:
        return _twice(path, line, error.key)
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {reason(error)}"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
        problem = f"JSON that cannot be read: {error}"
    return RowError(problem, where=place(path, line), hint="Correct the line, or take it out")


def _twice(path: Path, line: int, key: str) -> RowError:
    return RowError(
        f"the key {key!r} stands twice in an object", where=place(path, line), hint="Take one of the two out"
    )


def _object(path: Path, line: int, value: object) -> dict[str, object] | RowError:
    if isinstance(value, dict):
        return value
    return RowError(
        f"the row is {type_name(value)}, not an object",
        where=place(path, line),
        hint='Write each row as {"text": "…"}',
    )


def read_json(path: Path, options: ReadOptions) -> Iterator[RawRow | BadRow]:
    """A JSON array of objects (RFC 8259), an element at a time.

    Raises:
        DataError: the file holds no array, or damage after which the next row cannot be found.
    """
    encoding = sniffed(path) if options.lenient else None
    return _with_encoding(_elements(path, options, encoding), encoding, options)


def _elements(path: Path, options: ReadOptions, encoding: str | None) -> Iterator[RawRow | BadRow]:
    with open_stream(path, options.start, encoding) as stream:
        array = JsonArray(path, stream, options)
        if options.start == 0:
            array.enter()
        while array.more():
            line, offset = array.line, array.offset
            if options.end is not None and offset >= options.end:
                return
            value = _object(path, line, array.element())
            if array.twice is not None:
                value = _twice(path, line, array.twice)
            yield row_of(path, line, offset, value, array.take_repairs())
