"""`brahma data clean`, which is `python -m brahma.tools.data_cleaner` too."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.core.console import print_warning
from brahma.core.errors import ConfigError
from brahma.core.layout import columns_of
from brahma.data.commands import _common_options
from brahma.data.commands._stopping import tidy_at_sigterm

if TYPE_CHECKING:
    from brahma.data.cleaning.report import CleaningReport

_FORMATS = ("auto", "text", "jsonl", "chat", "completion", "instruct", "sharegpt")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--input", "inputs", multiple=True, help="File, folder or glob; the same as PATHS. - is standard input."
)
@click.option("--output", help="File, or folder that gets a file for each input file. - is standard output.")
@click.option("--profile", metavar="NAME|FILE", help="Instead of choosing one from the data.")
@click.option(
    "--evaluation", multiple=True, metavar="PATH", help="Evaluation data that must not be trained on."
)
@click.option("--report-only", is_flag=True, help="Change nothing; show what would be done.")
@click.option("--report", type=_FILE, help="File for the whole report, .json.")
@click.option("--rejected", type=_FILE, help="File for the dropped documents, each with its reason.")
@click.option("--format", type=click.Choice(_FORMATS), default="auto", show_default=True, help="Of the rows.")
@_common_options.text_document
@_common_options.workers
@click.option("--executor", default="processes", show_default=True, help="Where the work runs.")
@click.option("--executor-option", multiple=True, metavar="KEY=VALUE", help="An option of the executor's.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output; begin an unfinished one anew.")
def clean(
    paths: tuple[str, ...],
    inputs: tuple[str, ...],
    output: str | None,
    report: Path | None,
    workers: int | None,
    executor_option: tuple[str, ...],
    overwrite: bool,
    **options: Any,
) -> None:
    """Clean the data in PATHS: repair it, mask personal data, drop duplicates and what a profile says.

    Stopped, by Ctrl-C or a crash, the same command goes on where it was. `brahma data profiles` shows what a
    profile does.
    """
    from brahma.data import clean as clean_files

    if not paths and not inputs:
        raise ConfigError("there is nothing to clean", hint="give files, folders or globs, or --input FILE")
    check_report(report, inputs=[*paths, *inputs], beside=[output, options["rejected"]])
    work = partial(
        clean_files,
        [*paths, *inputs],
        output,
        executor_options=_executor_options(executor_option, workers),
        overwrite=overwrite,
        **options,
    )
    run_cleaning(work, report=report, to_stderr=output == "-")


def check_report(report: Path | None, *, inputs: Sequence[str], beside: Sequence[str | Path | None]) -> None:
    """Refuse a report's file that cannot be written, or that holds or will hold data."""
    from brahma.data._sources import expand_sources
    from brahma.data.writers import check_apart, check_output

    if report is not None:
        check_output(report, inputs=expand_sources(inputs), overwrite=True)
        check_apart(report, [each for each in beside if each is not None], "the report")


def run_cleaning(work: Callable[[], CleaningReport | None], *, report: Path | None, to_stderr: bool) -> None:
    """Do it, show the report, and say what becomes of work that did not end here."""
    from brahma.data.cleaning.report import NothingLeftError

    try:
        with tidy_at_sigterm():
            found = work()
    except NothingLeftError as error:
        _show(error.report, report, to_stderr)
        raise
    except KeyboardInterrupt:
        click.echo("\nwhat is done is kept: the same command goes on", err=True)
        raise
    if found is None:
        click.echo("handed over; the same command later finishes it and shows the report", err=True)
        return
    _show(found, report, to_stderr)


def _show(found: CleaningReport, file: Path | None, to_stderr: bool) -> None:
    from brahma.data.cleaning.job import write_json
    from brahma.data.cleaning.report_text import report_lines
    from brahma.data.writers import check_apart

    if file is not None:
        check_apart(file, found.outputs, "the report")
        write_json(file, found.to_dict())
    for line in report_lines(found, columns_of(sys.stderr if to_stderr else sys.stdout)):
        click.echo(line, err=to_stderr)
    for warning in found.warnings[:_WARNED]:
        print_warning(warning)
    if (more := len(found.warnings) - _WARNED) > 0:
        print_warning(f"and {more:,} further files lose more than half")


_WARNED = 10
"""Files that are warned about by name; more only with `--report`."""


def _executor_options(given: Sequence[str], workers: int | None) -> Mapping[str, Any]:
    options: dict[str, Any] = {} if workers is None else {"workers": workers}
    for text in given:
        key, equals, written = text.partition("=")
        if not key or not equals:
            raise ConfigError(f"{text!r} is no option", where="--executor-option", hint="KEY=VALUE")
        options[key] = _value(written)
    return options


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return written
