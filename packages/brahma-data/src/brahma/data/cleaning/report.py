"""What a cleaning did: `CleaningReport`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brahma.core.errors import DataError
from brahma.core.sizes import size
from brahma.data.cleaning.counts import READ, Counts, Sample, SourceCounts, StepCounts
from brahma.data.cleaning.job import Job

_HALF = 0.5


@dataclass(frozen=True)
class StepReport:
    """What one step did.

    Attributes:
        name: of the step; `read` drops rows that cannot be read.
        documents: that came to it.
        dropped: reason -> documents.
        changed: documents that it rewrote and kept.
        counts: what it mended or saw -> how often.
        bytes_removed: UTF-8 bytes of text, by dropping and by rewriting; below 0 where texts grew.
        examples: the first few of each reason, in reading order.
    """

    name: str
    documents: int
    dropped: Mapping[str, int]
    changed: int
    counts: Mapping[str, int]
    bytes_removed: int
    examples: tuple[Sample, ...]

    @property
    def kept(self) -> int:
        """Documents that went on."""
        return self.documents - sum(self.dropped.values())


@dataclass(frozen=True)
class SourceReport:
    """What became of one input file.

    Attributes:
        name: as it was given.
        rows: documents in it, unreadable rows included.
        kept: documents that are left.
        bytes_in, bytes_out: UTF-8 bytes of text before and after.
        dropped: step -> documents.
    """

    name: str
    rows: int
    kept: int
    bytes_in: int
    bytes_out: int
    dropped: Mapping[str, int]

    @property
    def share(self) -> float:
        """Bytes out of bytes in, 0 to 1."""
        return self.bytes_out / self.bytes_in if self.bytes_in else 0.0

    @property
    def loses_most(self) -> bool:
        """Whether more than half of its documents or bytes are gone."""
        return self.rows > 0 and (self.kept < _HALF * self.rows or self.share < _HALF)


@dataclass(frozen=True, repr=False)
class CleaningReport:
    """What a cleaning did, the same for any number of workers but for `seconds`. `print` shows all of it.

    Attributes:
        profile: its name or file.
        why: why this one, when it was chosen from the data; else "".
        steps: `read`, and those of the profile, in their order.
        sources: the input files, in reading order.
        outputs: the files that were written; none with `report_only`.
        notes: what else is worth knowing.
        seconds: of this call; a job that was resumed had others before.
    """

    profile: str
    why: str
    steps: tuple[StepReport, ...]
    sources: tuple[SourceReport, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Documents read, unreadable rows included."""
        return sum(source.rows for source in self.sources)

    @property
    def kept(self) -> int:
        """Documents that are left."""
        return sum(source.kept for source in self.sources)

    @property
    def bytes_in(self) -> int:
        """UTF-8 bytes of text read."""
        return sum(source.bytes_in for source in self.sources)

    @property
    def bytes_out(self) -> int:
        """UTF-8 bytes of text that are left."""
        return sum(source.bytes_out for source in self.sources)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sources that lose more than half, by name, with the step that takes most of it."""
        return tuple(_warning(source) for source in self.sources if source.loses_most)

    def __repr__(self) -> str:
        kept = f"{self.kept:,} of {self.rows:,} rows kept"
        return f"CleaningReport({self.profile}: {kept}, {size(self.bytes_out)} of {size(self.bytes_in)})"

    def __str__(self) -> str:
        """The report as the command shows it."""
        from brahma.data.cleaning.report_text import report_lines

        return "\n".join(report_lines(self, None))

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "profile": self.profile,
            "why": self.why,
            "rows": self.rows,
            "kept": self.kept,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "steps": [{**asdict(step), "kept": step.kept} for step in self.steps],
            "sources": [{**asdict(source), "share": round(source.share, 4)} for source in self.sources],
            "outputs": list(self.outputs),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "seconds": round(self.seconds, 2),
        }


def make_report(
    job: Job, counts: Counts, *, why: str = "", notes: Sequence[str] = (), seconds: float = 0.0
) -> CleaningReport:
    """The report of a job, from all its counts."""
    sources = tuple(
        SourceReport(
            source.name, found.rows, found.kept, found.bytes_in, found.bytes_out, _by_count(found.dropped)
        )
        for number, source in enumerate(job.sources)
        for found in [counts.sources.get(number, SourceCounts())]
    )
    steps: list[StepReport] = []
    documents = sum(source.rows for source in sources)
    for name in (READ, *(step.name for step in job.profile.steps)):
        steps.append(_step(name, documents, counts.steps.get(name, StepCounts())))
        documents = steps[-1].kept
    outputs = tuple(str(output.path) for output in job.outputs if counts.kept)
    return CleaningReport(job.profile.name, why, tuple(steps), sources, outputs, tuple(notes), seconds)


def _step(name: str, documents: int, found: StepCounts) -> StepReport:
    return StepReport(
        name=name,
        documents=documents,
        dropped=_by_count(found.dropped),
        changed=found.changed,
        counts=_by_count(found.counts),
        bytes_removed=found.bytes_dropped + found.bytes_cut,
        examples=tuple(found.samples),
    )


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _warning(source: SourceReport) -> str:
    lost = f"{1 - source.kept / source.rows:.0%} of its rows"
    if source.bytes_in:
        lost += f" and {1 - source.share:.0%} of its bytes"
    most = next(iter(source.dropped), None)
    return f"{source.name} loses {lost}" + (f", most by the step {most}" if most else "")


def _hint(most: StepReport) -> str:
    """What to do about the step that left nothing."""
    unread = next((each.hint for each in most.examples if each.hint), "")
    return unread or "Choose another --profile, or take the step out of a copy: `brahma data profiles`"


class NothingLeftError(DataError):
    """A cleaning that leaves no document; nothing was written.

    Args:
        report: which step took what.
    """

    def __init__(self, report: CleaningReport) -> None:
        self.report = report
        most = max(report.steps, key=lambda step: sum(step.dropped.values()))
        super().__init__(
            "no document is left, and nothing was written",
            where=report.sources[0].name if len(report.sources) == 1 else None,
            why=f"{report.rows:,} read; most of it was dropped by the step {most.name}"
            if report.rows
            else "the input holds no document",
            hint=_hint(most) if report.rows else "Check that the file was written to its end",
        )
