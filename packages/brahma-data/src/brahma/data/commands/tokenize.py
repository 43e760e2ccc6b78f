"""`brahma data tokenize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from brahma.core.config.sections import Format
from brahma.core.console import as_typed, print_table

if TYPE_CHECKING:
    from brahma.data.corpus_shards import CorpusShards

TextDocument = Literal["file", "blank_line", "line"]


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
@click.option(
    "--text-document",
    type=click.Choice(get_args(TextDocument)),
    default="file",
    show_default=True,
    help="What a document is in a .txt file.",
)
@click.option(
    "--template", type=click.Path(path_type=Path), help="Chat template, instead of the tokenizer's."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes; by default one a core.")
@click.option(
    "--on-bad-row",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="What a malformed row does: stop, or be left out.",
)
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
    from brahma.data.tokenizer import load_tokenizer

    dataset = Dataset.from_files(
        paths, format=format_, text_document=text_document, on_bad_row=on_bad_row, template=template
    )
    shards = write_shards(dataset, tokenizer=load_tokenizer(tokenizer), output=output, workers=workers)
    _print(shards, output)


def _print(shards: CorpusShards, output: Path) -> None:
    tokens, documents = shards.total("tokens"), shards.total("documents")
    click.echo(f"shards     {as_typed(output)}")
    click.echo(
        f"documents  {documents:,} of {shards.total('rows'):,} rows; {shards.total('skipped'):,} skipped"
    )
    click.echo(f"tokens     {tokens:,} ({shards.manifest['dtype']})")
    if spelt := shards.total("spelt"):
        click.echo(f"as text    {spelt:,} special tokens that rows spell out")
    if len(shards.sources) > 1:
        click.echo()
        rows = [
            [source["folder"], source["path"], f"{source['documents']:,}", f"{source['tokens']:,}"]
            for source in shards.sources
        ]
        print_table(["folder", "source", "documents", "tokens"], rows)
