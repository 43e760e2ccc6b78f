"""The kit of backends: a right one passes, on one process and on two; each way of doing wrong is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from brahma.core.entries import BackendEntry
from brahma.core.kit import assert_passes
from brahma.train.kit import processes
from tests.train.kit.outcomes import failures, ours

PLACE, SUMS = "knows its rank, the number of processes and its device", "sums numbers and gradients"
CLOSES, ALONE = "closes twice", "trains alone as one process does"
TOGETHER = "trains on two processes as on one"


def mutant(name: str, *, several: bool = True) -> BackendEntry:
    return BackendEntry(name=name, target=f"tests.train.kit.mutant_backends:{name}", several=several)


@pytest.mark.slow
@pytest.mark.parametrize("name", ours("backend"))
def test_each_backend_of_ours_passes(name: str) -> None:
    assert_passes("backend", name)


def test_a_backend_of_one_process_that_is_wrong_is_named(tmp_path: Path) -> None:
    assert failures(mutant("Alone", several=False), tmp_path).keys() == {SUMS, ALONE}


@pytest.mark.slow
def test_a_right_backend_of_several_processes_passes_everything(tmp_path: Path) -> None:
    assert failures(mutant("Gloo"), tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("Mean", {SUMS, TOGETHER}),
        ("ForgetsOne", {SUMS, TOGETHER}),
        ("SumsCopies", {SUMS, TOGETHER}),
        ("AlwaysFirst", {PLACE, TOGETHER}),
        ("OwnLoss", {SUMS, TOGETHER}),
        ("ClosesOnce", {CLOSES}),
    ],
)
def test_what_a_backend_does_wrong_is_named(name: str, failing: set[str], tmp_path: Path) -> None:
    assert failures(mutant(name), tmp_path, without=[ALONE]).keys() == failing


@pytest.mark.slow
def test_a_process_that_fails_is_named_and_no_other_outlives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = processes._start

    def remembered(folder: Path, rank: int, count: int, port: int) -> subprocess.Popen[bytes]:
        started.append(start(folder, rank, count, port))
        return started[-1]

    monkeypatch.setattr(processes, "_start", remembered)
    found = failures(mutant("Dies"), tmp_path, without=[PLACE, CLOSES, ALONE, TOGETHER])
    assert "OSError: the cable is out" in found[SUMS] or "process 0 of 2" in found[SUMS]
    assert len(started) == 2
    assert all(child.returncode is not None for child in started)
