"""What the steps did to the documents: counted in each task, added up over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

READ = "read"
"""What the report calls the step that drops rows which cannot be read."""
_EXAMPLES = 3
"""Kept for each reason."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An example of what a step did.

    Attributes:
        reason: why the document was dropped; None for one that was changed.
        where: `file:line`.
        detail: what is particular to it.
        excerpt: the place in the text, as later steps leave it: what they mask is masked here.
        hint: what to do about a row that cannot be read.
    """

    reason: str | None
    where: str
    detail: str
    excerpt: str
    hint: str = ""


@dataclass(slots=True)
class StepCounts:
    """What one step did.

    Attributes:
        dropped: reason -> documents.
        changed: documents that it rewrote.
        counts: what it mended -> how often.
        bytes_dropped: UTF-8 bytes of the documents that it dropped.
        bytes_cut: UTF-8 bytes by which its rewriting made documents shorter; longer where below 0.
        samples: of each reason, and of each thing it mended, the first few in reading order.
    """

    dropped: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    bytes_dropped: int = 0
    bytes_cut: int = 0
    samples: list[Sample] = field(default_factory=list)

    def wants(self, reason: str | None, things: Mapping[str, int]) -> bool:
        """Whether one more example of this reason, or of one of these things, is worth keeping."""
        if reason is not None:
            return sum(each.reason == reason for each in self.samples) < _EXAMPLES
        shown = [each.detail for each in self.samples if each.reason is None]
        return len(shown) < _EXAMPLES or any(all(thing not in each for each in shown) for thing in things)

    def add(self, other: StepCounts) -> None:
        """Add what a later task counted."""
        self.dropped.update(other.dropped)
        self.counts.update(other.counts)
        self.changed += other.changed
        self.bytes_dropped += other.bytes_dropped
        self.bytes_cut += other.bytes_cut
        for sample in other.samples:
            things = {} if sample.reason is not None else things_in(sample.detail)
            if self.wants(sample.reason, things):
                self.samples.append(sample)


@dataclass(slots=True)
class SourceCounts:
    """What became of one input file.

    Attributes:
        rows: documents read, unreadable ones included.
        kept: documents that are left.
        bytes_in, bytes_out: UTF-8 bytes of text, before and after.
        dropped: step -> documents.
    """

    rows: int = 0
    kept: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: SourceCounts) -> None:
        """Add what a later task counted."""
        self.rows += other.rows
        self.kept += other.kept
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.dropped.update(other.dropped)


@dataclass(slots=True)
class Counts:
    """What was counted in a task, a pass, or all.

    Attributes:
        steps: by name; `read` and the steps of the profile.
        sources: by the number of the input file.
    """

    steps: dict[str, StepCounts] = field(default_factory=dict)
    sources: dict[int, SourceCounts] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Documents that are left."""
        return sum(source.kept for source in self.sources.values())

    def step(self, name: str) -> StepCounts:
        """The counts of a step, empty ones at first."""
        if name not in self.steps:
            self.steps[name] = StepCounts()
        return self.steps[name]

    def source(self, number: int) -> SourceCounts:
        """The counts of an input file, empty ones at first."""
        if number not in self.sources:
            self.sources[number] = SourceCounts()
        return self.sources[number]

    def add(self, other: Counts) -> None:
        """Add what a later task counted."""
        for name, step in other.steps.items():
            self.step(name).add(step)
        for number, source in other.sources.items():
            self.source(number).add(source)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        steps = {
            name: {**_fields(step), "samples": list(map(_fields, step.samples))}
            for name, step in self.steps.items()
        }
        return {
            "steps": steps,
            "sources": {number: _fields(source) for number, source in self.sources.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Counts:
        """From what `to_dict` gave, after JSON."""
        steps = {name: _step(each) for name, each in values["steps"].items()}
        sources = {
            int(number): SourceCounts(**{**each, "dropped": Counter(each["dropped"])})
            for number, each in values["sources"].items()
        }
        return cls(steps, sources)


def described(counts: Mapping[str, int]) -> str:
    """`e-mail masked: 2, phone masked: 1`."""
    return ", ".join(f"{thing}: {count:,}" for thing, count in counts.items())


def things_in(detail: str) -> dict[str, int]:
    """The things that `described` told of."""
    return {part.rpartition(":")[0]: 1 for part in detail.split(", ")} if detail else {}


def size_of(texts: Sequence[str]) -> int:
    """UTF-8 bytes of the texts."""
    size = 0
    for text in texts:
        size += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size


def _fields(counts: Any) -> dict[str, Any]:
    """The fields of a dataclass (`asdict` breaks a Counter)."""
    return {each.name: getattr(counts, each.name) for each in fields(counts)}


def _step(values: Mapping[str, Any]) -> StepCounts:
    samples = [Sample(**sample) for sample in values["samples"]]
    return StepCounts(
        Counter(values["dropped"]),
        values["changed"],
        Counter(values["counts"]),
        values["bytes_dropped"],
        values["bytes_cut"],
        samples,
    )
