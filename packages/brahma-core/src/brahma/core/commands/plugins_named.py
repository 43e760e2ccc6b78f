"""What a user means by the name of something that plugins bring."""

from __future__ import annotations

from brahma.core.errors import PluginError
from brahma.core.plugins import FIRST_PARTY, Registration, get_plugins
from brahma.core.suggest import nearest, suggestion


def named(name: str, kind: str | None) -> list[Registration]:
    """All entries of that name, of one kind or of any.

    Raises:
        PluginError: there is none; with the nearest names, or what to install.
    """
    plugins = get_plugins()
    offers = plugins.registrations if kind is None else plugins.of_kind(kind)
    found = [each for each in offers if each.entry.name == name]
    if found:
        return found
    raise PluginError(
        f"nothing is called {name!r}" if kind is None else f"no {kind} is called {name!r}",
        why=plugins.passed_over(),
        hint=_hint(name, kind, {each.entry.name for each in offers}),
    )


def _hint(name: str, kind: str | None, known: set[str]) -> str:
    package = next((p for (k, n), p in FIRST_PARTY.items() if n == name and kind in (None, k)), None)
    if package:
        return f'pip install "{package}"'
    if kind is None and nearest(name, known) is None:
        return (
            "`brahma plugins list` shows all; a plugin of your own is installed first: pip install -e FOLDER"
        )
    return suggestion(name, known, nothing=f"No installed package brings any {kind}")


def of_distribution(name: str, kind: str | None) -> list[Registration]:
    """All entries that a distribution, or an entry point, of that name brings."""
    return [
        each
        for each in get_plugins().registrations
        if name in (each.distribution, each.plugin) and kind in (None, each.entry.kind)
    ]
