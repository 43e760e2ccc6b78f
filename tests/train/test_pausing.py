"""A run that is paused and goes on is the run that was never paused."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brahma.core.commands.runs.show import show
from brahma.core.errors import ConfigError
from brahma.core.runs import Run, RunDirectory
from brahma.train.command import train as train_command
from tests.train.adapter_run import EVALUATED as ADAPTER_EVALUATED
from tests.train.adapter_run import base_run, compared, trainer
from tests.train.small_run import (
    EVALUATED,
    at_step,
    fingerprint,
    signal_at_step,
    small_trainer,
    train,
    write_rows,
)

pytestmark = pytest.mark.usefixtures("quick_start")


def paused(output_dir: Path, step: int, *, resume: str = "auto", **changes: Any) -> Run:
    return small_trainer(output_dir, **changes).fit(resume=resume, until_step=step)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_paused_run_ends_with_the_bits_of_one_that_was_not(
    tmp_path: Path, step: int, whole: dict[str, Any]
) -> None:
    run = paused(tmp_path, step, resume="never", **EVALUATED)
    assert (run.status, run.state.step, run.last.name) == ("interrupted", step, f"checkpoint-{step}")
    assert run.state.message == f"paused at step {step}"
    assert fingerprint(train(tmp_path, resume="auto", **EVALUATED)) == whole


def test_a_run_paused_again_and_again_is_the_same(tmp_path: Path, whole: dict[str, Any]) -> None:
    for step in (1, 2, 4, 6, 7):
        run = paused(tmp_path, step, **EVALUATED)
    assert list(run.pauses) == [1, 2, 4, 6, 7]
    run = train(tmp_path, resume="auto", **EVALUATED)
    assert fingerprint(run) == whole
    assert list(run.pauses) == [1, 2, 4, 6, 7]


def test_an_adapter_run_that_is_paused_is_the_same(tmp_path: Path) -> None:
    base = base_run(tmp_path / "base")
    whole = compared(trainer(base, tmp_path / "whole", **ADAPTER_EVALUATED).fit())
    for step in (3, 4, 7):
        trainer(base, tmp_path / "paused", **ADAPTER_EVALUATED).fit(resume="auto", until_step=step)
    assert compared(trainer(base, tmp_path / "paused", **ADAPTER_EVALUATED).fit(resume="auto")) == whole


def test_a_pause_measures_all_validation_data_and_leaves_the_metrics_alone(tmp_path: Path) -> None:
    some = {**EVALUATED, "validation": 0.5, "evaluation": {"max_packs": 1}}
    run = paused(tmp_path, 3, **some)
    every = paused(tmp_path / "every", 3, **{**some, "evaluation": {}})
    [row] = [row for row in run.metrics() if "eval/loss" in row]
    assert row["eval/tokens"] < run.pauses[3]["eval/tokens"]
    [full] = [row for row in every.metrics() if "eval/loss" in row]
    assert run.pauses[3] == {key: value for key, value in full.items() if key.startswith("eval/")}
    assert run.state.best_loss == row["eval/loss"]


def test_a_pause_between_evaluations_makes_nothing_the_best(tmp_path: Path) -> None:
    run = paused(tmp_path, 2, **EVALUATED)
    assert run.pauses[2]["eval/loss"] is not None
    assert (run.state.best, [row["step"] for row in run.metrics()]) == (None, [1])


def test_a_pause_without_validation_data_saves(tmp_path: Path) -> None:
    run = paused(tmp_path, 3)
    assert (run.last.name, run.pauses) == ("checkpoint-3", {3: {}})


def test_a_step_that_is_reached_leaves_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = paused(tmp_path, 5, **EVALUATED)
    before = {path: path.stat().st_mtime_ns for path in run.directory.rglob("*") if path.name != "run.lock"}
    capsys.readouterr()
    for step in (5, 4):
        paused(tmp_path, step, **EVALUATED)
        assert "run run is at step 5 already" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in run.directory.rglob("*") if p.name != "run.lock"} == before


@pytest.mark.parametrize("step", [8, 9])
def test_a_pause_at_or_past_the_end_is_the_end(tmp_path: Path, step: int, whole: dict[str, Any]) -> None:
    run = paused(tmp_path, step, **EVALUATED)
    assert (run.status, run.pauses) == ("finished", {})
    assert fingerprint(run) == whole


def test_a_kill_between_checkpoint_and_measuring_is_made_up_for(tmp_path: Path) -> None:
    run = paused(tmp_path, 3, **EVALUATED)
    measured = run.pauses
    run.paths.pauses.unlink()
    RunDirectory(run.directory).update_state(status="running")
    again = paused(tmp_path, 3, **EVALUATED)
    assert (again.pauses, again.status) == (measured, "interrupted")


def test_a_signal_before_the_pause_stops_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal_at_step(monkeypatch, 2, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        paused(tmp_path, 4)
    run = Run(tmp_path / "runs" / "run")
    assert (run.state.message, run.pauses) == ("stopped by SIGINT", {})


def test_a_signal_at_the_pause_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_step(monkeypatch, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        paused(tmp_path, 4)
    assert Run(tmp_path / "runs" / "run").last.name == "checkpoint-4"


def test_steps_begin_at_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the first step is 1"):
        paused(tmp_path, 0)


def test_the_command_pauses_and_goes_on(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    (tmp_path / "c.yaml").write_text(
        "run_name: run\n"
        "model_config: {num_hidden_layers: 1, hidden_size: 8, num_attention_heads: 2, intermediate_size: 8}\n"
        "tokenizer: {train: {vocab_size: 300}}\n"
        "data_config: {train: rows.jsonl, seq_length: 64, on_long_row: drop, workers: 1}\n"
        "training_config: {max_steps: 4, batch_size: 2, bf16: false, fp16: false, threads: 1, trackers: []}\n"
        f"output_dir: {tmp_path}\n"
    )

    def run(*words: str) -> Path:
        shown = CliRunner().invoke(
            train_command, ["--config", str(tmp_path / "c.yaml"), *words], catch_exceptions=False
        )
        assert shown.exit_code == 0
        return Path(shown.stdout.splitlines()[-1])

    folder = run("--until-step", "2")
    assert Run(folder).state.message == "paused at step 2"
    shown = CliRunner().invoke(show, [str(folder), "--no-curve"], catch_exceptions=False)
    assert "interrupted: paused at step 2" in shown.stdout
    assert "--resume auto" in shown.stderr
    assert run("--resume", "auto") == folder
    assert Run(folder).status == "finished"
