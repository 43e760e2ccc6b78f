"""The `brahma` command, built from command entries; a command is imported when it is called."""

from __future__ import annotations

import click

import brahma
from brahma.cli.groups import EntryGroup
from brahma.core.console import run_command

_HELP = """Train your own language model, and trust the result.

Start with `brahma quickstart`: it trains, tunes and measures a small model on this machine.
"""


def main() -> int:
    """Run the command line of this process; returns the exit status."""
    return run_command(command_line(), program="brahma")


def command_line() -> click.Group:
    """The whole command line, with what is installed now."""
    group = EntryGroup(help=_HELP)
    version = click.version_option(brahma.__version__, prog_name="brahma", message="%(prog)s %(version)s")
    return version(group)
