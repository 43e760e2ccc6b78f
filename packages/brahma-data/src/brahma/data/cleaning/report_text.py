"""The report of a cleaning as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brahma.core.layout import folded
from brahma.core.sizes import duration, size
from brahma.data.cleaning.counts import Sample
from brahma.data.cleaning.report import CleaningReport, SourceReport, StepReport
from brahma.data.report_text import labelled, numbers, place, share

_SOURCES = 30
"""Input files that are listed; those that lose most come first when there are more."""


def report_lines(report: CleaningReport, columns: int | None) -> Iterator[str]:
    """The whole report.

    Args:
        columns: the width of the terminal; None where nothing has to fit.
    """
    yield from labelled(_head(report), columns)
    yield ""
    yield from _steps(report.steps, columns)
    for step in report.steps:
        yield from _details(step, columns)
    if len(report.sources) > 1:
        yield ""
        yield from _sources(report.sources, columns)
    for note in report.notes:
        yield ""
        yield from _folded(f"note: {note}", columns)


def _head(report: CleaningReport) -> Iterator[tuple[str, str]]:
    yield "profile", report.profile + (f": {report.why}" if report.why else "")
    yield "rows", f"{report.kept:,} of {report.rows:,} kept ({share(report.kept, report.rows)})"
    kept = share(report.bytes_out, report.bytes_in)
    yield "text", f"{size(report.bytes_out)} of {size(report.bytes_in)} kept ({kept})"
    rate = report.bytes_in / report.seconds if report.seconds else 0.0
    yield "time", f"{duration(report.seconds)}, {rate / 1e6:,.1f} MB/s"
    for number, output in enumerate(report.outputs[:_SOURCES]):
        yield "" if number else "written", place(output)
    if (more := len(report.outputs) - _SOURCES) > 0:
        yield "", f"… and {more:,} more"


def _steps(steps: Sequence[StepReport], columns: int | None) -> Iterator[str]:
    rows = [
        [
            step.name,
            f"{step.documents:,}",
            f"{sum(step.dropped.values()):,}",
            f"{step.changed:,}",
            _bytes(step.bytes_removed),
        ]
        for step in steps
    ]
    yield from numbers(["step", "rows", "dropped", "changed", "text removed"], rows, columns)


def _details(step: StepReport, columns: int | None) -> Iterator[str]:
    """What a step dropped and mended, each with how often, and examples."""
    if step.dropped or step.counts or step.changed:
        yield ""
        yield step.name
    for reason, count in step.dropped.items():
        yield from _folded(f"  {count:,} dropped: {reason}", columns, "    ")
        yield from _examples([each for each in step.examples if each.reason == reason], columns)
    if step.changed and not step.counts:
        yield f"  {step.changed:,} changed"
    for thing, count in step.counts.items():
        yield from _folded(f"  {count:,} × {thing}", columns, "    ")
    yield from _examples([each for each in step.examples if each.reason is None], columns)


def _examples(samples: Sequence[Sample], columns: int | None) -> Iterator[str]:
    for sample in samples:
        detail = f" ({sample.detail})" if sample.detail and sample.detail != sample.reason else ""
        yield from _folded(f"    {sample.where}{detail}", columns, "      ")
        if sample.excerpt:
            yield f"      │ {sample.excerpt}"
    hint = next((each.hint for each in samples if each.hint), "")
    yield from _folded(f"    hint: {hint}", columns, "      ") if hint else ()


def _sources(sources: Sequence[SourceReport], columns: int | None) -> Iterator[str]:
    shown = sources
    if len(sources) > _SOURCES:
        shown = sorted(sources, key=lambda source: source.share)[:_SOURCES]
    rows = [
        [
            source.name,
            f"{source.rows:,}",
            f"{source.kept:,}",
            size(source.bytes_in),
            size(source.bytes_out),
            share(source.bytes_out, source.bytes_in),
        ]
        for source in shown
    ]
    yield from numbers(["source", "rows", "kept", "text", "kept", "share"], rows, columns)
    if (more := len(sources) - len(shown)) > 0:
        yield f"… and {more:,} more, which lose less; `--report FILE.json` has all"


def _folded(line: str, columns: int | None, indent: str = "") -> Iterator[str]:
    """The line in as many as it needs; the others begin with the indent."""
    if columns is None or len(line) <= columns:
        yield line
        return
    first, *others = folded(line, columns)
    yield first
    for part in folded(" ".join(part.strip() for part in others), columns - len(indent)) if others else ():
        yield indent + part


def _bytes(count: int) -> str:
    return f"-{size(-count)}" if count < 0 else size(count)
