"""`brahma tokenizer train`."""

from __future__ import annotations

from pathlib import Path

import click

from brahma.core.config.sections import TokenizerTraining
from brahma.data.commands import _common_options

_DEFAULTS = TokenizerTraining()


@click.command()
@click.argument("data", nargs=-1, required=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option(
    "--vocab-size",
    type=int,
    default=_DEFAULTS.vocab_size,
    show_default=True,
    help="Ids, special ones included.",
)
@click.option(
    "--min-frequency",
    type=int,
    default=_DEFAULTS.min_frequency,
    show_default=True,
    help="A pair must occur this often to become a token.",
)
@click.option(
    "--max-bytes", type=int, default=_DEFAULTS.max_bytes, show_default=True, help="Text read at most."
)
@_common_options.on_bad_row
def train(
    data: tuple[str, ...], output: Path, vocab_size: int, min_frequency: int, max_bytes: int, on_bad_row: str
) -> None:
    """Train a byte-level BPE tokenizer on DATA: files, folders or globs."""
    from brahma.data import Dataset
    from brahma.data.tokenizer import (
        bytes_per_token,
        check_new_folder,
        sample_texts,
        save_tokenizer,
        train_tokenizer,
    )

    check_new_folder(output)
    dataset = Dataset.from_files(data, on_bad_row="skip" if on_bad_row == "skip" else "error")
    tokenizer = train_tokenizer(sample_texts(dataset, max_bytes), vocab_size, min_frequency)
    save_tokenizer(tokenizer, output)
    density = bytes_per_token(tokenizer, sample_texts(dataset, min(max_bytes, 1_000_000)))
    click.echo(f"tokenizer   {output}")
    click.echo(f"vocabulary  {len(tokenizer)} tokens")
    click.echo(f"density     {density:.2f} bytes/token on the training text")
