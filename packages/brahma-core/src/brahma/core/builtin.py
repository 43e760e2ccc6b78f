"""What brahma-core registers, through the same hooks as every plugin."""

from __future__ import annotations

from collections.abc import Iterator

from brahma.core.entries import CommandEntry
from brahma.core.hookspecs import hookimpl

_COMMANDS = "brahma.core.commands"


@hookimpl
def brahma_commands() -> Iterator[CommandEntry]:
    yield CommandEntry(
        name="completion",
        target=f"{_COMMANDS}.completion:completion",
        summary="Print the script by which a shell completes",
    )
    yield CommandEntry(
        name="config check",
        target=f"{_COMMANDS}.config:check",
        summary="Check a configuration and show what it resolves to",
    )
    yield CommandEntry(
        name="config explain",
        target=f"{_COMMANDS}.config_explain:explain",
        summary="Explain each value: where it comes from, what it does",
    )
    yield CommandEntry(
        name="config import",
        target=f"{_COMMANDS}.config_import:import_file",
        summary="Make a configuration from one of axolotl, LLaMA-Factory or TRL",
    )
    yield CommandEntry(
        name="config schema",
        target=f"{_COMMANDS}.config_schema:schema",
        summary="Print the JSON Schema by which editors check configurations",
    )
    yield CommandEntry(
        name="doctor", target=f"{_COMMANDS}.doctor:doctor", summary="Check this machine and the installation"
    )
    yield CommandEntry(
        name="plugins list",
        target=f"{_COMMANDS}.plugins:list_plugins",
        summary="List everything that can be chosen by name, and broken plugins",
    )
    yield CommandEntry(
        name="plugins new",
        target=f"{_COMMANDS}.plugins_new:new_plugin",
        summary="Begin a plugin of your own, with its tests",
    )
    yield CommandEntry(
        name="plugins show",
        target=f"{_COMMANDS}.plugins_show:show_plugin",
        summary="Show one entry: its options, and how it is chosen",
    )
    yield CommandEntry(
        name="plugins test",
        target=f"{_COMMANDS}.plugins_test:test_plugin",
        summary="Check that an entry does what its kind promises",
    )
    yield CommandEntry(
        name="runs compare",
        target=f"{_COMMANDS}.runs.compare:compare",
        summary="Show runs side by side: results, differences, curves",
    )
    yield CommandEntry(
        name="runs delete",
        target=f"{_COMMANDS}.runs.delete:delete",
        summary="Delete runs with their checkpoints and logs",
    )
    yield CommandEntry(name="runs list", target=f"{_COMMANDS}.runs.list:list_all", summary="List the runs")
    yield CommandEntry(
        name="runs logs",
        target=f"{_COMMANDS}.runs.logs:logs",
        summary="Show a run's log, and follow it",
    )
    yield CommandEntry(
        name="runs show",
        target=f"{_COMMANDS}.runs.show:show",
        summary="Show how one run stands, its curve, and what to do next",
    )
