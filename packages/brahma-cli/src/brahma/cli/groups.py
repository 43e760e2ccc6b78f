"""Groups of commands made of entries: help needs their names and summaries only, and imports no target."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from brahma.core.errors import PluginError
from brahma.core.plugins import get_plugins
from brahma.core.suggest import nearest, suggestion

_GROUPS = {
    "config": "Check, explain and import configurations",
    "data": "Look at, clean, convert and split data",
    "plugins": "See what can be chosen by name, and what is broken",
    "runs": "See how runs stand, compare and delete them",
    "searches": "See how searches for settings stand",
    "tokenizer": "Make a tokenizer from text",
}
"""What a group is for; a group of a stranger's commands is described by their names."""

_JOURNEY = {
    "First steps": ("quickstart", "init", "doctor"),
    "Prepare": ("data", "tokenizer", "config"),
    "Train": ("train", "runs", "search", "searches"),
    "Use the model": ("evaluate", "chat", "generate", "merge"),
    "Installation": ("plugins", "completion"),
}
"""Commands in the order in which people need them; those of other plugins stand below, by name."""


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
            return EntryGroup(f"{name} ", help=f"{self._purpose(cmd_name)}.")
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
                hint=self._hint(ctx, args[0], known),
            )
        return super().resolve_command(ctx, args)

    def _hint(self, ctx: click.Context, name: str, known: list[str]) -> str:
        """The nearest command, or option for those who type `brahma help`; else the commands there are."""
        options = [option for each in self.get_params(ctx) for option in each.opts]
        candidates = options if nearest(name, [*known, *options]) in options else known
        return suggestion(name, candidates, nothing="Reinstall brahma-core: no command is installed")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands by their entries (click's own would import each of them), then options."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self._purpose(name)) for name in names]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        width = max(map(len, names), default=0)
        for title, members in _sections(names, by_journey=not self._prefix).items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self._purpose(name)) for name in members])

    def _purpose(self, name: str) -> str:
        """One line on a command or a group."""
        inner = ", ".join(self._inside(name))
        return self._summaries().get(name) or _GROUPS.get(name, inner)

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


def _sections(names: list[str], *, by_journey: bool) -> dict[str, list[str]]:
    """Title -> names, none of it empty and no name left out."""
    journey = _JOURNEY if by_journey else {}
    found = {title: [name for name in order if name in names] for title, order in journey.items()}
    listed = {name for order in found.values() for name in order}
    title = "Of other plugins" if by_journey else "Commands"
    found[title] = [name for name in names if name not in listed]
    return {title: members for title, members in found.items() if members}
