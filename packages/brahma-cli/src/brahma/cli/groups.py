"""Groups of commands made of entries: help needs their names and summaries only, and imports no target."""

from __future__ import annotations

import click

from brahma.core.errors import PluginError
from brahma.core.plugins import get_plugins
from brahma.core.suggest import suggestion


class EntryGroup(click.Group):
    """The commands whose names start with the same words: none for `brahma`, `runs ` for `brahma runs`.

    Args:
        prefix: those words, with a blank behind them.
        help: what `--help` says above the list.
    """

    def __init__(self, prefix: str = "", *, help: str) -> None:
        super().__init__(help=help)
        self._prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({name.split()[0] for name in self._summaries()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The group or the command of that name, the latter imported now; None when there is none.

        Raises:
            PluginError: two plugins bring it, or it cannot be loaded.
        """
        if cmd_name not in self.list_commands(ctx):
            return None
        name = self._prefix + cmd_name
        inner = self._inside(cmd_name)
        if inner and cmd_name in self._summaries():
            raise PluginError(
                f"{name!r} is both a command and a group of commands",
                why=f"the group holds: {', '.join(inner)}",
                hint="Uninstall one of the plugins that bring them; `brahma plugins list` names them",
            )
        if inner:
            return EntryGroup(f"{name} ", help=f"{name.capitalize()}: {', '.join(inner)}.")
        command = get_plugins().load("command", name)
        if not isinstance(command, click.Command):
            raise PluginError(
                f"command {name!r} is no click.Command",
                why=f"its target is a {type(command).__name__}",
                hint="Tell the author of the plugin; `brahma plugins list` names it",
            )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; an unknown name gets the nearest one, and the plugins that might have brought it."""
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing:
            raise PluginError(
                f"no command is called {self._prefix + args[0]!r}",
                why=get_plugins().passed_over(),
                hint=suggestion(args[0], known, nothing="Reinstall brahma-core: no command is installed"),
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        summaries = self._summaries()
        rows = [
            (name, summaries.get(name) or ", ".join(self._inside(name))) for name in self.list_commands(ctx)
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _inside(self, group: str) -> list[str]:
        """The second words of a group's commands; none when it is a command."""
        return sorted(name.split()[1] for name in self._summaries() if name.startswith(f"{group} "))

    def _summaries(self) -> dict[str, str]:
        """Name below the prefix -> summary."""
        entries = [each.entry for each in get_plugins().of_kind("command")]
        return {
            entry.name.removeprefix(self._prefix): entry.summary
            for entry in entries
            if entry.name.startswith(self._prefix)
        }
