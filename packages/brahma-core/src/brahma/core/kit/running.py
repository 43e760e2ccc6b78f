"""Runs the checks of an entry's kind."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brahma.core.config.sections import Choice
from brahma.core.entries import resolve
from brahma.core.error_text import first_line
from brahma.core.errors import PluginError
from brahma.core.kit.checks import Check, CheckSkippedError, Result, Subject
from brahma.core.plugins import Registration, get_plugins

KITS: Mapping[str, str] = {
    "optimizer": "brahma.train.kit.optimizer:CHECKS",
    "schedule": "brahma.train.kit.schedule:CHECKS",
    "quantizer": "brahma.train.kit.quantizer:CHECKS",
    "backend": "brahma.train.kit.backend:CHECKS",
    "tracker": "brahma.train.kit.tracker:CHECKS",
    "reader": "brahma.data.kit.reader:CHECKS",
    "filter": "brahma.data.kit.filter:CHECKS",
    "augmenter": "brahma.data.kit.augmenter:CHECKS",
    "executor": "brahma.data.kit.executor:CHECKS",
    "task": "brahma.evaluation.kit.task:CHECKS",
    "metric": "brahma.evaluation.kit.metric:CHECKS",
    "command": "brahma.core.kit.command:CHECKS",
}
"""Where the checks of each kind stand: with the package that uses such entries."""


def checks_of(kind: str) -> tuple[Check, ...]:
    """The checks of a kind.

    Raises:
        PluginError: the package that has them is not installed.
    """
    try:
        checks: tuple[Check, ...] = resolve(KITS[kind])
    except ModuleNotFoundError as error:
        raise PluginError(
            f"a {kind} cannot be tested here",
            why=str(error),
            hint=f'pip install "{".".join(KITS[kind].split(".")[:2]).replace("brahma.", "brahma-")}"',
        ) from error
    return checks


def run_kit(registration: Registration, options: Mapping[str, Any] | None = None) -> Iterator[Result]:
    """Run each check of an entry's kind; one that fails does not stop the others.

    Args:
        options: the entry's own, as a configuration gives them.

    Raises:
        ConfigError, PluginError: the options are wrong, or the kind cannot be tested here.
    """
    entry = registration.entry
    section = get_plugins().options(entry, Choice(name=entry.name, **(options or {})))
    for check in checks_of(entry.kind):
        with tempfile.TemporaryDirectory(prefix="brahma-kit-") as folder:
            yield _result(check, Subject(registration, section, Path(folder)))


def _result(check: Check, subject: Subject) -> Result:
    began = time.perf_counter()
    try:
        check.run(subject)
    except CheckSkippedError as reason:
        return Result(check.name, "skipped", time.perf_counter() - began, str(reason))
    except Exception as error:  # a stranger's code
        return Result(check.name, "failed", time.perf_counter() - began, first_line(error))
    return Result(check.name, "passed", time.perf_counter() - began)


def assert_passes(kind: str, name: str, **options: Any) -> None:
    """For a plugin's own tests: all checks of the kind hold for the installed entry of that name.

    Raises:
        AssertionError: with each check that failed, and why.
    """
    plugins = get_plugins()
    entry = plugins.find(kind, name)
    registration = next(each for each in plugins.of_kind(kind) if each.entry is entry)
    failed = [each for each in run_kit(registration, options) if each.outcome == "failed"]
    assert not failed, "\n".join(f"{kind} {name!r}: {each.check}: {each.message}" for each in failed)
