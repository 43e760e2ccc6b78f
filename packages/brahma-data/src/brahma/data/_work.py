"""Work that is handed out when sources are tokenised: stretches of files, or rows; and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.errors import RowError
from brahma.data._streams import open_stream
from brahma.data.rows import BadRow, EncodedDocument, Row

if TYPE_CHECKING:
    import numpy as np

    from brahma.data.dataset import Dataset
    from brahma.data.encode import Encoder
    from brahma.data.shards import Documents, Place

_SECTION = 2_000_000
"""Bytes of a stretch, about: worth a message to another process, and many in a large file."""
_BATCH_ROWS = 1024
_BATCH_CHARACTERS = 1 << 18
_LINE_BASED = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of a line-based file that begin in a stretch of its bytes.

    Attributes:
        start: first byte, where a line begins.
        line: 1-based, at `start`.
        stop: the byte after the last one.
    """

    source: Path
    start: int
    line: int
    stop: int

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.source}, bytes {self.start} to {self.stop}"


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows that were read already."""

    rows: list[Row | BadRow]

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.rows[0].source}, lines {self.rows[0].line} to {self.rows[-1].line}"


Work = Section | RowBatch


@dataclass(frozen=True, slots=True, eq=False)
class Tokenised:
    """What became of some work.

    Attributes:
        documents: of the accepted rows; their numbers of rows count from 0 here.
        rows: how many there were, the failed ones included.
        failures: those that are skipped, with their lines; the first alone where that is an error.
        spelt: lines that spell out special tokens, and how many.
        end: byte of the source up to which it was read.
    """

    documents: Documents
    rows: int
    failures: tuple[tuple[int, RowError], ...]
    spelt: tuple[tuple[int, int], ...]
    end: int


class Tokeniser:
    """Does work; travels to other processes by pickle.

    Args:
        encoder: makes the tokens.
        dataset: makes the rows.
        dtype: of the tokens.
    """

    def __init__(self, encoder: Encoder, dataset: Dataset, dtype: np.dtype[Any]) -> None:
        self._encoder = encoder
        self._dataset = _without_rows(dataset)
        self._dtype = dtype

    def __call__(self, work: Work) -> Tokenised:
        """Tokenise the rows.

        Raises:
            BrahmaError: what is not about one row, such as a template that fails.
        """
        from brahma.data.shards import Documents

        count, end = 0, 0
        made: list[EncodedDocument] = []
        places: list[Place] = []
        failures, spelt = list[tuple[int, RowError]](), list[tuple[int, int]]()
        for row in self._rows(work):
            count, end = count + 1, row.offset
            outcome = encode_row(self._encoder, row)
            if isinstance(outcome, RowError):
                failures.append((row.line, outcome))
                if self._dataset.options.on_bad_row == "error":
                    break
                continue
            places.append((0, len(made), row.line, row.offset))
            made.append(outcome)
            if outcome.num_spelt:
                spelt.append((row.line, outcome.num_spelt))
        if isinstance(work, Section):
            end = work.stop
        documents = Documents.of(made, places, self._dtype)
        return Tokenised(documents, count, tuple(failures), tuple(spelt), end)

    def _rows(self, work: Work) -> Iterable[Row | BadRow]:
        if isinstance(work, RowBatch):
            return work.rows
        return self._dataset.scan_part(work.source, start=work.start, line=work.line, stop=work.stop)


def _without_rows(dataset: Dataset) -> Dataset:
    """What makes rows of a file. (Rows in memory, and those of a user's own class, are sent as work.)"""
    from brahma.data.dataset import Dataset

    made = object.__new__(Dataset)
    made.__dict__ = {**dataset.__dict__, "_raw": (), "_index": None}
    return made


def encode_row(encoder: Encoder, row: Row | BadRow) -> EncodedDocument | RowError:
    """The row's document, or the error that it is skipped or refused for."""
    if isinstance(row, BadRow):
        return row.error
    try:
        return encoder.encode(row)
    except RowError as error:
        return error


def work_of(dataset: Dataset, source: Path | None) -> Iterator[Work]:
    """All rows of a source (None: those in memory) as work, in order."""
    if source is not None and _can_be_cut(dataset, source) and source.stat().st_size > _SECTION:
        return sections(source)
    return rows_of(dataset, source)


def rows_of(dataset: Dataset, source: Path | None) -> Iterator[Work]:
    """The same, read here."""
    return (RowBatch(batch) for batch in batched(dataset.scan(source)))


def _can_be_cut(dataset: Dataset, source: Path) -> bool:
    """Whether each line of the file is a row by itself, which another process can read."""
    from brahma.data.dataset import Dataset

    if type(dataset) is not Dataset:
        return False
    suffix = source.suffix.lower()
    return suffix in _LINE_BASED or (suffix == ".txt" and dataset.options.text_document == "line")


def sections(source: Path) -> Iterator[Section]:
    """The file in stretches that begin where lines do.

    Raises:
        DataError: it cannot be read.
    """
    start, line = 0, 1
    with open_stream(source) as stream:
        while block := stream.read(_SECTION):
            block += stream.readline()
            yield Section(source, start, line, start + len(block))
            start, line = start + len(block), line + block.count(b"\n")


def batched(rows: Iterable[Row | BadRow]) -> Iterator[list[Row | BadRow]]:
    """Rows in batches that are worth sending to another process."""
    batch: list[Row | BadRow] = []
    characters = 0
    for row in rows:
        batch.append(row)
        if isinstance(row, Row):
            characters += sum(len(text) for text in row.texts())
        if len(batch) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
