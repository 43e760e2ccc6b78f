"""An augmentation in batches, each kept in a folder beside the output when it is done.

A process that was stopped is repeated by the same command, which goes on after the last whole batch. The
folder is keyed by the content of the input and by everything that the variants depend on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from brahma.core.disk import flush
from brahma.core.errors import DataError, RowError
from brahma.core.progress import Task
from brahma.data.augmentation.checks import Limits, check, language_of
from brahma.data.augmentation.contract import Augmenter, Failed, Outcome
from brahma.data.augmentation.passages import Passages, passages_of
from brahma.data.augmentation.report import TechniqueReport
from brahma.data.augmentation.techniques import outcomes_of
from brahma.data.layouts import Value, layout_of
from brahma.data.readers import TextDocument, read_rows
from brahma.data.rows import BadRow, place

VERSION = 1
"""Of what stands in a job's folder, and of how variants are judged."""

ORIGIN = "augment"
"""The key below `meta` that tells where a variant comes from."""


@dataclass(frozen=True)
class Plan:
    """Everything that the variants depend on beside the techniques.

    Attributes:
        variants: of each row and technique, at most.
        fraction: of the rows of which variants are tried.
        max_failures: passages in a row that an engine may fail on before the job stops.
    """

    sources: tuple[Path, ...]
    seed: int = 0
    variants: int = 1
    fraction: float = 1.0
    text_document: TextDocument = "file"
    on_bad_row: Literal["error", "skip"] = "error"
    max_failures: int = 20
    limits: Limits = field(default_factory=Limits)

    def key(self, techniques: Sequence[Mapping[str, Any]]) -> str:
        """What tells this job from another one on the same output."""
        from brahma.data.stamps import content_hash

        contents = [(str(source), content_hash(source)) for source in self.sources]
        settings = [VERSION, contents, list(techniques), {**asdict(self), "sources": None}]
        return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Chosen:
    """A row of which variants are tried."""

    where: str
    passages: Passages


@dataclass
class Scan:
    """What a reading of the input found.

    Attributes:
        rows: that could be read.
        left: why of some no variants are tried, and how many.
        skipped: `file:line: why` of those that could not be read.
    """

    rows: int = 0
    chosen: int = 0
    left: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)


def rows_of(plan: Plan, scan: Scan | None = None) -> Iterator[tuple[str, Value]]:
    """Each row and its place, as it stands in the input.

    Args:
        scan: counts those that cannot be read.

    Raises:
        RowError: a row cannot be read, unless such rows are skipped.
    """
    for source in plan.sources:
        for raw in read_rows(source, text_document=plan.text_document):
            try:
                if isinstance(raw, BadRow):
                    raise raw.error
                where = place(raw.source, raw.line)
                layout_of(raw.value, where=where)
                _origin_of(raw.value, where)
            except RowError as error:
                if plan.on_bad_row == "error":
                    raise
                if scan is not None:
                    scan.skipped.append(f"{error.where}: {error.message}")
                continue
            yield where, raw.value


def chosen_rows(plan: Plan, scan: Scan | None = None) -> Iterator[Chosen]:
    """The rows of which variants are tried, the same ones for the same seed."""
    scan = scan or Scan()
    for where, value in rows_of(plan, scan):
        scan.rows += 1
        passages = passages_of(value, layout_of(value), where=where)
        if _origin_of(value, where) is not None:
            scan.left["variants already"] += 1
        elif random.Random(f"{plan.seed}:{where}").random() >= plan.fraction:
            scan.left["left out by the fraction"] += 1
        elif not passages.open:
            scan.left["without words that may change"] += 1
        else:
            scan.chosen += 1
            yield Chosen(where, passages)


def _origin_of(value: Value, where: str) -> object:
    """The origin that a row carries, None for an original."""
    meta = None if isinstance(value, str) else value.get("meta")
    if meta is not None and not isinstance(meta, Mapping):
        raise RowError(
            "'meta' is no object, so a variant's origin has no place",
            where=where,
            hint='Give that key another name, or write {"meta": {"note": …}}',
        )
    return None if meta is None else meta.get(ORIGIN)


def with_origin(value: str | dict[str, object], origin: Mapping[str, object]) -> dict[str, object]:
    """The row with its origin; a plain text becomes an object."""
    row = {"text": value} if isinstance(value, str) else value
    meta = row.get("meta")
    return {**row, "meta": {**(meta if isinstance(meta, Mapping) else {}), ORIGIN: dict(origin)}}


class Worker:
    """Makes the batches of a job.

    Args:
        augmenters: by the name of their technique, in order.
    """

    def __init__(self, plan: Plan, augmenters: Mapping[str, Augmenter]) -> None:
        self._plan = plan
        self._augmenters = augmenters
        self._failures: Counter[str] = Counter()

    @property
    def batch_size(self) -> int:
        """Rows of a batch: what the slowest of the engines likes."""
        return min(augmenter.batch_size for augmenter in self._augmenters.values())

    def batch(self, rows: Sequence[Chosen]) -> dict[str, Any]:
        """Variants of some rows, what was rejected, and the figures; JSON."""
        texts = [text for row in rows for text in row.passages.texts]
        taken: list[list[str]] = [[] for _ in texts]
        variants: list[list[dict[str, object]]] = [[] for _ in rows]
        rejected: list[dict[str, str]] = []
        reports = []
        for name, augmenter in self._augmenters.items():
            report = TechniqueReport(name, augmenter.engine)
            outcomes = self._outcomes(name, augmenter, texts)
            first = 0
            for number, row in enumerate(rows):
                last = first + len(row.passages.texts)
                made = self._judge(row, outcomes[first:last], taken[first:last], report, rejected)
                variants[number] += [self._variant(row, report, *each) for each in made]
                first = last
            reports.append(vars(report))
        return {
            "variants": [row for each in variants for row in each],
            "rejected": rejected,
            "reports": reports,
        }

    def _outcomes(self, name: str, augmenter: Augmenter, texts: Sequence[str]) -> list[Outcome]:
        """One outcome for each text; what is in a language that the engine cannot do is not given to it."""
        foreign = [
            found
            if augmenter.language and (found := language_of(text)) not in (None, augmenter.language)
            else None
            for text in texts
        ]
        given = [text for text, language in zip(texts, foreign, strict=True) if language is None]
        outcomes = iter(outcomes_of(name, augmenter, given, self._plan.variants))
        found_all: list[Outcome] = []
        for language in foreign:
            if language is not None:
                found_all.append(Failed(f"not in the engine's language ({augmenter.language})", language))
                continue
            outcome = next(outcomes)
            self._count_failure(name, augmenter, outcome)
            found_all.append(outcome)
        return found_all

    def _count_failure(self, name: str, augmenter: Augmenter, outcome: Outcome) -> None:
        if not isinstance(outcome, Failed):
            self._failures[name] = 0
            return
        self._failures[name] += 1
        if self._failures[name] >= self._plan.max_failures:
            raise DataError(
                f"the engine of {name} failed {self._failures[name]} times in a row",
                where=augmenter.engine,
                why=": ".join(filter(None, (outcome.reason, outcome.detail))),
                hint="See that the engine works, then repeat the command: it goes on where it stopped",
            )

    def _judge(
        self,
        row: Chosen,
        outcomes: Sequence[Outcome],
        taken: Sequence[list[str]],
        report: TechniqueReport,
        rejected: list[dict[str, str]],
    ) -> list[tuple[int, dict[int, str]]]:
        """For each variant of the row the passages that changed, by number; none without any."""
        changed: dict[int, dict[int, str]] = {}
        for number, (source, outcome) in enumerate(zip(row.passages.texts, outcomes, strict=True)):
            report.tries += self._plan.variants
            if isinstance(outcome, Failed):
                report.refuse(outcome.reason, source, times=self._plan.variants)
                rejected.append(_aside(row, report, source, "", outcome.reason, outcome.detail))
                continue
            if missing := self._plan.variants - len(outcome):
                report.refuse("the engine found nothing to change", source, times=missing)
            for index, variant in enumerate(outcome):
                verdict = check(source, variant, taken[number], limits=self._plan.limits)
                if verdict is None:
                    report.take(source, variant)
                    taken[number].append(variant)
                    changed.setdefault(index, {})[number] = variant
                else:
                    report.refuse(verdict.reason, source, variant)
                    rejected.append(_aside(row, report, source, variant, verdict.reason, verdict.detail))
        report.rows += len(changed)
        return sorted(changed.items())

    def _variant(
        self, row: Chosen, report: TechniqueReport, index: int, changed: Mapping[int, str]
    ) -> dict[str, object]:
        origin = {
            "technique": report.name,
            "engine": report.engine,
            "seed": self._plan.seed,
            "source": row.where,
            "variant": index + 1,
            "changed": f"{len(changed)} of {len(row.passages.texts)} passages",
        }
        return with_origin(row.passages.rebuilt(changed), origin)


def _aside(
    row: Chosen, report: TechniqueReport, source: str, variant: str, reason: str, detail: str
) -> dict[str, str]:
    return {
        "where": row.where,
        "technique": report.name,
        "engine": report.engine,
        "reason": reason,
        "detail": detail,
        "source": source,
        "variant": variant,
    }


def _batched(rows: Iterator[Chosen], size: int) -> Iterator[list[Chosen]]:
    while group := list(islice(rows, size)):
        yield group


class JobFolder:
    """The batches that are done. Only one process at a time works in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def batch_path(self, number: int) -> Path:
        """Where a batch stands when it is done."""
        return self.folder / f"batch-{number:08}.json"

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Work in the folder; batches of another job are thrown away.

        Raises:
            DataError: another process works in it, or it cannot be made.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise DataError(
                "the job's folder cannot be made",
                where=str(self.folder),
                why=error.strerror,
                hint="Write to a folder that you may write into",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._begin(key)
            yield
        except BlockingIOError as error:
            raise DataError(
                "another process is writing this output",
                where=str(self.folder),
                hint="Wait for it, or name another output",
            ) from error
        finally:
            os.close(descriptor)

    def _begin(self, key: str) -> None:
        path = self.folder / "job.json"
        if path.exists() and path.read_text(encoding="utf-8") == key:
            return
        for stale in self.folder.glob("batch-*.json"):
            stale.unlink()
        path.write_text(key, encoding="utf-8")

    def run(self, worker: Worker, rows: Iterator[Chosen], task: Task) -> tuple[int, int]:
        """Do what is not done.

        Returns:
            How many batches there are, and how many of them had been done before.
        """
        total = resumed = 0
        for number, group in enumerate(_batched(rows, worker.batch_size)):
            total = number + 1
            if self.batch_path(number).exists():
                resumed += 1
            else:
                self._keep(number, worker.batch(group))
            task.advance(len(group))
        return total, resumed

    def _keep(self, number: int, batch: Mapping[str, Any]) -> None:
        path = self.batch_path(number)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(batch, ensure_ascii=False), encoding="utf-8")
        flush(part)
        part.rename(path)

    def batches(self, count: int) -> Iterator[dict[str, Any]]:
        """What is done, in order."""
        for number in range(count):
            yield json.loads(self.batch_path(number).read_text(encoding="utf-8"))

    def remove(self) -> None:
        """The job is over."""
        shutil.rmtree(self.folder)
