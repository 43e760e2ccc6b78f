"""`brahma data profiles`."""

from __future__ import annotations

import click

from brahma.core.console import print_table


@click.command()
@click.argument("name", required=False)
def profiles(name: str | None) -> None:
    """List the profiles of `brahma data clean`, or print the file of one, to copy and edit.

    `brahma data profiles docs > mine.yaml`, then `brahma data clean … --profile mine.yaml`.
    """
    from brahma.data.cleaning.profile import load_profile, profile_files, profile_text

    if name is not None:
        click.echo(profile_text(name), nl=False)
        return
    print_table(["profile", "for"], [[each, load_profile(each).summary] for each in profile_files()])
