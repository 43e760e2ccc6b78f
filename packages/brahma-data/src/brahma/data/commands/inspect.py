"""`brahma data inspect`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from brahma.core.complete import config_files
from brahma.core.config.sections import DataSection, Format
from brahma.core.console import print_table
from brahma.core.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brahma.core.config import Config
    from brahma.data.example import Example
    from brahma.data.inspection import Inspection
    from brahma.data.ledger import FileLedger, Ledger, TokenCounts

_SHOWN = 20
"""Skipped rows that are listed; the others are counted."""
_EXISTING = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--config",
    type=_EXISTING,
    shell_complete=config_files,
    help="Take data and tokenizer from this configuration.",
)
@click.option("--tokenizer", help="Folder, tokenizer.json or hub id: count tokens too.")
@click.option("--format", "format_", type=click.Choice(get_args(Format)), help="Instead of recognising it.")
@click.option("--seq-length", type=click.IntRange(min=1), help="Tokens a pack holds.")
def inspect(
    paths: tuple[str, ...],
    config: Path | None,
    tokenizer: str | None,
    format_: Format | None,
    seq_length: int | None,
) -> None:
    """Show what is in PATHS (files, folders or globs): format, rows, lengths, trained tokens, ledger.

    Nothing is changed; bad rows are listed with their lines.
    """
    from brahma.data.dataset import Dataset
    from brahma.data.inspection import inspect_rows, inspect_tokens
    from brahma.data.tokenizer import load_tokenizer

    section, of_model = _sections(config, paths)
    changes = {"format": format_, "seq_length": seq_length}
    section = section.model_copy(update={key: value for key, value in changes.items() if value is not None})
    dataset = Dataset.from_files(
        section.train,
        format=section.format,
        text_document=section.text_document,
        on_bad_row="skip",
        template=section.template,
    )
    name = tokenizer or of_model
    if name is None:
        _print(inspect_rows(dataset), section)
        click.echo("\n(--tokenizer DIR counts tokens and shows which of them are trained)")
        return
    inspection = inspect_tokens(
        dataset,
        load_tokenizer(name),
        seq_length=section.seq_length,
        packing=section.packing,
        on_long_row=section.on_long_row,
    )
    _print(inspection, section)


def _sections(config: Path | None, paths: Sequence[str]) -> tuple[DataSection, str | None]:
    """What to read and how, and the tokenizer that the configuration names, if it names one."""
    if config is None:
        if not paths:
            raise ConfigError(
                "there is nothing to inspect",
                hint="give files, folders or globs, or --config with a configuration",
            )
        return DataSection.model_construct(train=list(paths)), None  # expanding the paths checks them
    from brahma.core.config import load_config

    loaded: Config = load_config(config).config
    section = loaded.data.model_copy(update={"train": list(paths)}) if paths else loaded.data
    if loaded.tokenizer is not None:
        return section, loaded.tokenizer.path
    return section, loaded.model.base_model


def _print(inspection: Inspection, section: DataSection) -> None:
    files = inspection.files
    rows, skipped = sum(file.rows for file in files), sum(len(file.skipped) for file in files)
    stored = "" if inspection.layout in ("", inspection.kind) else f" ({inspection.layout} rows)"
    click.echo(f"format   {inspection.kind}{stored}, {len(files):,} {'file' if len(files) == 1 else 'files'}")
    click.echo(f"rows     {rows:,} = {rows - skipped:,} accepted + {skipped:,} skipped")
    _print_skipped(files)
    _print_lengths(inspection, section)
    if inspection.example is not None:
        _print_example(inspection.example)
    if inspection.ledger is not None:
        _print_ledger(inspection.ledger)
    elif len(files) > 1:
        click.echo()
        cells = [[file.path, file.rows, file.accepted, len(file.skipped)] for file in files]
        _print_numbers(["file", "rows", "accepted", "skipped"], cells)


def _print_skipped(files: Sequence[FileLedger]) -> None:
    listed = [(file.path, row) for file in files for row in file.skipped]
    for path, row in listed[:_SHOWN]:
        click.echo(f"  {path}:{row.line}: {row.reason}")
    if len(listed) > _SHOWN:
        click.echo(f"  … and {len(listed) - _SHOWN:,} more")


def _print_lengths(inspection: Inspection, section: DataSection) -> None:
    import numpy as np

    def line(unit: str, lengths: NDArray[np.int64]) -> list[Any]:
        points = np.percentile(lengths, [0, 50, 90, 99, 100], method="nearest")
        return [unit, *(int(point) for point in points), int(lengths.sum())]

    measured = [line("characters", inspection.characters)] if len(inspection.characters) else []
    if inspection.tokens is not None:
        measured.append(line("tokens", inspection.tokens))
    click.echo()
    _print_numbers(["length of a row", "min", "p50", "p90", "p99", "max", "all"], measured)
    if inspection.tokens is None:
        return
    too_long = int((inspection.tokens - 1 > section.seq_length).sum())
    what_then = f"; {_policy(inspection.kind, section.on_long_row)}" if too_long else ""
    of_all = f"{too_long:,} of {len(inspection.tokens):,} rows"
    click.echo(f"longer than seq_length {section.seq_length:,}: {of_all}{what_then}")


def _policy(kind: str, on_long_row: str) -> str:
    if kind == "text":
        return "running text goes on in the next pack"
    if on_long_row == "error":
        return "a run would stop there, unless on_long_row says cut_prompt, split (as below) or drop"
    return f"on_long_row is {on_long_row}"


def _print_example(example: Example) -> None:
    click.echo(f"\nexample  {example!r}")


def _print_ledger(ledger: Ledger) -> None:
    named = [(file.path, file.rows, len(file.skipped), file.train) for file in ledger.files]
    if len(named) > 1:
        named.append(("total", ledger.rows, ledger.skipped, ledger.train_tokens))
    click.echo()
    headers = ["file", "rows", "skipped", "tokens", "trained", "masked", "starts", "truncated", "dropped"]
    _print_numbers(
        headers, [[path, rows, skipped, *_counted(counts)] for path, rows, skipped, counts in named]
    )
    special = ledger.tokens.special
    click.echo(f"\ntokens = trained + masked + starts + truncated + dropped; {special:,} are special")
    if spelt := sum(file.spelt for file in ledger.files):
        click.echo(f"as text  {spelt:,} special tokens that rows spell out, {_first_spelt(ledger)}")
    packs = ledger.train
    free = f"{packs.padding:,} free ({packs.padding / packs.slots:.1%}, never computed)"
    each = packs.slots // packs.packs
    click.echo(f"packs    {packs.packs:,} of {each:,} slots: {packs.inputs:,} filled + {free}")


def _first_spelt(ledger: Ledger) -> str:
    """The first places of them."""
    places = [f"{file.path}:{line}" for file in ledger.files for line in file.spelt_lines]
    return "at " + ", ".join(places[:3]) + (", …" if len(places) > 3 else "")


def _counted(counts: TokenCounts) -> list[int]:
    return [counts.tokens, counts.trained, counts.masked, counts.starts, counts.truncated, counts.dropped]


def _print_numbers(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print_table(
        headers, [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    )
