"""A run that gets no better ends by itself, whatever stopped it before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brahma.core.checkpoints import write_manifest
from brahma.core.commands.runs.compare import compare
from brahma.core.commands.runs.list import list_all
from brahma.core.commands.runs.show import show
from brahma.core.config import Config
from brahma.core.errors import ConfigError, PluginError
from brahma.core.runs import Run
from tests.train.small_run import fingerprint, interrupted, small_trainer, train

pytestmark = pytest.mark.usefixtures("quick_start")

STOPPING: dict[str, Any] = {
    "validation": 0.3,
    "evaluation_strategy": "steps",
    "eval_steps": 2,
    "max_steps": 14,
    "evaluation": {"patience": 2, "min_delta": 10.0},
}
"""No evaluation is better by 10 than the first, at step 2: over at step 6."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(tmp_path_factory.mktemp("stopped"), **STOPPING)


def test_a_run_without_improvement_is_finished_before_its_end_and_says_why(stopped: Run) -> None:
    assert (stopped.status, stopped.state.step, stopped.state.total_steps) == ("finished", 6, 14)
    message = stopped.state.message
    assert message.startswith(
        "stopped at step 6: eval loss is not better by more than 10 after 2 evaluations"
    )
    assert message in stopped.log.read_text()
    assert (stopped.last.name, stopped.best.name) == ("checkpoint-6", stopped.state.best)
    assert stopped.metrics()[-1].keys() >= {"train/loss", "eval/loss"}


def test_it_is_shown(stopped: Run, capsys: pytest.CaptureFixture[str]) -> None:
    shown = CliRunner().invoke(show, [str(stopped.directory), "--no-curve"], catch_exceptions=False).stdout
    assert "finished: stopped at step 6" in shown
    assert "6/14" in shown


def test_to_resume_it_does_nothing(stopped: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = fingerprint(stopped)
    again = train(stopped.paths.output_dir, resume="auto", **STOPPING)
    assert fingerprint(again) == before
    assert "is finished at step 6: nothing is left to do (stopped at step 6: " in capsys.readouterr().err


@pytest.mark.parametrize("steps", [(3,), (2, 4, 5), (6,)])
def test_an_interrupted_run_stops_at_the_same_step(
    tmp_path: Path, stopped: Run, steps: tuple[int, ...]
) -> None:
    for step in steps:
        if step < 6:
            interrupted(tmp_path, step, resume="auto", **STOPPING)
        else:  # that step is its last: the request comes too late
            small_trainer(tmp_path, **STOPPING).fit(resume="auto", until_step=step)
    assert fingerprint(train(tmp_path, resume="auto", **STOPPING)) == fingerprint(stopped)


def test_a_kill_between_the_last_checkpoint_and_the_end_is_made_up_for(tmp_path: Path, stopped: Run) -> None:
    run = train(tmp_path, **STOPPING)
    run.paths.update_state(status="running", message="")
    again = train(tmp_path, resume="auto", **STOPPING)
    assert fingerprint(again) == fingerprint(stopped)
    assert [row["step"] for row in again.metrics()] == [row["step"] for row in stopped.metrics()]


def test_a_pause_is_no_evaluation_that_counts(tmp_path: Path, stopped: Run) -> None:
    for step in (1, 2, 3, 5, 6):
        small_trainer(tmp_path, **STOPPING).fit(resume="auto", until_step=step)
    run = Run(tmp_path / "runs" / "run")
    assert (run.status, list(run.pauses)) == ("finished", [1, 2, 3, 5])
    assert fingerprint(run) == fingerprint(stopped)


def test_the_last_row_is_of_all_validation_data(tmp_path: Path, stopped: Run) -> None:
    sampled = {**STOPPING["evaluation"], "max_packs": 1}
    run = train(tmp_path, **{**STOPPING, "evaluation": sampled})
    tokens = [row["eval/tokens"] for row in run.metrics() if "eval/tokens" in row]
    assert run.state.step == 6
    assert tokens[0] == tokens[1] < tokens[2]
    assert run.metrics()[-1]["eval/loss"] == stopped.metrics()[-1]["eval/loss"]


def test_another_metric_of_the_validation_data_chooses(tmp_path: Path) -> None:
    keys = {**STOPPING, "max_steps": 6, "evaluation": {"metric": "bits_per_byte"}}
    run = train(tmp_path, **keys)
    rows = [row for row in run.metrics() if "eval/loss" in row]
    best = min(rows, key=lambda row: row["eval/bits_per_byte"])
    state = run.state
    assert (state.best_metric, state.best_value) == ("bits_per_byte", best["eval/bits_per_byte"])
    assert (state.best, state.best_loss) == (f"checkpoint-{best['step']}", best["eval/loss"])
    folder = ["--output-dir", str(tmp_path)]
    listed = CliRunner().invoke(list_all, folder, catch_exceptions=False).stdout
    assert f"{state.best_value:.4f} bits_per_byte" in listed
    [row] = json.loads(CliRunner().invoke(list_all, [*folder, "--json"], catch_exceptions=False).stdout)
    assert (row["best_metric"], row["best_value"]) == ("bits_per_byte", state.best_value)
    shown = CliRunner().invoke(show, ["run", *folder], catch_exceptions=False).stdout
    assert f"{state.best_value:.4f} bits_per_byte at step {best['step']}" in shown
    compared = CliRunner().invoke(compare, ["run", "run", *folder], catch_exceptions=False).stdout
    assert ["best", "by", *2 * [f"{state.best_value:.4f}", "bits_per_byte"]] in [
        line.split() for line in compared.splitlines()
    ]


def test_a_run_of_an_older_version_goes_on(tmp_path: Path) -> None:
    """Its configuration and its checkpoints know nothing of metrics and patience."""
    keys = {**STOPPING, "max_steps": 8, "evaluation": {}}
    whole = train(tmp_path / "whole", **keys)
    run = interrupted(tmp_path / "old", 5, **keys)
    document = json.loads(run.paths.config.read_text())
    document["config"]["evaluation"] = {"max_packs": None}
    run.paths.config.write_text(json.dumps(document))
    state = json.loads((run.last / "trainer_state.json").read_text())
    for name in ("best_value", "mark", "stale", "evaluations"):
        del state[name]
    (run.last / "trainer_state.json").write_text(json.dumps(state))
    (run.last / "manifest.json").unlink()
    write_manifest(run.last)
    again = train(tmp_path / "old", resume="auto", **keys)
    assert (again.state.best, again.state.best_loss) == (whole.state.best, whole.state.best_loss)
    assert fingerprint(again)["model"] == fingerprint(whole)["model"]


def test_the_words_of_hugging_face_are_understood(tmp_path: Path) -> None:
    trainer = small_trainer(
        tmp_path, validation=0.3, evaluation_strategy="steps",
        early_stopping_patience=3, early_stopping_threshold=0.5,
        metric_for_best_model="eval_loss", greater_is_better=False,
    )  # fmt: skip
    evaluation = trainer.config.evaluation
    assert (evaluation.patience, evaluation.min_delta) == (3, 0.5)
    assert (evaluation.metric, evaluation.higher_is_better) == ("loss", False)
    assert isinstance(trainer.config, Config)


def test_a_metric_that_nobody_brings_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, validation=0.3, evaluation={"metric": "perplexty"})
    with pytest.raises(PluginError, match="no metric is called 'perplexty'") as caught:
        trainer.fit()
    assert str(caught.value.hint).startswith('did you mean "perplexity"?')
    assert not (tmp_path / "runs").exists()


def test_a_direction_that_is_not_the_metrics_is_refused(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, validation=0.3, evaluation={"higher_is_better": True})
    with pytest.raises(ConfigError, match="loss is better when it is lower"):
        trainer.fit()
