"""The kit of trackers: ours pass, and each way of doing wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from brahma.core.entries import TrackerEntry
from brahma.core.kit import assert_passes
from tests.train.kit.outcomes import failures, ours

ROWS, EVALUATIONS = "takes rows", "takes rows of evaluations"
NO_NUMBERS, UNTOUCHED = "takes rows with values that are no number", "leaves the rows as they are"
ODD, AGAIN, QUICK = "survives names that are not ASCII", "goes on in a second attempt", "returns quickly"


@pytest.mark.slow
@pytest.mark.parametrize("name", ours("tracker"))
def test_each_tracker_of_ours_passes(name: str) -> None:
    assert_passes("tracker", name)


@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("Right", set()),
        ("WantsSpeed", {ROWS, EVALUATIONS, UNTOUCHED, ODD, AGAIN, QUICK}),
        ("WantsLoss", {EVALUATIONS, UNTOUCHED}),
        ("WantsNumbers", {NO_NUMBERS, UNTOUCHED}),
        ("Takes", {UNTOUCHED}),
        ("WantsRows", {"closes without a row"}),
        ("WantsAscii", {ODD}),
        ("BeginsOnce", {AGAIN}),
    ],
)
def test_what_a_tracker_does_wrong_is_named(name: str, failing: set[str], tmp_path: Path) -> None:
    entry = TrackerEntry(name=name, target=f"tests.train.kit.mutant_trackers:{name}")
    assert failures(entry, tmp_path).keys() == failing


def test_a_tracker_that_keeps_the_training_waiting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brahma.train.kit.tracker._SLACK", 0)  # a disk that is busy here excuses nobody
    entry = TrackerEntry(name="dawdles", target="tests.train.kit.mutant_trackers:Dawdles")
    found = failures(entry, tmp_path)
    assert found.keys() == {QUICK}
    assert "in which the training waits" in found[QUICK]
