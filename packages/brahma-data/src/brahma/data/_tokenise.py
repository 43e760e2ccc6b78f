"""Tokenising the sources of a data set into cache entries, in parallel where it pays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from brahma.core.environment import cores
from brahma.core.errors import DataError, RowError
from brahma.core.progress import Task, progress
from brahma.data._workers import Encoded, Workers, encode_row
from brahma.data.cache import build_once, read_manifest
from brahma.data.dataset import Dataset
from brahma.data.encode import Encoder
from brahma.data.ledger import SkippedRow
from brahma.data.rows import ROWS_IN_MEMORY, BadRow, Row
from brahma.data.shards import ShardWriter, token_dtype
from brahma.data.stamps import SourceIndex, SourceStamp

ENTRY_VERSION = 2
"""Raised when the same rows would give other tokens, masks or files."""

_SMALL = 5_000_000
"""Bytes that are tokenised in this process: starting others takes longer."""


@dataclass(frozen=True)
class Entry:
    """A tokenised source.

    Attributes:
        path: of the source.
        folder: of its shard; its name is the entry's key.
        rows: read, the skipped ones included.
        documents: rows that were accepted.
        stamp: the file as it was read; None for rows that were given as a list.
    """

    path: str
    folder: Path
    rows: int
    documents: int
    skipped: tuple[SkippedRow, ...]
    stamp: SourceStamp | None


@dataclass(frozen=True)
class _Job:
    source: Path | None  # None: rows in memory
    folder: Path
    size: int
    stamp: SourceStamp | None


def tokenise(
    dataset: Dataset,
    encoder: Encoder,
    *,
    directory: Path,
    workers: int | None = None,
) -> list[Entry]:
    """An entry for each source of the data set, in order; those in the cache are not read again.

    The bytes of an entry do not depend on `workers`.

    Args:
        directory: of the cache: `sources.json`, and the entries in `tokenised/`.
        workers: processes; None for one a core. Little data is tokenised in this process whatever it says.

    Raises:
        RowError: a bad row, or one without a supervised token, unless the data set skips them.
        DataError: a damaged or changing file, or a place that cannot be written.
    """
    jobs = _jobs(dataset, encoder, directory)
    missing = sum(job.size for job in jobs if read_manifest(job.folder) is None)
    count = workers or cores()
    with (
        progress("tokenising", missing, "bytes") as task,
        _encoding(encoder, count if missing > _SMALL else 1) as encode,
    ):
        meter = _Meter(task)
        return [_entry(job, dataset, encoder, encode, meter) for job in jobs]


def _jobs(dataset: Dataset, encoder: Encoder, directory: Path) -> list[_Job]:
    def folder(content: str, name: str) -> Path:
        options = [dataset.format, asdict(dataset.options), "".join(Path(name).suffixes[-2:]).lower()]
        key = json.dumps([ENTRY_VERSION, content, encoder.fingerprint, options])
        return directory / "tokenised" / hashlib.sha256(key.encode()).hexdigest()[:32]

    if not dataset.sources:
        content, size = _rows_hash(dataset)
        return [_Job(None, folder(content, ROWS_IN_MEMORY.name), size, None)]
    index = SourceIndex(directory / "sources.json")
    with progress("checking the files", len(dataset.sources), "files") as task:
        stamps = [(source, index.stamp(source)) for source in task.each(dataset.sources)]
    return [_Job(source, folder(stamp.content, source.name), stamp.size, stamp) for source, stamp in stamps]


def _rows_hash(dataset: Dataset) -> tuple[str, int]:
    """Hash and characters of rows in memory."""
    digest, size = xxhash.xxh3_128(), 0
    for row in dataset.scan():
        parts = asdict(row) if isinstance(row, Row) else {"bad": str(row.error)}
        digest.update(json.dumps(parts, default=str).encode())
        size += sum(len(text) for text in row.texts()) if isinstance(row, Row) else 0
    return digest.hexdigest(), size


_Encode = Callable[[Iterable[Row | BadRow]], Iterator[Encoded]]


@contextmanager
def _encoding(encoder: Encoder, count: int) -> Iterator[_Encode]:
    """The function that encodes rows: in `count` processes, or in this one."""
    if count == 1:
        yield lambda rows: ((row, encode_row(encoder, row)) for row in rows)
        return
    with Workers(encoder, count) as workers:
        yield workers.encode


def _entry(job: _Job, dataset: Dataset, encoder: Encoder, encode: _Encode, meter: _Meter) -> Entry:
    def write(folder: Path) -> dict[str, Any]:
        with ShardWriter(folder, token_dtype(encoder.vocab_size)) as writer:
            rows, skipped = _write_rows(writer, encode(dataset.scan(job.source)), dataset, meter)
        if job.stamp is not None and not job.stamp.is_current():
            raise DataError(
                "the file changed while it was read",
                where=str(job.source),
                hint="start again when nothing writes to it any more",
            )
        meter.finish(job.size)
        return {
            "version": ENTRY_VERSION,
            "encoder": encoder.fingerprint,
            "options": {"format": dataset.format, **asdict(dataset.options)},
            "rows": rows,
            "skipped": [asdict(row) for row in skipped],
        }

    manifest = build_once(job.folder, write)
    skipped = tuple(SkippedRow(**row) for row in manifest["skipped"])
    rows = manifest["rows"]
    path = str(job.source or ROWS_IN_MEMORY)
    return Entry(path, job.folder, rows, rows - len(skipped), skipped, job.stamp)


def _write_rows(
    writer: ShardWriter, encoded: Iterable[Encoded], dataset: Dataset, meter: _Meter
) -> tuple[int, list[SkippedRow]]:
    """Write the accepted rows; return the number of all and the skipped ones."""
    rows = 0
    skipped: list[SkippedRow] = []
    for row, outcome in encoded:
        rows += 1
        if not isinstance(outcome, RowError):
            writer.add(outcome, row=rows - 1 - len(skipped), line=row.line, offset=row.offset)
            meter.add(row.offset)
        elif dataset.options.on_bad_row == "skip":
            skipped.append(SkippedRow(row.line, outcome.message))
        else:
            raise outcome
    return rows, skipped


class _Meter:
    """Says how many bytes of the sources are tokenised."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._before = 0

    def add(self, offset: int) -> None:
        """A document that begins at this byte of the present source was tokenised."""
        self._task.update(self._before + offset)

    def finish(self, size: int) -> None:
        """The present source, of so many bytes, is done."""
        self._before += size
        self._task.update(self._before)
