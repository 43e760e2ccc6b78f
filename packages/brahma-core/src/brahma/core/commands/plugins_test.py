"""`brahma plugins test`: the checks of a plugin's kind, run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.core.commands.plugins_named import named, of_distribution
from brahma.core.complete import entry_names
from brahma.core.console import COLOURS, paint
from brahma.core.errors import ConfigError
from brahma.core.layout import columns_of, hanging
from brahma.core.plugins import KINDS, BrokenPlugin, Registration, get_plugins

if TYPE_CHECKING:
    from brahma.core.kit import Result

_FAILED = 1
_COLOURS = {"passed": "good", "failed": "error", "skipped": "warning"}


@click.command("test")
@click.argument("name", shell_complete=entry_names)
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only the entry of this kind.")
@click.option("--option", multiple=True, metavar="KEY=VALUE", help="An option of the entry; may be repeated.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A small file that a reader is tested with, where its entry gives none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
def test_plugin(
    name: str, kind: str | None, option: tuple[str, ...], sample: Path | None, as_json: bool
) -> int:
    """Check that NAME does what its kind promises: an entry, or all that a distribution brings.

    Exit status 1 when a check fails, or when a plugin of that name cannot be loaded.
    """
    if broken := _broken(name):
        return _tell_broken(broken, as_json=as_json)
    found = _chosen(name, kind)
    if (option or sample) and len(found) > 1:
        each_name = ", ".join(f"{each.entry.name} --kind {each.entry.kind}" for each in found)
        raise ConfigError(
            f"{name!r} brings {len(found)} entries, and options belong to one",
            where="--option" if option else "--sample",
            hint=f"Name one of them: {each_name}",
        )
    options = _options(option)
    reports = [_test(_with_sample(each, sample), options, as_json=as_json) for each in found]
    if as_json:
        click.echo(json.dumps(reports, indent=1, ensure_ascii=False))
    return _FAILED if any(each["failed"] for each in reports) else 0


def _chosen(name: str, kind: str | None) -> list[Registration]:
    """The entries to test.

    Raises:
        PluginError: there is none, or two plugins bring one of them.
    """
    is_entry = any(each.entry.name == name for each in get_plugins().registrations)
    found = named(name, kind) if is_entry else of_distribution(name, kind) or named(name, kind)
    for each in found:
        get_plugins().find(each.entry.kind, each.entry.name)  # refuses a name that is brought twice
    return found


def _test(registration: Registration, options: Mapping[str, Any], *, as_json: bool) -> dict[str, Any]:
    """Run the checks of one entry, and print each as it ends."""
    from brahma.core.kit import run_kit

    entry = registration.entry
    running = run_kit(registration, options)
    if not as_json:
        click.echo(paint(f"{entry.kind} {entry.name} of {registration.origin}", bold=True))
        running = _printed(running)
    results = list(running)
    counts = {outcome: sum(each.outcome == outcome for each in results) for outcome in _COLOURS}
    if not as_json:
        click.echo("  " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count))
    return {
        "kind": entry.kind,
        "name": entry.name,
        "distribution": registration.distribution,
        "version": registration.version,
        **counts,
        "checks": [asdict(each) for each in results],
    }


def _printed(results: Iterator[Result]) -> Iterator[Result]:
    for each in results:
        outcome = paint(f"{each.outcome:7}", fg=COLOURS[_COLOURS[each.outcome]])
        click.echo(f"  {outcome}  {each.check}  {paint(f'{each.seconds:.1f} s', dim=True)}")
        if each.message:
            for line in hanging(" " * 11, each.message, columns_of(sys.stdout) or sys.maxsize):
                click.echo(line)
        yield each


def _broken(name: str) -> list[BrokenPlugin]:
    return [each for each in get_plugins().broken if name in (each.name, each.distribution)]


def _tell_broken(broken: list[BrokenPlugin], *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps([{**asdict(each), "failed": 1, "checks": []} for each in broken], indent=1))
        return _FAILED
    for each in broken:
        click.echo(f"{paint('failed', fg=COLOURS['error'])}  {each}")
    click.echo("  Nothing else of it can be tested: it is passed over as a whole.")
    return _FAILED


def _with_sample(registration: Registration, sample: Path | None) -> Registration:
    """The registration, with what stands in the file as the sample of its reader."""
    if sample is None:
        return registration
    if registration.entry.kind != "reader":
        raise ConfigError(
            f"a {registration.entry.kind} reads no sample", where="--sample", hint="Leave --sample out"
        )
    if not sample.is_file():
        raise ConfigError(
            "there is no such file", where=str(sample), hint="Name a file of the reader's format"
        )
    entry: Any = registration.entry
    return replace(registration, entry=replace(entry, sample=sample.read_bytes()))


def _options(written: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in written:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"{text!r} is no option", where="--option", hint="KEY=VALUE, such as momentum=0.9"
            )
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options
