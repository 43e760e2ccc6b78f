"""`brahma data tokenize`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, get_args

import click

from brahma.core.config.sections import Format
from brahma.core.layout import columns_of
from brahma.data.commands import _common_options
from brahma.data.commands._stopping import tidy_at_sigterm
from brahma.data.readers import TextDocument


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--tokenizer", required=True, help="Folder, tokenizer.json or hub id.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(Format)),
    default="auto",
    help="Instead of recognising it.",
)
@_common_options.text_document
@click.option(
    "--template", type=click.Path(path_type=Path), help="Chat template, instead of the tokenizer's."
)
@_common_options.workers
@_common_options.on_bad_row
def tokenize(
    paths: tuple[str, ...],
    tokenizer: str,
    output: Path,
    format_: Format,
    text_document: TextDocument,
    template: Path | None,
    workers: int | None,
    on_bad_row: Literal["error", "skip"],
) -> None:
    """Tokenise PATHS (files, folders or globs) into shards in the Megatron layout, as a training does.

    Stopped with Ctrl-C, the same command goes on where it was.
    """
    from brahma.data.corpus_shards import write_shards
    from brahma.data.dataset import Dataset

    dataset = Dataset.from_files(
        paths, format=format_, text_document=text_document, on_bad_row=on_bad_row, template=template
    )
    with tidy_at_sigterm():
        shards = write_shards(dataset, tokenizer=tokenizer, output=output, workers=workers)
    for line in shards.lines(columns_of(sys.stdout)):
        click.echo(line)
