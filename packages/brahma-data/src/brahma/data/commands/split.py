"""`brahma data split`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.core.console import print_table
from brahma.core.errors import ConfigError
from brahma.data.commands._stopping import tidy_at_sigterm

if TYPE_CHECKING:
    from brahma.data.splitting.files import SplitReport

_SHOWN = 20
"""Skipped rows, and inputs, that are listed; the others are counted."""


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option("--validation", metavar="SIZE", default="0.01", show_default=True, help="Fraction, or rows.")
@click.option("--test", metavar="SIZE", help="Make a test file too.")
@click.option("--by", metavar="KEY", help="Rows with the same value of this key stay together.")
@click.option("--stratify", is_flag=True, help="Take the same share of each input file.")
@click.option("--seed", type=int, default=42, show_default=True, help="Chooses the rows.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "json", "csv", "tsv", "parquet"]),
    help="Kind of the files written; else that of PATHS.",
)
@click.option(
    "--from",
    "layout",
    type=click.Choice(["text", "chat", "completion", "instruct", "sharegpt"]),
    help="Layout of the rows, if several fit.",
)
@click.option(
    "--text-document",
    type=click.Choice(["file", "blank_line", "line"]),
    default="file",
    show_default=True,
    help="What one document is in plain text.",
)
@click.option(
    "--on-bad-row",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="What a malformed row does: stop, or be left out.",
)
@click.option("--overwrite", is_flag=True, help="Replace files of an earlier split.")
def split(
    paths: tuple[str, ...], output: Path, validation: str, test: str | None, format_: Any, **options: Any
) -> None:
    """Split the rows of PATHS (files, folders or globs) into training, validation and test files.

    Whole documents and conversations, drawn by the seed. Rows with the same text are never in two files.
    """
    from brahma.data import split_files

    with tidy_at_sigterm():
        report = split_files(
            paths,
            output,
            validation=_size(validation, "--validation"),
            test=None if test is None else _size(test, "--test"),
            format=format_,
            **options,
        )
    _print(report)


def _size(given: str, option: str) -> int | float:
    try:
        return int(given) if given.isdecimal() else float(given)
    except ValueError:
        raise ConfigError(
            f"{option} {given!r} is no size", hint="0.01 takes one row in a hundred; 500 takes 500 rows"
        ) from None


def _print(report: SplitReport) -> None:
    total = sum(part.rows for part in report.parts)
    cells = [
        [part.name, f"{part.rows:,}", f"{part.rows / total:.2%}", str(part.path)] for part in report.parts
    ]
    print_table(["part", "rows", "share", "file"], cells)
    groups = f"{report.groups:,} groups that stay together, the largest of {report.largest:,}"
    click.echo(f"\n{total:,} rows in {groups}\n{report.duplicates:,} rows repeat the text of another")
    if len(report.sources) > 1:
        click.echo()
        listed = list(enumerate(report.sources))[:_SHOWN]
        rows = [
            [str(source), *(f"{part.sources[number]:,}" for part in report.parts)]
            for number, source in listed
        ]
        print_table(["source", *(part.name for part in report.parts)], rows)
        if (more := len(report.sources) - _SHOWN) > 0:
            click.echo(f"… and {more:,} more files")
    if report.skipped:
        click.echo(f"\n{len(report.skipped):,} rows were skipped")
    for where, reason in report.skipped[:_SHOWN]:
        click.echo(f"  {where}: {reason}")
    if (more := len(report.skipped) - _SHOWN) > 0:
        click.echo(f"  … and {more:,} more")
