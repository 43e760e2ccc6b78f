"""What a conversion did, in figures and with an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from brahma.data.conversion.rules import RULES, Rule

_LISTED = 20
"""Skipped rows that are listed; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """Rows read = rows that were converted + skipped ones; a document may become several rows.

    Attributes:
        output: the file; None for standard output.
        source_layout, target_layout: of the rows read and of those written.
        read: rows, documents or conversations read, bad ones included.
        skipped: `(file:line, reason)` of each row left out; empty unless `on_bad_row` is `skip`.
        notes: what was built, put elsewhere or left out -> how often.
        rule: by which turns were built of text, if they were.
        example: the first row that was written.
    """

    output: Path | None
    source_layout: str
    target_layout: str
    read: int
    written: int
    skipped: tuple[tuple[str, str], ...]
    notes: Mapping[str, int]
    rule: Rule | None
    example: Mapping[str, object]

    def lines(self) -> Iterator[tuple[str, str]]:
        """The report as text, without the example: what stands before each line, and the line."""
        yield "layout   ", f"{self.source_layout} -> {self.target_layout}"
        if self.rule is not None:
            yield "rule     ", f"{self.rule}: {RULES[self.rule]}"
        yield "rows     ", f"{self.read:,} read, {self.written:,} written, {len(self.skipped):,} skipped"
        for note, count in self.notes.items():
            yield "         ", f"{count:,} × {note}"
        for where, reason in self.skipped[:_LISTED]:
            yield "  ", f"{where}: {reason}"
        if (more := len(self.skipped) - _LISTED) > 0:
            yield "  ", f"… and {more:,} more"
        yield "output   ", str(self.output or "standard output")
