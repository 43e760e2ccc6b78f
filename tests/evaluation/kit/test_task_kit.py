"""The kit of tasks: each check is failed by a task that breaks its promise, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.kit import checks_of
from brahma.core.plugins import get_plugins
from tests.kit_site import failed, installed, outcomes

NAMES = ("good", "number", "nothing", "endless", "moody", "spoils")
TASKS = f"""
    import itertools, math
    from brahma.core.entries import TaskEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_tasks():
        for name in {NAMES}:
            yield TaskEntry(name=name, target=f"brahma_trial:{{name}}", summary="Of a test")

    def good(evaluator, options):
        return evaluator.evaluate_custom([{{"text": "a b c d e f g"}}])

    def number(evaluator, options):
        return 0.5

    def nothing(evaluator, options):
        return {{}}

    def endless(evaluator, options):
        return {{"score": math.inf}}

    numbers = itertools.count()

    def moody(evaluator, options):
        return {{"score": float(next(numbers))}}

    def spoils(evaluator, options):
        evaluator.model.lm_head.weight.data[0] += 1.0
        return {{"score": 1.0}}
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with installed(tmp_path, monkeypatch, TASKS, {}):
        yield


def test_a_task_that_keeps_its_promises_passes(capfd: pytest.CaptureFixture[str]) -> None:
    assert {outcome for outcome, _ in outcomes("task", "good").values()} == {"passed"}
    assert "Writing model" not in capfd.readouterr().err


CASES = [
    ("number", "gives figures", "it gives float; wanted: names and numbers"),
    ("nothing", "gives figures", "it gives no figure"),
    ("endless", "gives figures", "score is inf; wanted: a finite number"),
    ("moody", "gives the same figures again", "and a second time"),
    ("spoils", "leaves the model alone", "it changes the model: lm_head.weight"),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check_alone(name: str, check: str, message: str) -> None:
    found = failed("task", name)
    assert list(found) == [check]
    assert message in found[check]


def test_each_check_is_failed_by_a_task_here() -> None:
    assert {check for _, check, _ in CASES} == {each.name for each in checks_of("task")}


def test_the_tasks_of_our_own_pass() -> None:
    ours = [each.entry.name for each in get_plugins().of_kind("task") if each.distribution != "brahma-trial"]
    assert {name: failed("task", name) for name in ours} == {name: {} for name in ours}
