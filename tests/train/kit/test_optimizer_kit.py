"""The kit of optimizers: ours pass, and each way of doing wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from brahma.core.entries import OptimizerEntry
from brahma.core.kit import assert_passes
from tests.train.kit.outcomes import failures, ours

MUTANTS = "tests.train.kit.mutant_optimizers"
TWO = "works on two processes"
FLOAT32, BF16 = "lowers the loss in float32", "lowers the loss in bf16 with float32 masters"
STILL, RATES = "changes nothing at a learning rate of 0", "obeys each group's learning rate"
DECAY, RESUMES = "obeys each group's weight decay", "goes on from a checkpoint bit for bit"


def mutant(name: str, state_bytes: float = 4.0) -> OptimizerEntry:
    return OptimizerEntry(name=name, target=f"{MUTANTS}:{name}", state_bytes=state_bytes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ours("optimizer"))
def test_each_optimizer_of_ours_passes(name: str) -> None:
    assert_passes("optimizer", name)


@pytest.mark.slow
def test_a_right_optimizer_passes_everything(tmp_path: Path) -> None:
    assert failures(mutant("right"), tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("right", set()),
        ("no_optimizer", {"is a torch.optim.Optimizer"}),
        ("climbs", {FLOAT32, BF16}),
        ("forgets_gradients", {BF16, RESUMES}),
        ("moves_anyway", {STILL, RATES}),
        ("one_rate", {RATES}),
        ("one_decay", {DECAY}),
        ("decays_idle", {"passes over parameters without a gradient"}),
        ("draws", {"is deterministic", RESUMES}),
    ],
)
def test_what_an_optimizer_does_wrong_is_named(name: str, failing: set[str], tmp_path: Path) -> None:
    assert failures(mutant(name), tmp_path, without=[TWO]).keys() == failing


def test_a_state_that_no_checkpoint_keeps_is_named(tmp_path: Path) -> None:
    found = failures(mutant("keeps_apart", state_bytes=0.0), tmp_path, without=[TWO])
    assert found.keys() == {RESUMES}
    assert "3 steps, saved, loaded and 3 more are not 6 steps" in found[RESUMES]


def test_a_state_larger_than_the_entry_says_is_named(tmp_path: Path) -> None:
    found = failures(mutant("right", state_bytes=2.0), tmp_path, without=[TWO])
    assert found == {
        "keeps as many bytes as its entry says": "keeps 4.00 bytes for each parameter of a matrix; "
        "the entry says 2"
    }


@pytest.mark.slow
def test_an_optimizer_that_goes_by_its_rank_is_named(tmp_path: Path) -> None:
    found = failures(mutant("knows_its_rank"), tmp_path)
    assert found.keys() == {TWO}
    assert found[TWO].startswith("two processes end with different ")
