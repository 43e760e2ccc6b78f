"""The kit of objectives: each check is failed by an objective that breaks its promise, and by it alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brahma.core.entries import ObjectiveEntry
from brahma.core.kit import Subject, checks_of
from brahma.core.plugins import Registration, get_plugins
from brahma.core.runs import Run
from brahma.train.kit import objective as kit
from tests.train.kit.outcomes import failures

NUMBER, AGAIN = "gives a finite number", "gives the same again"
ALONE, WITHOUT = "leaves the run as it is", "takes a run without rows"
CASES = [
    ("right", set(), ""),
    ("that_says_what_is_missing", set(), ""),
    ("as_text", {NUMBER}, "no number"),
    ("of_no_finite_number", {NUMBER}, "of a finished run it gives inf"),
    ("that_counts", {AGAIN}, "and again"),
    ("of_the_place", {AGAIN}, "and moved"),
    ("that_writes", {ALONE}, "it changes the run: objective.txt"),
    ("that_wants_rows", {WITHOUT}, "raises IndexError"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What the kit trains for a check."""
    entry = ObjectiveEntry(name="none", target="builtins:object", direction="minimize")
    return kit._run(Subject(Registration(entry, "", "", ""), None, tmp_path_factory.mktemp("trained")))


@pytest.fixture(autouse=True)
def trained_once(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check gets a copy."""

    def copied(subject: Subject) -> Run:
        return Run(shutil.copytree(trained.directory, subject.folder / "runs" / trained.name))

    monkeypatch.setattr(kit, "_run", copied)


@pytest.mark.parametrize(("name", "failing", "message"), CASES, ids=[name for name, *_ in CASES])
def test_a_broken_promise_fails_its_check_alone(
    name: str, failing: set[str], message: str, tmp_path: Path
) -> None:
    entry = ObjectiveEntry(
        name=name, target=f"tests.train.kit.mutant_objectives:{name}", direction="minimize"
    )
    found = failures(entry, tmp_path)
    assert found.keys() == failing, found
    assert message in "".join(found.values())


def test_each_check_is_failed_by_an_objective_here() -> None:
    failed = {check for _, checks, _ in CASES for check in checks}
    assert failed == {check.name for check in checks_of("objective")}


@pytest.mark.parametrize("name", sorted(get_plugins().entries("objective")))
def test_the_objectives_of_our_own_pass(name: str) -> None:
    from brahma.core.kit import assert_passes

    assert_passes("objective", name)
