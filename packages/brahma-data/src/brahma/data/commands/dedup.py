"""`brahma data dedup`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.data.commands import _common_options
from brahma.data.commands.clean import check_report, run_cleaning

if TYPE_CHECKING:
    from brahma.data.cleaning.dedup import Duplicates

_FILE = click.Path(path_type=Path, dir_okay=False)
_KINDS: tuple[Duplicates, ...] = ("exact", "paragraphs", "near")


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--output", help="File, or folder that gets a file for each input file. - is standard output.")
@click.option("--exact", is_flag=True, help="Documents with the same text: the first stays.")
@click.option("--paragraphs", is_flag=True, help="Paragraphs that stand earlier: they are taken out.")
@click.option("--near", is_flag=True, help="Documents that are nearly the same: the longest stays.")
@click.option("--report-only", is_flag=True, help="Change nothing; show what would be done.")
@click.option("--report", type=_FILE, help="File for the whole report, .json.")
@click.option("--rejected", type=_FILE, help="File for the dropped documents, each with its reason.")
@_common_options.text_document
@_common_options.workers
@click.option("--overwrite", is_flag=True, help="Replace an existing output; begin an unfinished one anew.")
def dedup(
    paths: tuple[str, ...], output: str | None, report: Path | None, workers: int | None, **options: Any
) -> None:
    """Remove duplicates from the data in PATHS (files, folders or globs), across all of them.

    Without --exact, --paragraphs or --near: --exact and --near. Nothing else is changed.
    """
    from brahma.data import dedup as dedup_files

    check_report(report, inputs=paths, beside=[output, options["rejected"]])
    chosen: list[Duplicates] = [kind for kind in _KINDS if options.pop(kind)]
    work = partial(
        dedup_files,
        paths,
        output,
        find=chosen or ("exact", "near"),
        executor_options={} if workers is None else {"workers": workers},
        **options,
    )
    run_cleaning(work, report=report, to_stderr=output == "-")
