"""`brahma plugins list`."""

from __future__ import annotations

import click

from brahma.core.console import print_table
from brahma.core.plugins import KINDS, Plugins, get_plugins


@click.command("list")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only entries of this kind.")
def list_plugins(kind: str | None) -> None:
    """List everything that plugins bring and that is chosen by name."""
    plugins = get_plugins()
    rows = entry_rows(plugins, [kind] if kind else list(KINDS))
    print_table(("KIND", "NAME", "FROM", "SUMMARY"), rows)
    for broken in plugins.broken:
        click.echo(f"broken plugin, passed over: {broken}", err=True)
    for slow in plugins.slow:
        click.echo(f"slow plugin: {slow}", err=True)


def entry_rows(plugins: Plugins, kinds: list[str]) -> list[tuple[str, str, str, str]]:
    """One row an entry, by kind and name; an entry whose name is brought twice says so."""
    rows = []
    for kind in kinds:
        offers = sorted(plugins.of_kind(kind), key=lambda each: (each.entry.name, each.origin))
        names = [each.entry.name for each in offers]
        for each in offers:
            doubled = names.count(each.entry.name) > 1
            summary = "name brought by two plugins: refused" if doubled else each.entry.summary
            rows.append((kind, each.entry.name, each.origin, summary))
    return rows
