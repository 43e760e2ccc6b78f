"""`brahma.data.augment`: the rows of a file, and variants of them behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from brahma.core.errors import ConfigError, DataError
from brahma.core.progress import progress
from brahma.data._sources import expand_sources
from brahma.data.augmentation.folder import JobFolder
from brahma.data.augmentation.report import AugmentReport, TechniqueReport
from brahma.data.augmentation.selection import Plan, Scan, chosen_rows, rows_of
from brahma.data.augmentation.techniques import choose
from brahma.data.augmentation.worker import Worker
from brahma.data.readers import TextDocument
from brahma.data.writers import check_output, open_writer

TECHNIQUES = ("paraphrase", "backtranslation")
_HOLDS_ORIGIN = (".jsonl", ".ndjson", ".json")


def augment(
    input: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    techniques: Sequence[str] = TECHNIQUES,
    engines: str | Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    variants: int = 1,
    fraction: float = 1.0,
    seed: int = 42,
    rejected: str | Path | None = None,
    text_document: TextDocument = "file",
    on_bad_row: Literal["error", "skip"] = "error",
    max_failures: int = 20,
    overwrite: bool = False,
) -> AugmentReport:
    """Write the rows of `input`, unchanged, and behind them the variants that pass the checks.

    Running text and what users ask may change; answers, code, numbers and names do not. Each variant says
    under `meta.augment` where it comes from. A job that was stopped goes on when it is called again.

    Args:
        input: files, folders or globs.
        output: a `.jsonl`, `.ndjson` or `.json` file, which may be compressed.
        techniques: names of augmenters, those of plugins included.
        engines: one for all techniques, or one by a technique's name.
        options: of a technique, by its name.
        variants: of each row and technique, at most.
        fraction: of the rows of which variants are tried, drawn by the seed.
        seed: the same one gives the same output where the engine allows it.
        rejected: a file for the variants that were not taken, with the reasons.
        text_document: what one document is in a `.txt` file.
        on_bad_row: stop at a row that cannot be read, or leave it out and count it.
        max_failures: passages in a row that an engine may fail on before the job stops.
        overwrite: replace files that exist.

    Raises:
        DataError: an input or output that cannot be used; an engine that fails on and on; no variant taken.
        RowError: a row that cannot be read.
        MissingDependencyError: what an engine needs is not installed.
        ConfigError: a number out of its range, or an option that a technique does not have.
        PluginError: no technique has this name.
    """
    sources = expand_sources([input] if isinstance(input, str | Path) else input)
    output, aside = Path(output), None if rejected is None else Path(rejected)
    _check_numbers(variants, fraction, max_failures)
    for path in (output, *([] if aside is None else [aside])):
        check_output(path, inputs=sources, overwrite=overwrite)
        _check_holds_objects(path)
    if aside is not None and aside.resolve() == output.resolve():
        raise DataError(
            "rejected variants cannot go into the output", where=str(aside), hint="Name another file"
        )
    chosen = choose(techniques, engines, options)
    plan = Plan(sources, seed, variants, fraction, text_document, on_bad_row, max_failures)
    folder = JobFolder(job_folder(output))
    with ExitStack() as stack:
        augmenters = {each.name: stack.enter_context(each.build(seed)) for each in chosen}
        stack.enter_context(folder.held(plan.key([each.settings() for each in chosen])))
        scan = Scan()
        for _ in chosen_rows(plan, scan):
            pass  # a bad row is found now, not after hours
        with progress("augmenting", scan.chosen, "rows") as task:
            batches, resumed = folder.run(Worker(plan, augmenters), chosen_rows(plan), task)
        reports = _added(folder, batches, {name: each.engine for name, each in augmenters.items()})
        report = AugmentReport(
            output, scan.rows, scan.chosen, scan.left, tuple(scan.skipped), reports, resumed
        )
        _write(plan, folder, batches, report, aside)
        folder.remove()
    return report


def job_folder(output: Path) -> Path:
    """Where the batches of an unfinished job stand."""
    return output.with_name(f"{output.name}.augment")


def _write(plan: Plan, folder: JobFolder, batches: int, report: AugmentReport, rejected: Path | None) -> None:
    if rejected is not None:
        with open_writer(rejected) as write:
            for batch in folder.batches(batches):
                for row in batch["rejected"]:
                    write(row)
    if not report.written:
        folder.remove()
        raise DataError("no variant was accepted", why="\n".join(report.lines()), hint=_what_to_do(report))
    with open_writer(report.output) as write_row:
        for _, value in rows_of(plan):
            write_row({"text": value} if isinstance(value, str) else value)
        for batch in folder.batches(batches):
            for row in batch["variants"]:
                write_row(row)


def _what_to_do(report: AugmentReport) -> str:
    if not report.chosen:
        return "Give rows with running text or questions, or a larger fraction"
    return "See the reasons above; try another engine, or --rejected FILE to read all of them"


def _added(folder: JobFolder, batches: int, engines: Mapping[str, str]) -> tuple[TechniqueReport, ...]:
    reports = {name: TechniqueReport(name, engine) for name, engine in engines.items()}
    for batch in folder.batches(batches):
        for each in batch["reports"]:
            reports[each["name"]].add(TechniqueReport(**{**each, "reasons": Counter(each["reasons"])}))
    return tuple(reports.values())


def _check_holds_objects(output: Path) -> None:
    """Refuse a format that has no place for where a variant comes from."""
    if not any(ending in _HOLDS_ORIGIN for ending in output.suffixes[-2:]):
        raise DataError(
            "a variant carries its origin, for which this format has no place",
            where=str(output),
            hint=f"Write {output.with_suffix('.jsonl').name}; `brahma data convert` makes others of it",
        )


def _check_numbers(variants: int, fraction: float, max_failures: int) -> None:
    if variants < 1 or max_failures < 1:
        raise ConfigError("variants and max_failures are 1 at least", hint="give a number from 1")
    if not 0 < fraction <= 1:
        raise ConfigError(
            f"fraction {fraction:g} is not above 0 and at most 1", hint="0.5 takes half of the rows"
        )
