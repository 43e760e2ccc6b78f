"""`brahma data convert`, which is `python -m brahma.tools.data_converter` too."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from brahma.core.errors import ConfigError
from brahma.core.layout import columns_of
from brahma.core.suggest import suggestion
from brahma.data.commands import _common_options
from brahma.data.commands._stopping import tidy_at_sigterm
from brahma.data.report_text import labelled

if TYPE_CHECKING:
    from brahma.data.conversion.report import ConversionReport
    from brahma.data.rows import Role

_LAYOUTS = ("text", "chat", "completion", "instruct", "sharegpt")
_CONTAINERS = ("jsonl", "json", "csv", "tsv", "parquet")
_ROLES = ("system", "user", "assistant")
_SHOWN = 200
"""Characters of each text of the example that are shown."""
_TURNS = 4
"""Turns of it, or other things in a list."""


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--input", "inputs", multiple=True, help="File, folder or glob; the same as PATHS. - is standard input."
)
@click.option("--output", required=True, help="File; its ending says the container. - is standard output.")
@click.option(
    "--format",
    "format_",
    type=click.Choice([*_LAYOUTS, *_CONTAINERS]),
    help="Layout of the rows written; a container keeps the layout.",
)
@click.option(
    "--from", "layout", type=click.Choice(_LAYOUTS), help="Layout of the rows read, if several fit."
)
@click.option(
    "--rule",
    type=click.Choice(["auto", "transcript", "title", "continue", "prompt", "join"]),
    default="auto",
    show_default=True,
    help="How text becomes turns, or turns text.",
)
@click.option("--prompt", help="The request that each document answers, instead of its title.")
@click.option("--speakers", metavar="NAME=ROLE,…", help="Who speaks in a transcript: Ann=user,Bob=assistant.")
@click.option(
    "--system",
    type=click.Choice(["keep", "prompt", "drop"]),
    default="keep",
    show_default=True,
    help="A system turn: keep, put before the first request, or leave out.",
)
@click.option(
    "--turns",
    type=click.Choice(["keep", "split", "join"]),
    default="keep",
    show_default=True,
    help="Several exchanges: keep, a row of each, or the earlier ones in the prompt.",
)
@click.option("--map", "renamed", metavar="OLD=NEW,…", help="Keys or columns to rename: question=prompt.")
@click.option("--keep-keys", metavar="KEY,…", help="Of a row's other keys, only these.")
@click.option("--drop-keys", metavar="KEY,…", help="Other keys to leave out; all for all.")
@click.option(
    "--text-document",
    type=click.Choice(["auto", "file", "blank_line", "line"]),
    default="auto",
    show_default=True,
    help="What one document is in plain text.",
)
@_common_options.on_bad_row
@click.option(
    "--input-ending", metavar="ENDING", help="Of standard input, as .csv, if its first bytes do not tell."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
def convert(
    paths: tuple[str, ...],
    inputs: tuple[str, ...],
    output: str,
    format_: Any,
    layout: Any,
    speakers: str | None,
    renamed: str | None,
    keep_keys: str | None,
    drop_keys: str | None,
    input_ending: str | None,
    **options: Any,
) -> None:
    """Write the rows of PATHS as rows of another layout, or into another kind of file.

    Nothing is lost in silence: what the new layout cannot carry is refused until an option says what becomes
    of it. The output is written whole or not at all.
    """
    from brahma.data import convert as convert_files
    from brahma.data._standard_input import standard_input

    named: list[str | Path] = [*paths, *inputs]
    if input_ending is not None:
        named = [standard_input(input_ending) if name == "-" else name for name in named]
    with tidy_at_sigterm():
        report = convert_files(
            named,
            output,
            format=format_,
            layout=layout,
            speakers=_roles(speakers),
            rename=_pairs(renamed, "--map") if renamed else None,
            keep_keys=_names(keep_keys) if keep_keys is not None else None,
            drop_keys=_names(drop_keys or ""),
            **options,
        )
    _print(report, to_stderr=output == "-")


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _pairs(listed: str, option: str) -> dict[str, str]:
    """`a=b,c=d`."""
    pairs = [pair.partition("=") for pair in _names(listed)]
    wrong = next((old for old, _, new in pairs if not old.strip() or not new.strip()), None)
    if wrong is not None:
        raise ConfigError(f"{option} {listed!r} is no list of pairs", hint=f"{option} one=two,three=four")
    return {old.strip(): new.strip() for old, _, new in pairs}


def _roles(listed: str | None) -> Mapping[str, Role] | None:
    if not listed:
        return None
    speakers = _pairs(listed, "--speakers")
    for name, role in speakers.items():
        if role not in _ROLES:
            hint = f"{suggestion(role, _ROLES, nothing='')}; write {name}=user or {name}=assistant"
            raise ConfigError(f"--speakers: {role!r} is no role", hint=hint)
    return cast("Mapping[str, Role]", speakers)


def _print(report: ConversionReport, *, to_stderr: bool) -> None:
    text = json.dumps(_cut(report.example), ensure_ascii=False, default=str)
    example = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
    columns = columns_of(sys.stderr if to_stderr else sys.stdout)
    for line in (*report.lines(columns), *labelled([("example", example)], columns)):
        click.echo(line, err=to_stderr)


def _cut(value: Any) -> Any:
    """The value with long texts and lists cut; what is left out is counted."""
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]}… and {len(value) - _SHOWN:,} more characters"
    if isinstance(value, list) and len(value) > _TURNS:
        return [*map(_cut, value[:_TURNS]), f"… and {len(value) - _TURNS:,} more"]
    if isinstance(value, Mapping):
        return {key: _cut(each) for key, each in value.items()}
    return [_cut(each) for each in value] if isinstance(value, list) else value
