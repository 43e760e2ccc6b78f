"""What the shell offers behind a half-typed word: give one of these to click as `shell_complete=`.

Each takes click's context, the parameter and the word so far. None imports anything heavy: a shell waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from click import Context, Parameter
from click.shell_completion import CompletionItem

from brahma.core.suffixes import CONFIG_SUFFIXES

VARIABLE = "_BRAHMA_COMPLETE"
"""Environment variable by which the shell's script asks `brahma` for completions."""

Items = list[CompletionItem[str]]


def run_names(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Names of the runs in the command's `--output-dir`, or in the working directory."""
    runs = Path(ctx.params.get("output_dir") or ".") / "runs"
    names = (entry.name for entry in _entries(runs) if entry.is_dir())
    return _beginning(incomplete, sorted(names))


def search_names(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Names of the searches in the command's `--output-dir`, or in the working directory."""
    searches = Path(ctx.params.get("output_dir") or ".") / "searches"
    names = (entry.name for entry in _entries(searches) if entry.is_dir())
    return _beginning(incomplete, sorted(names))


def models(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Names of runs, or where none begins so, folders."""
    return run_names(ctx, parameter, incomplete) or [CompletionItem(incomplete, type="dir")]


def resume(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """What `--resume` takes: never, auto, or a run."""
    return [*_beginning(incomplete, ("never", "auto")), *run_names(ctx, parameter, incomplete)]


def presets(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Names of model sizes."""
    from brahma.core.presets import PRESETS

    return _beginning(incomplete, PRESETS)


def entry_names(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Names of everything that plugins bring, of the command's `--kind` if that is given."""
    from brahma.core.plugins import get_plugins

    kind = ctx.params.get("kind")
    found = (each.entry for each in get_plugins().registrations if kind in (None, each.entry.kind))
    return _beginning(incomplete, sorted({entry.name for entry in found}))


def config_keys(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Keys of the configuration for `--set`, each with the `=` behind it."""
    return _beginning(incomplete, (f"{key}=" for key in _keys()))


def key_names(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Keys of the configuration."""
    return _beginning(incomplete, _keys())


def _keys() -> list[str]:
    from brahma.core.config.schema import keys_of, sections
    from brahma.core.config.sections import Config

    inner = {path for path, _ in sections(Config)}
    paths = ((*path, key) for path, section in sections(Config) for key in keys_of(section))
    return sorted(".".join(map(str, path)) for path in paths if path not in inner)


def config_files(ctx: Context, parameter: Parameter, incomplete: str) -> Items:
    """Configuration files by their ending, and folders on the way to some."""
    folder, _, name = incomplete.rpartition("/")
    place = Path(f"{folder}/" if folder or incomplete.startswith("/") else ".").expanduser()
    found = [entry for entry in _entries(place) if entry.name.startswith(name)]
    shown = sorted(
        incomplete.removesuffix(name) + entry.name + ("/" if entry.is_dir() else "")
        for entry in found
        if entry.is_dir() or entry.name.endswith(CONFIG_SUFFIXES)
    )
    if any(" " in path for path in shown):  # the shell's own completion knows how to quote them
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(path) for path in shown]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder and is not hidden."""
    if not folder.is_dir():
        return []
    return [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]


def _beginning(incomplete: str, values: Iterable[str]) -> Items:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]
