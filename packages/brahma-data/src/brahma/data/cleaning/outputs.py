"""The last stage: what the last pass left becomes the output, whole or not at all, in reading order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from brahma.data._compression import split_ending
from brahma.data.cleaning.job import Job, Output, loaded_job
from brahma.data.cleaning.passes import Rejected
from brahma.data.cleaning.spool import Record, read_records, read_spool
from brahma.data.layouts import Value
from brahma.data.readers import LONGEST_ROW
from brahma.data.rows import place
from brahma.data.writers import open_writer

_BETWEEN = "\n\n"
"""Stands between two files of running text that are written into one."""


@dataclass(frozen=True)
class WriteTask:
    """Writes one output; the task after the last output writes the rejected documents."""

    folder: Path
    fingerprint: str

    def __call__(self, number: int) -> None:
        job = loaded_job(self.folder, self.fingerprint)
        if number < len(job.outputs):
            _write(job, job.outputs[number])
        else:
            _write_rejected(job)


def write_to_stdout(job: Job) -> None:
    """Write all that is left to standard output."""
    every = Output(Path(f"stdout{job.stdout}"), tuple(range(len(job.sources))))
    _write(job, every, to_stdout=True)


def _write(job: Job, output: Output, *, to_stdout: bool = False) -> None:
    records = _records(job, output)
    values = _texts(job, records) if is_running_text(output.path) else _rows(job, records)
    ending = "".join(split_ending(output.path.name))
    with open_writer(
        None if to_stdout else output.path, ending=ending, text_document=job.text_document
    ) as write:
        for value in values:
            write(value)


def is_running_text(path: Path) -> bool:
    """Whether a file of this name holds plain text rather than rows."""
    return split_ending(path.name)[0] == ".txt"


def _records(job: Job, output: Output) -> Iterator[Record]:
    """The documents that are left of an output's files, in reading order."""
    wanted = set(output.sources)
    last = len(job.profile.corpus_steps)
    for task, parts in enumerate(job.tasks):
        if any(part.source in wanted for part in parts):
            for record in read_records(job.pass_file(last, task, "spool")):
                if record.source in wanted:
                    yield record


def _texts(job: Job, records: Iterable[Record]) -> Iterator[str]:
    """Plain text for a file of it; the pieces of a document are as they stood in it."""
    if job.text_document != "file":
        yield from (record.value for record in records)
        return
    ending = ""
    for number, (_, pieces) in enumerate(groupby(records, key=itemgetter(Record._fields.index("source")))):
        if number > 0:
            yield "" if ending.endswith(_BETWEEN) else "\n" if ending.endswith("\n") else _BETWEEN
        for piece in pieces:
            ending = _piece(piece)
            yield ending


def _rows(job: Job, records: Iterable[Record]) -> Iterator[Value]:
    """Rows for a file of them; the pieces of a document are joined again."""
    for source, group in groupby(records, key=itemgetter(Record._fields.index("source"))):
        if job.sources[source].running:
            yield from ({"text": text} for text in _joined(map(_piece, group)))
        else:
            yield from ({"text": r.value} if isinstance(r.value, str) else r.value for r in group)


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    """Texts that can be read again: what is longer than a row may be becomes several."""
    held, size = list[str](), 0
    for piece in pieces:
        length = len(piece.encode("utf-8", "surrogatepass"))
        if held and size + length > LONGEST_ROW:
            yield "".join(held)
            held, size = [], 0
        held.append(piece)
        size += length
    yield "".join(held)


def _piece(record: Record) -> str:
    """A piece of running text and what follows it."""
    return f"{record.value}{record.tail}"


def _write_rejected(job: Job) -> None:
    with open_writer(job.rejected) as write:
        for task in range(len(job.tasks)):
            passes = (
                read_spool(job.pass_file(number, task, "rejected"))
                for number in range(len(job.profile.corpus_steps) + 1)
            )
            for values in heapq.merge(*passes, key=itemgetter(0)):
                write(_as_row(job, Rejected._make(values)))


def _as_row(job: Job, rejected: Rejected) -> dict[str, Any]:
    where = place(Path(job.sources[rejected.source].name), rejected.line)
    told = {"step": rejected.step, "reason": rejected.reason, "detail": rejected.detail, "where": where}
    return told | {"text" if isinstance(rejected.value, str) else "row": rejected.value}
