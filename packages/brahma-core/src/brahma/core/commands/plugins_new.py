"""`brahma plugins new`: a plugin of one's own, begun."""

from __future__ import annotations

from pathlib import Path

import click

from brahma.core.console import as_typed, print_warning
from brahma.core.plugins import KINDS


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What it brings.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("."),
    metavar="DIR",
    help="The folder in which that of the plugin is made.",
)
def new_plugin(name: str, kind: str, output: Path) -> None:
    """Begin a plugin called NAME: a distribution that can be installed, works, and is tested.

    The folder is called brahma-NAME. The code in it is that of the hook's documentation; make it yours.
    """
    from brahma.core.kit.scaffold import names_of, taken_by, write_plugin

    others = taken_by(name, kind)
    folder = write_plugin(name, kind, output)
    entry, place = names_of(name).entry, as_typed(folder)
    if others:
        print_warning(
            f"{others[0]} brings the {kind} {entry!r} too: one of the two must go, or take another name"
        )
    click.echo(f"{folder}:")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            click.echo(f"  {path.relative_to(folder)}")
    click.echo("\nNext:")
    click.echo(f'  pip install -e "{place}[test]"')
    click.echo(f"  brahma plugins test {entry} --kind {kind}")
    click.echo(f"  pytest {place}")
