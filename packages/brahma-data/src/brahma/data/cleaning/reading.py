"""The documents of a part of the input, and the rows that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from brahma.core.errors import RowError
from brahma.data.cleaning.job import Job
from brahma.data.cleaning.pieces import pieces_of
from brahma.data.cleaning.tasks import Part
from brahma.data.layouts import Layout, Value, is_preference, layout_of, layouts_of, unknown_layout
from brahma.data.readers import ReadOptions, reader_of
from brahma.data.rows import BadRow, RawRow


class Found(NamedTuple):
    """A document of the input.

    Attributes:
        line: 1-based, on which it starts.
        layout: of the row.
        value: the row.
        texts: its pieces of text.
        tail: the blanks and line ends after running text; they stay as they are.
        repairs: what was mended to read it, and how often.
    """

    line: int
    layout: Layout
    value: Value
    texts: tuple[str, ...]
    tail: str
    repairs: Mapping[str, int]


def read_part(job: Job, part: Part) -> Iterator[Found | BadRow]:
    """Every document of a part; of running text in pieces.

    Raises:
        DataError: the file cannot be read, or is damaged so that what follows cannot be found.
    """
    source = job.sources[part.source]
    options = ReadOptions(job.text_document, part.start, part.line, part.end, lenient=True)
    recognise = _Recogniser(cast("Layout | None", job.layout), source.name)
    for row in reader_of(source.path)(source.path, options):
        if part.end is not None and row.offset >= part.end:
            return
        if isinstance(row, BadRow):
            yield row
        elif not source.running:
            yield recognise(row)
        elif str(row.value).strip():
            yield _piece(row)


class _Recogniser:
    """Finds the texts of rows; most have the keys of the row before them, and so its layout.

    Args:
        layout: of all rows; None: each is recognised.
        name: of the file, as the report has it.
    """

    def __init__(self, layout: Layout | None, name: str) -> None:
        self._wanted = layout
        self._name = name
        self._keys: tuple[str, ...] = ()
        self._layout: Layout = "text"

    def __call__(self, row: RawRow) -> Found | BadRow:
        try:
            if is_preference(row.value):
                raise unknown_layout(cast("Mapping[str, object]", row.value), where=self._where(row))
            layout = self._wanted or self._layout_of(row)
            texts = pieces_of(row.value, layout)
        except RowError as error:
            error.where = self._where(row)
            return BadRow(row.source, row.line, row.offset, error)
        if not any(map(str.strip, texts)):
            empty = RowError("the text is empty", where=self._where(row), hint="Take the row out")
            return BadRow(row.source, row.line, row.offset, empty)
        return Found(row.line, layout, row.value, texts, "", row.repairs)

    def _layout_of(self, row: RawRow) -> Layout:
        keys = ("",) if isinstance(row.value, str) else tuple(row.value)
        if keys != self._keys:
            self._layout = layout_of(row.value, where=self._where(row))
            self._keys = keys if len(layouts_of(dict.fromkeys(keys, ""))) < 2 else ()
        return self._layout

    def _where(self, row: RawRow) -> str:
        return f"{self._name}:{row.line}"


def _piece(row: RawRow) -> Found:
    text = str(row.value)
    body = text.rstrip()
    return Found(row.line, "text", body, (body,), text[len(body) :], row.repairs)
