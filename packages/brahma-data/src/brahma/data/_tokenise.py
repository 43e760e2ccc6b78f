"""Tokenising the sources of a data set into cache entries, in parallel where it pays."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import xxhash

from brahma.core.environment import cores
from brahma.core.errors import DataError
from brahma.core.progress import Task, progress
from brahma.data._work import Tokenised, Tokeniser, Work, rows_of, work_of
from brahma.data._workers import Workers
from brahma.data.cache import build_once, read_manifest
from brahma.data.dataset import Dataset
from brahma.data.encode import Encoder
from brahma.data.ledger import SkippedRow
from brahma.data.rows import ROWS_IN_MEMORY, Row, place
from brahma.data.shards import ShardWriter, token_dtype
from brahma.data.stamps import SourceIndex, SourceStamp

_log = logging.getLogger(__name__)

ENTRY_VERSION = 2
"""Raised when the same rows would give other tokens, masks or files."""

_WORTH_HASTENING = 2_000_000
"""Bytes from which on it pays to convert the vocabulary for tiktoken and to compare."""
_SAMPLE_ROWS, _SAMPLE_BYTES = 1000, 1_000_000
_LINES_KEPT = 20

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
        spelt: special tokens that its rows spell out.
        spelt_lines: the first lines on which they stand.
    """

    path: str
    folder: Path
    rows: int
    documents: int
    skipped: tuple[SkippedRow, ...]
    stamp: SourceStamp | None
    spelt: int
    spelt_lines: tuple[int, ...]


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
    missing = [job for job in jobs if read_manifest(job.folder) is None]
    size = sum(job.size for job in missing)
    if size > _WORTH_HASTENING:
        _hasten(encoder, dataset, missing)
    tokeniser = Tokeniser(encoder, dataset, token_dtype(encoder.vocab_size))
    with (
        progress("tokenising", size, "bytes") as task,
        _doing(tokeniser, (workers or cores()) if size > _SMALL else 1) as do,
    ):
        meter = _Meter(task)
        entries = [_entry(job, dataset, encoder, do, meter) for job in jobs]
    _tell_spelt(entries)
    return entries


def _hasten(encoder: Encoder, dataset: Dataset, jobs: Sequence[_Job]) -> None:
    """Let tiktoken encode, when it gives the same ids for a sample of what is to be tokenised."""
    if dataset.format == "chat":  # masks need offsets, which tokenizers alone tells
        return
    with progress("comparing tiktoken with tokenizers"):
        reason = encoder.hasten(_sample(dataset, jobs))
    if reason is None:
        _log.info("tiktoken tokenises: it gives the ids of tokenizers on a sample of the data")
    else:
        _log.info("tokenizers tokenises, which is slower than tiktoken would be: %s", reason)


def _sample(dataset: Dataset, jobs: Sequence[_Job]) -> Iterator[str]:
    """About `_SAMPLE_ROWS` texts, or `_SAMPLE_BYTES` of them, from the beginnings of all files."""
    for job in jobs:
        rows = _SAMPLE_ROWS // len(jobs) + 1
        left = _SAMPLE_BYTES // len(jobs)
        for row in islice(dataset.scan(job.source), rows):
            text = "".join(row.texts())[:left] if isinstance(row, Row) else ""
            left -= len(text)
            yield text
            if left <= 0:
                break


def _tell_spelt(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.spelt:
            shown = ", ".join(place(Path(entry.path), line) for line in entry.spelt_lines[:3])
            _log.warning(
                "%s spells out special tokens %d times; they are read as text: %s%s",
                entry.path, entry.spelt, shown, ", …" if len(entry.spelt_lines) > 3 else "",
            )  # fmt: skip


def _jobs(dataset: Dataset, encoder: Encoder, directory: Path) -> list[_Job]:
    def folder(content: str, name: str) -> Path:
        options = [dataset.layout, asdict(dataset.options), "".join(Path(name).suffixes[-2:]).lower()]
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


_Do = Callable[[Iterable[Work]], Iterator[Tokenised]]


@contextmanager
def _doing(tokeniser: Tokeniser, count: int) -> Iterator[_Do]:
    """The function that does works, in order: in `count` processes, or in this one."""
    if count == 1:
        yield lambda works: map(tokeniser, works)
        return
    with Workers(tokeniser, count) as workers:
        yield workers.tokenise


def _entry(job: _Job, dataset: Dataset, encoder: Encoder, do: _Do, meter: _Meter) -> Entry:
    def write(folder: Path) -> dict[str, Any]:
        with ShardWriter(folder, token_dtype(encoder.vocab_size)) as writer:
            tally = _write(writer, do(work_of(dataset, job.source)), dataset, meter)
            if not tally.rows:  # sections of blank lines: a bad row says so
                tally = _write(writer, do(rows_of(dataset, job.source)), dataset, meter)
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
            **asdict(tally),
        }

    manifest = build_once(job.folder, write)
    skipped = tuple(SkippedRow(**row) for row in manifest["skipped"])
    rows = manifest["rows"]
    path = str(job.source or ROWS_IN_MEMORY)
    spelt, lines = manifest["spelt"], tuple(manifest["spelt_lines"])
    return Entry(path, job.folder, rows, rows - len(skipped), skipped, job.stamp, spelt, lines)


@dataclass
class _Tally:
    """What the manifest says of the rows."""

    rows: int = 0
    skipped: list[SkippedRow] = field(default_factory=list)
    spelt: int = 0
    spelt_lines: list[int] = field(default_factory=list)

    def add(self, part: Tokenised) -> None:
        self.rows += part.rows
        self.skipped += [SkippedRow(line, error.message) for line, error in part.failures]
        self.spelt += sum(count for _, count in part.spelt)
        free = _LINES_KEPT - len(self.spelt_lines)
        self.spelt_lines += [line for line, _ in part.spelt[:free]]


def _write(writer: ShardWriter, parts: Iterable[Tokenised], dataset: Dataset, meter: _Meter) -> _Tally:
    """Write the accepted rows.

    Raises:
        RowError: the first bad row, unless the data set skips them.
    """
    tally = _Tally()
    for part in parts:
        if part.failures and dataset.options.on_bad_row == "error":
            raise part.failures[0][1]
        writer.extend(part.documents, rows=tally.rows - len(tally.skipped))
        tally.add(part)
        meter.add(part.end)
    return tally


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
