"""The kit of samplers: each check is failed by a sampler that breaks its promise, and by it alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from brahma.core.entries import SamplerEntry
from brahma.core.kit import checks_of
from brahma.core.plugins import get_plugins
from tests.train.kit.outcomes import failures

pytest.importorskip("optuna")

INSIDE, AGAIN, STAYS = "gives values in the space", "gives the same again", "does not stay at one point"
STATES, ALONE = "takes trials of every state", "leaves the trials as they are"
CASES = [
    ("right", set(), ""),
    ("too_high", {INSIDE}, "lr is 0.02, not from 1e-05 to 0.01"),
    ("of_another_type", {INSIDE}, "of another type than int"),
    ("by_global_chance", {AGAIN}, "and asked again"),
    ("that_counts", {AGAIN}, "and asked again"),
    ("that_stays", {STAYS}, "six trials in a row are"),
    ("that_needs_a_best_trial", {STATES}, "where all trials are failed it raises"),
    ("that_notes", {ALONE}, "it changes trial 0"),
    ("that_adds", {ALONE}, "it adds 1 trials of its own"),
]


def outcome(name: str, folder: Path) -> dict[str, str]:
    entry = SamplerEntry(name=name, target=f"tests.train.kit.mutant_samplers:{name}")
    return failures(entry, folder)


@pytest.mark.parametrize(("name", "failing", "message"), CASES, ids=[name for name, *_ in CASES])
def test_a_broken_promise_fails_its_check_alone(
    name: str, failing: set[str], message: str, tmp_path: Path
) -> None:
    found = outcome(name, tmp_path)
    assert found.keys() == failing, found
    assert message in "".join(found.values())


def test_each_check_is_failed_by_a_sampler_here() -> None:
    failed = {check for _, checks, _ in CASES for check in checks}
    assert failed == {check.name for check in checks_of("sampler")}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == "gp" else [])
        for name in sorted(get_plugins().entries("sampler"))
    ],
)
def test_the_samplers_of_our_own_pass(name: str, tmp_path: Path) -> None:
    from brahma.core.kit import assert_passes

    assert_passes("sampler", name)
