"""`brahma data split`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from brahma.core.errors import ConfigError
from brahma.core.layout import columns_of
from brahma.data.commands import _common_options
from brahma.data.commands._stopping import tidy_at_sigterm


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
@_common_options.text_document
@_common_options.on_bad_row
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
    for line in report.lines(columns_of(sys.stdout)):
        click.echo(line)


def _size(given: str, option: str) -> int | float:
    try:
        return int(given) if given.isdecimal() else float(given)
    except ValueError:
        raise ConfigError(
            f"{option} {given!r} is no size", hint="0.01 takes one row in a hundred; 500 takes 500 rows"
        ) from None
