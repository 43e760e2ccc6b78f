"""`brahma plugins show`: one entry, its options, and how it is chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from brahma.core.commands.config_layout import print_facts, shown
from brahma.core.commands.plugins_named import named
from brahma.core.complete import entry_names
from brahma.core.console import COLOURS, paint, print_table
from brahma.core.entries import Entry, QuantizerEntry
from brahma.core.errors import BrahmaError
from brahma.core.plugins import KINDS, Registration, get_plugins

if TYPE_CHECKING:
    from brahma.core.config.explain import Explained


@click.command("show")
@click.argument("name", shell_complete=entry_names)
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only the entry of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def show_plugin(name: str, kind: str | None, as_json: bool) -> None:
    """Show what is called NAME: where it comes from, its options, where it is chosen and what to write there.

    A name of several kinds shows each; a command of two words stands in quotes.
    """
    found = [_described(each) for each in named(name, kind)]
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for number, each in enumerate(found):
        if number:
            click.echo()
        _print(each)


def _described(registration: Registration) -> dict[str, Any]:
    """All that is to be said about an entry, ready for JSON."""
    from brahma.core.kit.usage import PLACES, fragment

    entry, plugins = registration.entry, get_plugins()
    doubled = [each.origin for each in plugins.of_kind(entry.kind) if each.entry.name == entry.name]
    options, problem = _options(registration)
    return {
        "kind": entry.kind,
        "name": entry.name,
        "summary": entry.summary,
        "distribution": registration.distribution,
        "version": registration.version,
        "entry_point": registration.plugin,
        "target": entry.target,
        "problem": _problem(registration) or problem,
        "brought_by": doubled,
        "chosen_by": PLACES[entry.kind],
        "formats": _formats(entry),
        "write": fragment(entry, _example(options)),
        "options": [
            {"name": each.key, "takes": each.takes, "default": each.default, "does": each.does}
            for each in options
        ],
    }


def _formats(entry: Entry) -> dict[str, str]:
    """What a quantizer can do, by device; nothing for other kinds."""
    if not isinstance(entry, QuantizerEntry):
        return {}
    from brahma.core.quantizers import describe

    devices = sorted({device for each in entry.formats for device in each.devices})
    return {device: describe(entry.formats, device) for device in devices}


def _options(registration: Registration) -> tuple[list[Explained], str | None]:
    """The entry's options, or why they cannot be told."""
    from brahma.core.config.explain import options_of

    try:
        found = list(options_of(registration.entry, ""))
    except Exception as error:  # a stranger's code
        return [], f"{registration.entry.options}: {type(error).__name__}: {error}"
    return [_named(each) for each in found], None


def _named(option: Explained) -> Explained:
    from dataclasses import replace

    return replace(option, key=option.key.rpartition(".")[2])


def _problem(registration: Registration) -> str | None:
    """Why the target cannot be loaded; None when it can."""
    try:
        registration.load()
    except BrahmaError as error:
        return error.why or error.message
    return None


def _example(options: Sequence[Explained]) -> dict[str, Any]:
    """The first option that has a default worth showing."""
    return next(({each.key: each.default} for each in options if each.default is not None), {})


def _print(each: dict[str, Any]) -> None:
    click.echo(paint(f"{each['kind']} {each['name']}", bold=True))
    click.echo(f"  {each['summary']}" if each["summary"] else "  no summary")
    state = f"cannot be loaded: {each['problem']}" if each["problem"] else "loads"
    facts = [
        ("from", f"{each['distribution']} {each['version']}, entry point {each['entry_point']}"),
        ("target", f"{each['target']} ({state})"),
        ("chosen by", each["chosen_by"]),
    ]
    facts += [(f"on {device}", formats) for device, formats in each["formats"].items()]
    if len(each["brought_by"]) > 1:
        facts.insert(1, ("refused", f"brought by {' and '.join(each['brought_by'])}; uninstall one of them"))
    print_facts(facts)
    click.echo(f"  write      {each['write']}")  # in one line, to be copied
    if each["options"]:
        click.echo()
        rows = [(o["name"], o["takes"], shown(o["default"]), o["does"]) for o in each["options"]]
        print_table(("OPTION", "TAKES", "DEFAULT", "WHAT IT DOES"), rows)
    else:
        beside = " of its own, beside the keys of quantization" if each["formats"] else ""
        click.echo(paint(f"  It takes no options{beside}.", fg=COLOURS["hint"]))
