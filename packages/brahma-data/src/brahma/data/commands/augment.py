"""`brahma data augment`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from brahma.core.errors import ConfigError
from brahma.data.commands import _common_options
from brahma.data.commands._stopping import tidy_at_sigterm

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--input", "inputs", metavar="PATH", multiple=True, help="File, folder or glob; the same as PATHS."
)
@click.option("--output", type=_FILE, required=True, help="File to write: .jsonl, .json, also compressed.")
@click.option(
    "--techniques",
    default="paraphrase,backtranslation",
    show_default=True,
    help="Names of augmenters, with commas between them.",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="[TECHNIQUE=]ENGINE",
    help="What makes the variants, such as wordnet, apertium:en-gl, hf:DIR, seq2seq:DIR,DIR or openai:URL.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="TECHNIQUE.KEY=VALUE",
    help="A further option; may be repeated.",
)
@click.option(
    "--variants", type=int, default=1, show_default=True, help="Of each row and technique, at most."
)
@click.option(
    "--fraction", type=float, default=1.0, show_default=True, help="Of the rows, drawn by the seed."
)
@click.option("--seed", type=int, default=42, show_default=True, help="The same one gives the same output.")
@click.option("--rejected", type=_FILE, help="Write the variants that were not taken here, with the reasons.")
@_common_options.text_document
@_common_options.on_bad_row
@click.option(
    "--max-failures",
    type=int,
    default=20,
    show_default=True,
    help="Passages in a row that an engine may fail on before the job stops.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def augment(
    paths: tuple[str, ...],
    inputs: tuple[str, ...],
    output: Path,
    techniques: str,
    engines: tuple[str, ...],
    options: tuple[str, ...],
    **others: Any,
) -> None:
    """Write the rows of PATHS, unchanged, and behind them variants of their questions or running text.

    Answers, code, numbers and names stay as they are. Each variant is checked and says where it comes from.
    Stopped by Ctrl-C, the same command goes on where it was.
    """
    from brahma.data.augmentation.augment import augment as run
    from brahma.data.augmentation.augment import job_folder

    if not paths and not inputs:
        raise ConfigError("there is nothing to augment", hint="give files, folders or globs, or --input FILE")
    names = [name.strip() for name in techniques.split(",") if name.strip()]
    try:
        with tidy_at_sigterm():
            report = run(
                [*paths, *inputs],
                output,
                techniques=names,
                engines=_engines(engines, names),
                options=_options(options),
                **others,
            )
    except KeyboardInterrupt:
        if (folder := job_folder(output)).exists():
            click.echo(f"\nwhat is done is kept in {folder}: the same command goes on from there", err=True)
        raise
    for line in report.lines():
        click.echo(line)


def _engines(given: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """`paraphrase=wordnet` is for one technique, `hf:DIR` for all that are not named."""
    found: dict[str, str] = {}
    for engine in given:
        name, equals, rest = engine.partition("=")
        if equals and name.isidentifier():
            found[name] = rest
        else:
            found = {**dict.fromkeys(names, engine), **found}
    return found


def _options(given: Iterable[str]) -> dict[str, dict[str, Any]]:
    from yaml import YAMLError, safe_load

    found: dict[str, dict[str, Any]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        technique, dot, name = key.partition(".")
        if not (equals and dot and name):
            raise ConfigError(
                f"{text!r} is no option", where="--option", hint="write it as paraphrase.timeout=30"
            )
        try:
            found.setdefault(technique, {})[name] = safe_load(value)
        except YAMLError as error:
            raise ConfigError(
                f"the value of {key} cannot be read",
                where="--option",
                why=str(error),
                hint=f"write {key}='\"…\"'",
            ) from error
    return found
