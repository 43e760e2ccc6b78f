"""The kit of executors: each check is failed by an executor that breaks its promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.kit import checks_of
from tests.kit_site import failed, installed, outcomes

NAMES = (
    "Good",
    "Elsewhere",
    "Scheduler",
    "Forgets",
    "Twice",
    "Early",
    "Mute",
    "Presses",
    "Stale",
    "Says",
    "Loses",
)
ENTRIES = f"""
    from brahma.core.entries import ExecutorEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_executors():
        for name in {NAMES}:
            yield ExecutorEntry(name=name, target=f"trial_executors:{{name}}", summary="Of a test")
"""
EXECUTORS = """
    from brahma.core.errors import DeviceError

    class Good:
        def __init__(self, options):
            pass

        def run(self, stages, *, folder):
            for stage in stages:
                self.do(stage, range(stage.tasks))
            return True

        def do(self, stage, tasks):
            for task in tasks:
                stage.run(task)

    class Elsewhere(Good):
        def run(self, stages, *, folder):
            raise DeviceError("there is no cluster here", hint="x")

    class Scheduler(Good):
        def run(self, stages, *, folder):
            return False

    class Forgets(Good):
        def do(self, stage, tasks):
            super().do(stage, [task for task in tasks if task != 4])

    class Twice(Good):
        def do(self, stage, tasks):
            super().do(stage, [0, *tasks])

    class Early(Good):
        def run(self, stages, *, folder):
            if stages[0].name != "0-kit":
                return super().run(stages, folder=folder)
            first, second, third = stages
            self.do(second, [0])
            self.do(first, range(first.tasks))
            self.do(second, range(1, second.tasks))
            self.do(third, range(third.tasks))
            return True

    class Mute(Good):
        def do(self, stage, tasks):
            for task in tasks:
                try:
                    stage.run(task)
                except Exception:
                    pass

    class Presses(Good):
        def run(self, stages, *, folder):
            error = None
            for stage in stages:
                try:
                    self.do(stage, range(stage.tasks))
                except Exception as raised:
                    error = raised
            if error:
                raise error
            return True

    class Stale(Good):
        def run(self, stages, *, folder):
            mark = folder / "started"
            if mark.exists():
                return True
            mark.touch()
            return super().run(stages, folder=folder)

    class Says(Good):
        def run(self, stages, *, folder):
            super().run(stages, folder=folder)

    class Loses(Good):
        def do(self, stage, tasks):
            if "exact_documents" not in stage.name or "compare" not in stage.name:
                super().do(stage, tasks)
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "site"
    folder.mkdir()
    with installed(folder, monkeypatch, ENTRIES, {"trial_executors.py": EXECUTORS}):
        yield


def test_an_executor_that_keeps_its_promises_passes() -> None:
    assert {outcome for outcome, _ in outcomes("executor", "Good").values()} == {"passed"}


CASES = [
    ("Forgets", "does each task once", "not done: stage-task 0-4"),
    ("Twice", "does each task once", "done more than once: done-0-0"),
    ("Early", "keeps the order of the stages", "begun before the stage before was done"),
    ("Mute", "tells of a task that failed", "the caller is not told"),
    ("Presses", "tells of a task that failed", "a stage after the failure was begun: stage-task 2-0"),
    ("Stale", "goes on after a failure", "not done the second time"),
    ("Says", "does each task once", "it returns None; wanted: True"),
    ("Loses", "cleans as the built-in one does", ""),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check(name: str, check: str, message: str) -> None:
    assert message in failed("executor", name)[check]


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("Twice", ["does each task once"]),
        ("Early", ["keeps the order of the stages"]),
        ("Presses", ["tells of a task that failed"]),
        ("Stale", ["goes on after a failure"]),
        ("Loses", ["cleans as the built-in one does"]),
    ],
)
def test_a_promise_on_which_no_other_rests_fails_its_check_alone(name: str, checks: list[str]) -> None:
    assert list(failed("executor", name)) == checks


def test_each_check_is_failed_by_an_executor_here() -> None:
    assert {check for _, check, _ in CASES} == {each.name for each in checks_of("executor")}


@pytest.mark.parametrize("name", ["Scheduler", "Elsewhere"])
def test_an_executor_that_hands_the_work_over_or_cannot_work_here_is_not_tested(name: str) -> None:
    found = list(outcomes("executor", name).values())[-5:]
    assert {outcome for outcome, _ in found} == {"skipped"}


OURS = [
    "processes",
    pytest.param("local", marks=pytest.mark.slow),
    pytest.param("ray", marks=pytest.mark.slow),
    "slurm",
]


@pytest.mark.parametrize("name", OURS)
def test_the_executors_of_our_own_pass(name: str) -> None:
    options: dict[str, object] = {"partition": "none"} if name == "slurm" else {"workers": 2}
    assert failed("executor", name, **options) == {}
