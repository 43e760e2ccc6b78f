"""What a split wrote: `SplitReport`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brahma.data.report_text import labelled, numbers, place, share, skipped_rows

PARTS = ("train", "validation", "test")

_SOURCES = 20
"""Input files that are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a split.

    Attributes:
        sources: rows that came from each input file, in its order.
    """

    name: str
    path: Path
    rows: int
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True, repr=False)
class SplitReport:
    """What went where. `print` shows all of it.

    Attributes:
        groups: sets of rows that had to stay together; as many as rows when none had to.
        duplicates: rows whose texts stand in an earlier row too.
        largest: rows of the largest group.
        skipped: `(file:line, reason)` of rows that were left out.
    """

    sources: tuple[Path, ...]
    parts: tuple[Part, ...]
    groups: int
    duplicates: int
    largest: int
    skipped: tuple[tuple[str, str], ...]

    @property
    def written(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    def lines(self, columns: int | None = None) -> Iterator[str]:
        """The report as text."""
        yield from labelled(self._facts(), columns)
        yield from skipped_rows(self.skipped, columns)
        yield ""
        rows = ([place(part.path), f"{part.rows:,}", share(part.rows, self.written)] for part in self.parts)
        yield from numbers(["file", "rows", "share"], rows, columns)
        if len(self.sources) > 1:
            yield ""
            yield from self._by_source(columns)

    def _facts(self) -> Iterator[tuple[str, str]]:
        read = self.written + len(self.skipped)
        yield "rows", f"{read:,} read, {self.written:,} written, {len(self.skipped):,} skipped"
        yield "together", f"{self.groups:,} groups that stay together, the largest of {self.largest:,}"
        yield "duplicates", f"{self.duplicates:,} rows repeat the text of an earlier one"

    def _by_source(self, columns: int | None) -> Iterator[str]:
        rows = (
            [str(source), *(f"{part.sources[number]:,}" for part in self.parts)]
            for number, source in enumerate(self.sources[:_SOURCES])
        )
        yield from numbers(["source", *(part.name for part in self.parts)], rows, columns)
        if (more := len(self.sources) - _SOURCES) > 0:
            yield f"… and {more:,} more files"

    def __repr__(self) -> str:
        parts = ", ".join(f"{part.name} {part.rows:,}" for part in self.parts)
        return f"SplitReport({parts} rows, {len(self.skipped):,} skipped)"

    def __str__(self) -> str:
        return "\n".join(self.lines())
