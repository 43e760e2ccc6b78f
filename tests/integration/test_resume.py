"""Real processes: killed anywhere, asked to stop, started twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config import load_config
from brahma.core.console import run_command
from brahma.core.errors import RunError
from brahma.core.runs import Run
from brahma.train import Trainer
from brahma.train.command import train
from tests.integration import kill_and_resume as killing


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))


def train_here(config: Path, output_dir: Path, *, resume: str = "auto") -> Run:
    overrides = [f"output_dir={json.dumps(str(output_dir))}"]
    return Trainer.from_config(load_config(config, overrides)).fit(resume=resume)


def test_killed_at_random_instants_a_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    counts = killing.compare(tmp_path, kills=3, seed=20)
    assert counts["kills"] == 3


def test_killed_at_random_instants_a_run_without_patience_left_ends_at_the_same_step(tmp_path: Path) -> None:
    counts = killing.compare(tmp_path, kills=3, seed=21, config=killing.write_stopping_inputs(tmp_path))
    assert counts["kills"] == 3
    end = killing.fingerprint(tmp_path / "whole")["end"]
    assert isinstance(end, dict)
    assert (end["status"], end["step"]) == ("finished", 20)
    assert str(end["message"]).startswith(
        "stopped at step 20: eval bits_per_byte is not better by more than 9"
    )


def stopped_at_its_first_row(config: Path, output_dir: Path) -> subprocess.Popen[str]:
    """A process that trains, held (SIGSTOP) in the middle of it."""
    process = subprocess.Popen(
        killing.command(config, output_dir), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    metrics = output_dir / "runs" / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)
    return process


@pytest.mark.parametrize(("which", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_asked_to_stop_saves_first_and_goes_on_exactly(
    tmp_path: Path, config: Path, whole: dict[str, Any], which: signal.Signals, status: int
) -> None:
    process = stopped_at_its_first_row(config, tmp_path)
    with pytest.raises(RunError, match=f"is being written by process {process.pid}"):
        train_here(config, tmp_path)
    assert Run(tmp_path / "runs" / "run").status == "running"
    process.send_signal(which)
    process.send_signal(signal.SIGCONT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == status
    assert output == ""
    assert f"{which.name} received: saving a checkpoint" in errors
    assert "--resume auto" in errors
    assert "Traceback" not in errors
    run = Run(tmp_path / "runs" / "run")
    assert run.status == "interrupted"
    step = run.state.step
    assert 0 < step < killing.STEPS
    assert run.last.name == f"checkpoint-{step}"
    train_here(config, tmp_path)
    assert killing.fingerprint(tmp_path) == whole


def test_a_finished_run_is_a_success_and_is_not_touched(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_here(config, tmp_path)
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "run.lock"}
    arguments = killing.command(config, tmp_path)[3:]  # without python -m brahma.train
    assert run_command(train, program="train", args=arguments) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "runs" / "run")
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.name != "run.lock"} == before
