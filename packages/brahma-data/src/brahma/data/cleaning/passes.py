"""A pass: the documents of a task go through the steps between two steps of scope `corpus`.

Pass 0 reads the input; each later one reads what the pass before it left, and first does what the corpus
step between them decided. A pass that comes before a corpus step writes that step's keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from brahma.data.cleaning.chain import Chain, Judge, Step, build_step, build_steps, without_figures
from brahma.data.cleaning.contract import Document, Dropped
from brahma.data.cleaning.counts import READ, Counts, Sample, size_of
from brahma.data.cleaning.job import Job, loaded_job, write_json
from brahma.data.cleaning.pieces import pieces_of, with_pieces
from brahma.data.cleaning.reading import Found, read_part
from brahma.data.cleaning.spool import Record, SpoolWriter, read_records
from brahma.data.rows import BadRow


@dataclass(frozen=True)
class PassTask:
    """Does one task of one pass; what a stage runs.

    Attributes:
        folder: the job's.
        fingerprint: of the job, so that a worker never takes an older one's steps.
        number: of the pass.
    """

    folder: Path
    fingerprint: str
    number: int

    def __call__(self, task: int) -> None:
        job = loaded_job(self.folder, self.fingerprint)
        done = job.pass_file(self.number, task, "json")
        if not done.exists():
            _Pass(job, _steps_of(job), self.number, task).run()
        if self.number > 0:
            job.pass_file(self.number - 1, task, "spool").unlink(missing_ok=True)


@dataclass(frozen=True)
class DecideTask:
    """Lets a corpus step decide over all keys; the one task of its stage."""

    folder: Path
    fingerprint: str
    step: int

    def __call__(self, task: int) -> None:
        job = loaded_job(self.folder, self.fingerprint)
        step = build_step(job.profile, self.step)
        done = job.step_folder(step.name) / "decided.json"
        if not done.exists():
            step.corpus.decide(job.step_folder(step.name), tasks=len(job.tasks))
            write_json(done, {})


@lru_cache(maxsize=1)
def _steps_of(job: Job) -> tuple[Step, ...]:
    return build_steps(job.profile)


class Rejected(NamedTuple):
    """A document that was dropped, in the spool of these.

    Attributes:
        value: the row as it was when it was dropped; None for one that could not be read.
    """

    number: int
    source: int
    line: int
    step: str
    reason: str
    detail: str
    value: Any


class _Pass:
    """One task of one pass."""

    def __init__(self, job: Job, steps: tuple[Step, ...], number: int, task: int) -> None:
        corpus = job.profile.corpus_steps
        start = corpus[number - 1] + 1 if number else 0
        self._before = steps[corpus[number - 1]] if number else None
        self._after = steps[corpus[number]] if number < len(corpus) else None
        self._steps = steps[start : corpus[number] if self._after else None]
        self._job, self._number, self._task = job, number, task
        self._counts = Counts()
        self._chain = Chain(steps, self._counts)

    def run(self) -> None:
        """Do it; the task is done when the counts are there, which are written last."""
        done = self._file("json")
        done.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as files:
            self._rejects = self._spool("rejected", files) if self._job.rejected else None
            keep = self._keeper(files)
            judge = self._judge()
            for record, document in self._documents():
                before = document.texts
                if dropped := judge(document):
                    self._drop(record, document, *dropped)
                    continue
                if document.texts is not before:
                    record = record._replace(value=with_pieces(record.value, record.layout, document.texts))
                keep(record, document)
        write_json(done, self._counts.to_dict())

    def _file(self, kind: str) -> Path:
        return self._job.pass_file(self._number, self._task, kind)

    def _spool(self, kind: str, files: ExitStack) -> SpoolWriter:
        return files.enter_context(SpoolWriter(self._file(kind)))

    def _documents(self) -> Iterator[tuple[Record, Document]]:
        """What this pass begins with: the row as it was, and the document that the steps see."""
        names = [source.name for source in self._job.sources]
        for record, texts in self._input() if self._number == 0 else self._left_before():
            yield record, Document(self._task, record.number, names[record.source], record.line, texts)

    def _left_before(self) -> Iterator[tuple[Record, tuple[str, ...]]]:
        for record in read_records(self._job.pass_file(self._number - 1, self._task, "spool")):
            yield record, pieces_of(record.value, record.layout)

    def _input(self) -> Iterator[tuple[Record, tuple[str, ...]]]:
        number = 0
        for part in self._job.tasks[self._task]:
            counted = self._counts.source(part.source)
            for found in read_part(self._job, part):
                counted.rows += 1
                if isinstance(found, BadRow):
                    self._drop_bad(found, number, part.source)
                else:
                    counted.bytes_in += size_of(found.texts)
                    self._count_repairs(found)
                    yield (
                        Record(number, part.source, found.line, found.layout, found.value, found.tail),
                        found.texts,
                    )
                number += 1

    def _count_repairs(self, found: Found) -> None:
        if found.repairs:
            counted = self._counts.step(READ)
            counted.changed += 1
            counted.counts.update(found.repairs)

    def _judge(self) -> Callable[[Document], tuple[Step, Dropped] | None]:
        """What says of a document which step drops it, and why; None where all keep it."""
        chain, before = self._chain, self._before
        decided: Judge = lambda _: True  # noqa: E731
        if before is not None:
            decided = before.corpus.verdicts(self._job.step_folder(before.name), task=self._task)

        def judge(document: Document) -> tuple[Step, Dropped] | None:
            if before is not None and (why := chain.obey(before, document, decided(document))):
                return before, why
            for step in self._steps:
                if why := chain.apply(step, document):
                    return step, why
            return None

        return judge

    def _keeper(self, files: ExitStack) -> Callable[[Record, Document], None]:
        """What is done with a document that stays."""
        is_last = self._after is None
        spool = self._spool("spool", files) if self._job.writes or not is_last else None
        add_keys = self._key_adder(files)

        def keep(record: Record, document: Document) -> None:
            if add_keys is not None:
                add_keys(document)
            if is_last:
                counted = self._counts.source(record.source)
                counted.kept += 1
                counted.bytes_out += size_of(document.texts)
            if spool is not None:
                spool.add(record, sum(map(len, document.texts)))

        return keep

    def _key_adder(self, files: ExitStack) -> Callable[[Document], None] | None:
        from brahma.data.cleaning.duplicates.keys import KeyWriter  # imports numpy

        if self._after is None:
            return None
        step = self._after.corpus
        writer = files.enter_context(KeyWriter(self._job.step_folder(self._after.name), task=self._task))
        return lambda document: writer.add(document, step.keys(document))

    def _drop(self, record: Record, document: Document, step: Step, why: Dropped) -> None:
        self._counts.source(record.source).dropped[step.name] += 1
        value = with_pieces(record.value, record.layout, document.texts)
        rejected = Rejected(
            record.number, record.source, record.line, step.name, why.reason, why.detail, value
        )
        self._reject(rejected, size_of(document.texts))

    def _drop_bad(self, row: BadRow, number: int, source: int) -> None:
        why = Dropped(without_figures(row.error.message), row.error.why or row.error.message)
        counted = self._counts.step(READ)
        counted.dropped[why.reason] += 1
        self._counts.source(source).dropped[READ] += 1
        if counted.wants(why.reason, {}):
            where = f"{self._job.sources[source].name}:{row.line}"
            counted.samples.append(Sample(why.reason, where, why.detail, "", row.error.hint or ""))
        self._reject(Rejected(number, source, row.line, READ, why.reason, why.detail, None), 0)

    def _reject(self, rejected: Rejected, size: int) -> None:
        if self._rejects is not None:
            self._rejects.add(rejected, size)
