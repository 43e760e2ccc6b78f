"""Searches of several processes, and of processes that the system kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brahma.train.search import Study
from tests.train.search.small_search import story, write_base

pytestmark = [pytest.mark.slow]

TRAINING: dict[str, Any] = {"max_steps": 27, "logging_steps": 1}
COMMAND = [sys.executable, "-m", "brahma.tools.hyperopt"]
ASKED = ["--optimize", "lr,batch_size,warmup_steps", "--metric", "perplexity"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "BRAHMA_PLUGINS": ""}


def start(folder: Path, *options: str, trials: int = 6) -> subprocess.Popen[str]:
    path = write_base(folder, {"name": "study", "parameters": None}, **TRAINING)
    words = [*COMMAND, "--config", str(path), *ASKED, "--trials", str(trials), *options]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=folder
    )


def finish(process: subprocess.Popen[str]) -> str:
    """The last line on standard output of a process that ends well."""
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return out.splitlines()[-1]


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """Kill without warning once something has happened."""
    deadline = time.monotonic() + 300
    while not ready():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def at_step(folder: Path, trial: int, step: int) -> bool:
    """Whether the run of a trial has logged that step."""
    metrics = folder / "runs" / f"study-trial-{trial}" / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return any(f'"step": {step},' in line for line in lines)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What a search comes to that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    assert finish(start(folder)) == str(folder / "searches" / "study" / "best.json")
    return story(folder)


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_a_killed_search_goes_on_with_the_same_trials_and_values(
    tmp_path: Path, whole: list[tuple[Any, ...]], storage: str
) -> None:
    place = ["--storage", f"sqlite:///{tmp_path}/study.db"] if storage == "sqlite" else []
    kill_when(start(tmp_path, *place), lambda: at_step(tmp_path, 1, 2))
    kill_when(start(tmp_path, *place), lambda: at_step(tmp_path, 4, 1))
    promoted = next(number for number, _, steps, _, values, *_ in whole if len(values) > 1)
    wanted = {number: steps[0] + 1 for number, _, steps, *_ in whole}[promoted]
    process = start(tmp_path, *place)
    if not at_step(tmp_path, promoted, wanted):
        kill_when(process, lambda: at_step(tmp_path, promoted, wanted))
        process = start(tmp_path, *place)
    file = finish(process)
    assert story(tmp_path) == whole
    best = json.loads(Path(file).read_text())["training_config"]
    reached = max(len(values) for *_, values, _, _ in whole)
    finished = [each for each in whole if len(each[4]) == reached]
    assert best["lr"] == min(finished, key=lambda each: each[4][-1])[1]["lr"]


def test_a_trial_that_is_killed_again_and_again_perhaps_for_memory_is_given_up(tmp_path: Path) -> None:
    for _ in range(2):
        kill_when(start(tmp_path, "--set", "training_config.save_steps=100"), lambda: at_step(tmp_path, 0, 1))
        (tmp_path / "runs" / "study-trial-0" / "metrics.jsonl").unlink()
        lock = tmp_path / "searches" / "study" / "locks" / "0"
        lock.write_text(f"{lock.read_text()}1")  # the system's count of kills has moved since
    finish(start(tmp_path, "--set", "training_config.save_steps=100", trials=3))
    first, *others = Study.open("study", tmp_path).trials()
    assert first.status == "failed"
    assert first.reason == "the system killed its process 2 times after step 0: perhaps out of memory"
    assert any(trial.status == "finished" for trial in others)


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_two_processes_share_a_study(tmp_path: Path, storage: str) -> None:
    place = ["--storage", f"sqlite:///{tmp_path}/study.db"] if storage == "sqlite" else []
    processes = [start(tmp_path, *place, trials=8) for _ in range(2)]
    said = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert len({out.splitlines()[-1] for out, _ in said}) == 1
    trials = Study.open("study", tmp_path).trials()
    assert [trial.number for trial in trials] == list(range(8))
    assert len({tuple(trial.params.items()) for trial in trials}) == 8
    assert {trial.status for trial in trials} <= {"paused", "finished"}
    began = [sum(", to step" in line for line in err.splitlines()) for _, err in said]
    assert sum(began) == 8, "each trial is begun by one of the two"
    assert min(began) > 0, "both have a part"


def test_a_process_takes_up_what_a_killed_one_has_left(tmp_path: Path) -> None:
    first = start(tmp_path, trials=6)
    deadline = time.monotonic() + 300
    while not at_step(tmp_path, 0, 1) and time.monotonic() < deadline:
        time.sleep(0.01)
    second = start(tmp_path, trials=6)
    kill_when(first, lambda: at_step(tmp_path, 3, 1) or at_step(tmp_path, 4, 1))
    finish(second)
    trials = Study.open("study", tmp_path).trials()
    assert len(trials) == 6
    assert {trial.status for trial in trials} <= {"paused", "finished"}


def test_another_space_joins_no_study(tmp_path: Path) -> None:
    first = start(tmp_path, trials=2)
    finish(first)
    other = start(tmp_path, "--set", 'search.parameters={"lr": [0.1, 0.2]}', trials=2)
    _, err = other.communicate(timeout=300)
    assert other.returncode == 2
    assert "the study study searches something else" in err
    assert "Traceback" not in err
