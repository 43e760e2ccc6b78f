"""What a conversion did, in figures and with an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from brahma.data.conversion.rules import RULES, Rule
from brahma.data.report_text import labelled, place, skipped_rows


@dataclass(frozen=True, kw_only=True, repr=False)
class ConversionReport:
    """Rows read = rows that were converted + skipped ones; a document may become several rows.

    `print` shows all of it.

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

    def lines(self, columns: int | None = None) -> Iterator[str]:
        """The report as text, without the example."""
        yield from labelled(self._facts(), columns)
        yield from skipped_rows(self.skipped, columns)

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "layout", f"{self.source_layout} -> {self.target_layout}"
        if self.rule is not None:
            yield "rule", f"{self.rule}: {RULES[self.rule]}"
        yield "rows", self._rows()
        for note, count in self.notes.items():
            yield "", f"{count:,} × {note}"
        yield "written", place(self.output) if self.output else "standard output"

    def _rows(self) -> str:
        return f"{self.read:,} read, {self.written:,} written, {len(self.skipped):,} skipped"

    def __repr__(self) -> str:
        layouts = f"{self.source_layout} -> {self.target_layout}"
        return f"ConversionReport({layouts}: {self._rows()})"

    def __str__(self) -> str:
        return "\n".join(self.lines())
