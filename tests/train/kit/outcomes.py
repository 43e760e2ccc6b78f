"""Runs the checks of a kind on an entry that no distribution brings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from brahma.core.entries import Entry
from brahma.core.kit import CheckFailedError, CheckSkippedError, Subject, checks_of
from brahma.core.plugins import Registration, get_plugins


def failures(entry: Entry, folder: Path, *, without: Collection[str] = ()) -> dict[str, str]:
    """The checks that fail, and why; those that are skipped count as passed.

    Args:
        without: checks that are not run.
    """
    found = {}
    for number, check in enumerate(checks_of(entry.kind)):
        if check.name in without:
            continue
        own = folder / str(number)
        own.mkdir()
        try:
            check.run(Subject(Registration(entry, "mutant", "mutants", "1.0"), None, own))
        except CheckSkippedError:
            pass
        except CheckFailedError as error:
            found[check.name] = str(error)
        except Exception as error:
            found[check.name] = f"{type(error).__name__}: {error}"
    return found


def ours(kind: str) -> list[str]:
    """Names of the entries of a kind that this repository brings."""
    found = get_plugins().of_kind(kind)
    return sorted(each.entry.name for each in found if each.distribution.startswith("brahma-"))
