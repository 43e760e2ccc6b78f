"""Runs the checks of an entry's kind."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from brahma.core.config.sections import Choice, Section
from brahma.core.errors import BrahmaError, DeviceError, MissingDependencyError, PluginError
from brahma.core.kit.checks import Check, CheckFailedError, CheckSkippedError, Result, Subject
from brahma.core.kit.common import COMMON, LOADS
from brahma.core.layout import printable
from brahma.core.plugins import Registration, check_stop, get_plugins

KITS: Mapping[str, str] = {
    "optimizer": "brahma.train.kit.optimizer",
    "schedule": "brahma.train.kit.schedule",
    "quantizer": "brahma.train.kit.quantizer",
    "backend": "brahma.train.kit.backend",
    "tracker": "brahma.train.kit.tracker",
    "sampler": "brahma.train.kit.sampler",
    "objective": "brahma.train.kit.objective",
    "reader": "brahma.data.kit.reader",
    "filter": "brahma.data.kit.filter",
    "augmenter": "brahma.data.kit.augmenter",
    "executor": "brahma.data.kit.executor",
    "task": "brahma.evaluation.kit.task",
    "metric": "brahma.evaluation.kit.metric",
    "command": "brahma.core.kit.command",
}
"""The module whose `CHECKS` are those of a kind: it stands in the package that uses such entries."""


def checks_of(kind: str) -> tuple[Check, ...]:
    """The checks of a kind.

    Raises:
        PluginError: the package that has them is not installed.
    """
    try:
        checks: tuple[Check, ...] = import_module(KITS[kind]).CHECKS
    except ModuleNotFoundError as error:
        package = KITS[kind].split(".")[1].replace("evaluation", "eval")
        raise PluginError(
            f"a {kind} cannot be tested here", why=str(error), hint=f'pip install "brahma-{package}"'
        ) from error
    return checks


def run_kit(registration: Registration, options: Mapping[str, Any] | None = None) -> Iterator[Result]:
    """Run each check of an entry's kind; one that fails does not stop the others.

    A check is skipped where the machine or an installed library cannot do what the entry needs
    (DeviceError, MissingDependencyError), and all further ones where the entry cannot be loaded at all.

    Args:
        options: the entry's own, as a configuration gives them.

    Raises:
        ConfigError, PluginError: the options are wrong, or the kind cannot be tested here.
    """
    entry = registration.entry
    checks = [each for each in (*COMMON, *checks_of(entry.kind)) if each.applies(entry)]
    blocked = ""
    try:
        section = get_plugins().options(entry, Choice(name=entry.name, **(options or {})))
    except PluginError:  # the model is no model, which a check tells
        section, blocked = None, "its options cannot be checked"
    for check in checks:
        if blocked and check not in COMMON:
            yield Result(check.name, "skipped", 0.0, blocked)
            continue
        result = _result(check, registration, section)
        if check is LOADS and result.outcome != "passed":
            blocked = "its target does not load"
        yield result


def _result(check: Check, registration: Registration, options: Section | None) -> Result:
    began = time.perf_counter()
    outcome: Literal["passed", "failed", "skipped"] = "passed"
    message = ""
    with tempfile.TemporaryDirectory(prefix="brahma-kit-", ignore_cleanup_errors=True) as folder:
        try:
            with redirect_stdout(sys.stderr):  # what a stranger's code prints is no data of the command
                check.run(Subject(registration, options, Path(folder)))
        except (CheckSkippedError, MissingDependencyError, DeviceError) as reason:
            outcome, message = "skipped", _told(reason)
        except BaseException as error:  # a stranger's code
            check_stop(error)
            outcome, message = "failed", _told(error)
    return Result(check.name, outcome, time.perf_counter() - began, message)


def _told(error: BaseException) -> str:
    """An error in one line; one that nobody expected with its type and the place in the stranger's code."""
    if isinstance(error, CheckFailedError | CheckSkippedError):
        return printable(" ".join(str(error).split()))
    if isinstance(error, BrahmaError):
        parts = (error.where, error.message, error.why)
        return printable(" ".join(": ".join(filter(None, parts)).split()))
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return printable(f"{text} ({place.filename}:{place.lineno})")


def assert_passes(kind: str, name: str, **options: Any) -> None:
    """For a plugin's own tests: all checks of the kind hold for the installed entry of that name.

    Raises:
        AssertionError: with each check that failed, and why.
        PluginError: there is no such entry.
    """
    results = run_kit(get_plugins().registration(kind, name), options)
    failed = [each for each in results if each.outcome == "failed"]
    assert not failed, "\n".join(f"{kind} {name!r}: {each.check}: {each.message}" for each in failed)
