"""What an augmentation did: counts that add up, reasons, examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from brahma.data.report_text import labelled, place, share

_EXAMPLES = 3  # of each kind that are shown
_SHOWN = 160  # characters of an example


@dataclass
class TechniqueReport:
    """One technique: `tries` = `accepted` + what `reasons` add up to.

    Attributes:
        engine: what made the variants.
        rows: variants of rows that were written.
        tries: passages times the variants asked of each.
        accepted: variants of passages that were taken.
        reasons: why the others were not, and how often.
        examples: `(source, variant)` of some that were taken, as they are.
        refused: `(reason, source, variant)` of some that were not.
    """

    name: str
    engine: str
    rows: int = 0
    tries: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, source: str, variant: str) -> None:
        """Count a variant that was taken."""
        self.accepted += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append((source, variant))

    def refuse(self, reason: str, source: str, variant: str = "", times: int = 1) -> None:
        """Count variants that were not."""
        self.reasons[reason] += times
        if variant and len(self.refused) < _EXAMPLES:
            self.refused.append((reason, source, variant))

    def add(self, other: TechniqueReport) -> None:
        """Add the figures of another part of the same job."""
        self.rows += other.rows
        self.tries += other.tries
        self.accepted += other.accepted
        self.reasons += other.reasons
        self.examples = (self.examples + other.examples)[:_EXAMPLES]
        self.refused = (self.refused + other.refused)[:_EXAMPLES]


@dataclass(frozen=True, repr=False)
class AugmentReport:
    """What went in and came out; `rows` = `chosen` + `left` added up.

    Attributes:
        output: the file.
        rows: rows of the input; all of them stand in the output, first and unchanged.
        chosen: rows of which variants were tried.
        left: why of the other rows none were, and how many.
        skipped: rows that could not be read, as `file:line: why`; they are not in the output.
        techniques: in their order.
        resumed: batches that an earlier process had done.
    """

    output: Path
    rows: int
    chosen: int
    left: Counter[str]
    skipped: tuple[str, ...]
    techniques: tuple[TechniqueReport, ...]
    resumed: int

    @property
    def written(self) -> int:
        """Variants in the output."""
        return sum(each.rows for each in self.techniques)

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield from labelled(self._facts())
        for technique in self.techniques:
            yield ""
            yield from _lines_of(technique)

    def _facts(self) -> Iterator[tuple[str, str]]:
        left = "".join(f" + {count:,} {why}" for why, count in self.left.items())
        yield "rows", f"{self.rows:,} = {self.chosen:,} tried{left}"
        if self.skipped:
            yield "skipped", f"{len(self.skipped):,} rows that could not be read: {self.skipped[0]}"
        if self.resumed:
            yield "resumed", f"{self.resumed:,} batches had been done before"
        yield "written", f"{place(self.output)}: {self.rows:,} originals + {self.written:,} variants"

    def __repr__(self) -> str:
        return f"AugmentReport({place(self.output)}: {self.rows:,} originals + {self.written:,} variants)"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _lines_of(report: TechniqueReport) -> Iterator[str]:
    yield f"{report.name} ({report.engine}): {report.rows:,} rows written"
    taken = f" ({share(report.accepted, report.tries)})" if report.tries else ""
    yield f"  {report.tries:,} passages tried, {report.accepted:,} accepted{taken}"
    for reason, count in report.reasons.most_common():
        yield f"  {count:,} not: {reason}"
    for source, variant in report.examples:
        yield f"  + {shortened(source)}"
        yield f"    {shortened(variant)}"
    for reason, source, variant in report.refused:
        yield f"  - {shortened(source)}"
        yield f"    {shortened(variant)}"
        yield f"    {reason}"


def shortened(text: str) -> str:
    """The text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
