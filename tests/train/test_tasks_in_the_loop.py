"""Named tasks between the steps of a run: measured, chosen by, and without a trace in the training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brahma.core.commands.runs.list import list_all
from brahma.core.errors import BrahmaError, ConfigError, TrainingError
from brahma.core.runs import Run
from tests.plugin_factory import install_distribution, plugin_site
from tests.train.adapter_run import NF4, adapter_run, base_run
from tests.train.small_run import at_step, fingerprint, interrupted, small_trainer, train

pytestmark = pytest.mark.usefixtures("quick_start", "tasks")

PLUGIN = """
    import random

    from brahma.core.entries import MetricEntry, TaskEntry
    from brahma.core.hookspecs import hookimpl

    SECRET = "word1 word2 word3 word4 word5 word6 word7 word8"
    broken = []


    @hookimpl
    def brahma_tasks():
        names = ("knows", "wild", "fails")
        return [TaskEntry(name=name, target=f"brahma_small_tasks:{name}") for name in names]


    @hookimpl
    def brahma_metrics():
        return [MetricEntry(name="likelihood", target="brahma_small_tasks:likelihood", higher_is_better=True)]


    def likelihood(totals):
        return -totals.loss_sum / totals.tokens


    def knows(evaluator, options):
        loss = evaluator.evaluate_custom([SECRET] * 3).loss
        return {"acc": 1 / (1 + loss), "loss": loss}


    def wild(evaluator, options):
        \"\"\"Does to the model and the random numbers what a careless library does.\"\"\"
        import numpy as np
        import torch

        model = evaluator.model
        torch.manual_seed(7)
        random.seed(7)
        np.random.seed(7)
        model.train()
        model.set_attn_implementation("eager")
        model.config.use_cache = not model.config.use_cache
        model.generation_config.max_new_tokens = 3
        ids = torch.tensor([[3, 4, 5]], device=model.device)
        written = model.generate(ids, do_sample=True, pad_token_id=0)
        return {"acc": float(written.shape[1])}


    def fails(evaluator, options):
        if broken:
            raise RuntimeError("the reference file is torn")
        return {"acc": 0.5}
"""

TASKED: dict[str, Any] = {
    "validation": 0.2,
    "evaluation_strategy": "steps",
    "eval_steps": 2,
    "model": {"attention_dropout": 0.1},
    "gradient_accumulation_steps": 2,
}


@pytest.fixture
def tasks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with plugin_site(tmp_path_factory.mktemp("site"), monkeypatch) as folder:
        install_distribution(
            folder,
            "brahma-small-tasks",
            files={"brahma_small_tasks.py": PLUGIN},
            entry_points={"small_tasks": "brahma_small_tasks"},
        )
        yield


def asked(*names: str, **others: Any) -> dict[str, Any]:
    return {**TASKED, "evaluation": {"tasks": list(names), **others}}


def without_tasks(run: Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = fingerprint(run)["metrics"]
    return [{key: value for key, value in row.items() if key.count("/") < 2} for row in rows]


def test_tasks_leave_no_trace_in_the_training(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain", **TASKED)
    tasked = train(tmp_path / "tasked", **asked("knows", "wild"))
    ours, theirs = fingerprint(tasked), fingerprint(plain)
    assert (ours["model"], ours["optimizer"]) == (theirs["model"], theirs["optimizer"])
    assert without_tasks(tasked) == without_tasks(plain)
    rows = [row for row in tasked.metrics() if "eval/loss" in row]
    assert [row["step"] for row in rows] == [2, 4, 6, 8]
    assert all(row.keys() >= {"eval/knows/acc", "eval/knows/loss", "eval/wild/acc"} for row in rows)


def test_the_checkpoint_is_the_best_by_the_tasks_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path, **asked("knows", metric="knows/acc"))
    rows = [row for row in run.metrics() if "eval/knows/acc" in row]
    best = max(rows, key=lambda row: row["eval/knows/acc"])
    state = run.state
    assert (state.best_metric, state.best_value) == ("knows/acc", best["eval/knows/acc"])
    assert run.best.name == f"checkpoint-{best['step']}"
    assert state.best_loss == best["eval/loss"]
    told = capsys.readouterr().err
    assert f"knows acc {best['eval/knows/acc']:.3f}" in told
    assert f"(eval knows/acc {best['eval/knows/acc']:.3f})" in told
    listed = CliRunner().invoke(list_all, ["--output-dir", str(tmp_path)], catch_exceptions=False).stdout
    assert f"{state.best_value:.4f} knows/acc" in listed


def test_a_figure_that_falls_is_said_to(tmp_path: Path) -> None:
    run = train(tmp_path, **asked("knows", metric="eval/knows/loss", higher_is_better=False))
    values = [row["eval/knows/loss"] for row in run.metrics() if "eval/knows/loss" in row]
    assert run.state.best_value == min(values) < max(values)


def test_a_metric_of_a_plugin_chooses_the_way_it_says(tmp_path: Path) -> None:
    run = train(tmp_path, **{**TASKED, "evaluation": {"metric": "likelihood"}})
    values = [row["eval/likelihood"] for row in run.metrics() if "eval/likelihood" in row]
    assert run.state.best_value == max(values) > min(values)


def test_tasks_may_be_all_that_is_evaluated(tmp_path: Path) -> None:
    keys = {**asked("knows", metric="knows/acc", patience=1, min_delta=5), "validation": None, "max_steps": 9}
    run = train(tmp_path, **keys)
    assert (run.status, run.state.step) == ("finished", 4)
    assert "eval knows/acc is not better by more than 5 after 1 evaluation;" in run.state.message
    assert all("eval/loss" not in row for row in run.metrics())
    assert run.state.best is not None
    assert run.state.best_loss is None


def test_tasks_run_at_the_end_where_nothing_is_evaluated_before(tmp_path: Path) -> None:
    run = train(tmp_path, evaluation={"tasks": "knows, wild"})
    assert [row["step"] for row in run.metrics() if "eval/knows/acc" in row] == [8]
    assert "eval/wild/acc" in run.metrics()[-1]


def test_every_so_many_evaluations(tmp_path: Path) -> None:
    keys = {**asked("knows", task_every=3, metric="knows/acc"), "max_steps": 14}
    whole = train(tmp_path / "whole", **keys)
    assert [row["step"] for row in whole.metrics() if "eval/knows/acc" in row] == [6, 12, 14]
    for step in (3, 7, 11):
        interrupted(tmp_path / "stopped", step, resume="auto", **keys)
    assert fingerprint(train(tmp_path / "stopped", resume="auto", **keys)) == fingerprint(whole)


def test_a_pause_runs_the_tasks_too(tmp_path: Path) -> None:
    keys = asked("knows", metric="knows/acc", task_every=3)
    whole = fingerprint(train(tmp_path / "whole", **keys))
    run = small_trainer(tmp_path / "paused", **keys).fit(until_step=3)
    assert run.pauses[3].keys() >= {"eval/loss", "eval/knows/acc"}
    assert fingerprint(train(tmp_path / "paused", resume="auto", **keys)) == whole


def test_their_time_is_that_of_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import brahma_small_tasks  # type: ignore[import-not-found]

    def slow(evaluator: object, options: object) -> dict[str, float]:
        time.sleep(0.3)
        return {"acc": 0.5}

    monkeypatch.setattr(brahma_small_tasks, "fails", slow)
    run = train(tmp_path, evaluation={"tasks": ["fails"]})
    assert sum(row.get("time/evaluation", 0.0) for row in run.metrics()) > 0.5  # the rehearsal too


def test_a_task_that_fails_in_the_middle_is_named_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import brahma_small_tasks

    at_step(monkeypatch, 5, lambda: brahma_small_tasks.broken.append(True))
    run = train(tmp_path, **asked("fails", "knows", metric="fails/acc", patience=2, higher_is_better=True))
    assert run.status == "finished"
    rows = [row for row in run.metrics() if "eval/knows/acc" in row]
    assert ["eval/fails/acc" in row for row in rows] == [True, True, False, False]
    told = capsys.readouterr().err
    assert "the task fails failed" in told
    assert "the reference file is torn" in told
    assert run.state.best == "checkpoint-2"


def test_a_task_that_cannot_run_is_refused_before_the_first_step(tmp_path: Path) -> None:
    import brahma_small_tasks

    brahma_small_tasks.broken.append(True)
    with pytest.raises(TrainingError, match="the task 'fails' cannot be run") as caught:
        train(tmp_path, **asked("knows", "fails"))
    assert "the reference file is torn" in str(caught.value.why)
    run = Run(tmp_path / "runs" / "run")
    assert (run.status, run.metrics(), run.checkpoints) == ("failed", [], [])
    brahma_small_tasks.broken.clear()
    assert train(tmp_path, resume="auto", **asked("knows", "fails")).status == "finished"


def test_a_task_that_nobody_brings_is_named_before_anything_is_made(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, **asked("knows", "hellaswagg"))
    with pytest.raises(ConfigError, match="no task is called 'hellaswagg'") as caught:
        trainer.fit()
    assert str(caught.value.hint).startswith('did you mean "hellaswag"?')
    assert "evaluation.tasks" in str(caught.value.where)
    assert not (tmp_path / "runs").exists()


HELLASWAG = [
    {
        "ind": number,
        "activity_label": "Sailing",
        "ctx_a": f"word{number} word2 word3.",
        "ctx_b": "word4",
        "ctx": f"word{number} word2 word3. word4",
        "endings": ["word5 word6", "word7", "word8 word9 word1", "word2"],
        "label": number % 4,
        "split": "val",
        "split_type": "indomain",
        "source_id": f"made~{number}",
    }
    for number in range(12)
]


@pytest.mark.slow
def test_tasks_of_lm_eval_run_on_local_rows(tmp_path: Path) -> None:
    (tmp_path / "data" / "hellaswag").mkdir(parents=True)
    rows = tmp_path / "data" / "hellaswag" / "hellaswag_val.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in HELLASWAG))
    keys = asked("hellaswag", "knows", task_limit=8, data_dir=str(tmp_path / "data"), metric="hellaswag/acc")
    plain = fingerprint(train(tmp_path / "plain", **TASKED))
    run = train(tmp_path / "tasked", **keys)
    found = fingerprint(run)
    assert (found["model"], found["optimizer"]) == (plain["model"], plain["optimizer"])
    values = [row["eval/hellaswag/acc"] for row in run.metrics() if "eval/hellaswag/acc" in row]
    assert len(values) == 4
    assert all((8 * value).is_integer() for value in values)
    assert run.state.best_value == max(values)
    rows.unlink()
    with pytest.raises(BrahmaError, match="hellaswag"):
        train(tmp_path / "missing", **keys)
    missing = Run(tmp_path / "missing" / "runs" / "run")
    assert (missing.status, missing.paths.ledger.exists()) == ("failed", False)


def test_a_figure_that_no_task_gives_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no task gives 'knows/accuracy'") as caught:
        train(tmp_path, **asked("knows", metric="knows/accuracy"))
    assert "knows/acc, knows/loss" in str(caught.value.why)


@pytest.mark.parametrize("how", [{}, {"bf16": True}, {"quantization": NF4}])
def test_adapters_are_measured_and_left_alone_too(tmp_path: Path, how: dict[str, Any]) -> None:
    base = base_run(tmp_path / "base")
    keys: dict[str, Any] = {"validation": 0.2, "evaluation_strategy": "steps", "eval_steps": 4, **how}
    plain = adapter_run(base, tmp_path / "plain", **keys)
    tasked = adapter_run(
        base, tmp_path / "tasked", **keys, evaluation={"tasks": ["knows", "wild"], "metric": "knows/acc"}
    )
    file = "adapter_model.safetensors"
    assert (tasked.last / file).read_bytes() == (plain.last / file).read_bytes()
    values = {row["step"]: row["eval/knows/acc"] for row in tasked.metrics() if "eval/knows/acc" in row}
    assert list(values) == [4, 8]
    assert json.loads((tasked.last / "trainer_state.json").read_text())["best_value"] == max(values.values())
