"""Entries of a test's own, installed like a stranger's, and what the kit says of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from brahma.core.kit import run_kit
from brahma.core.plugins import get_plugins
from tests.plugin_factory import install_distribution, plugin_site


@contextmanager
def installed(
    site: Path, monkeypatch: pytest.MonkeyPatch, entries: str, files: Mapping[str, str]
) -> Iterator[None]:
    """A distribution `brahma-trial`: the module with its hooks, and further ones."""
    with plugin_site(site, monkeypatch):
        everything = {"brahma_trial.py": entries, **files}
        install_distribution(site, "brahma-trial", files=everything, entry_points={"trial": "brahma_trial"})
        assert get_plugins().broken == []
        yield


def outcomes(kind: str, name: str, **options: object) -> dict[str, tuple[str, str]]:
    """Check -> its outcome and message."""
    (registration,) = [each for each in get_plugins().of_kind(kind) if each.entry.name == name]
    return {each.check: (each.outcome, each.message) for each in run_kit(registration, options)}


def failed(kind: str, name: str, **options: object) -> dict[str, str]:
    """The checks that failed -> why."""
    found = outcomes(kind, name, **options).items()
    return {check: message for check, (outcome, message) in found if outcome == "failed"}
