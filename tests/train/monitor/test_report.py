"""The report says where the time went, and names the bottleneck with the setting that removes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from brahma.data.prepare import PreparedData
from brahma.train.circumstances import circumstances_of
from brahma.train.monitor import Circumstances, Phase, TimeReport
from tests.train.small_run import train

USUAL: dict[str, Any] = {
    "logging_steps": 10,
    "save_steps": 1000,
    "async_save": True,
    "eval_steps": 500,
    "batch_size": 8,
    "gradient_accumulation_steps": 1,
    "packing": "auto",
    "filled": 0.98,
    "micro_batch_tokens": 4000.0,
    "precision": "bf16",
    "bf16_gain": None,
    "device": "cpu",
    "load": 1.0,
    "compiled": False,
}


def report(seconds: dict[Phase, float], mfu: float | None = 0.5, **changes: Any) -> TimeReport:
    return TimeReport(seconds, 1, mfu, Circumstances(**{**USUAL, **changes}))


def computing(mfu: float | None = 0.5, **changes: Any) -> list[str]:
    return report({"forward_backward": 100.0}, mfu, **changes).advice()


def test_the_report_lists_where_the_time_went() -> None:
    found = TimeReport(
        {"data": 1.0, "forward_backward": 8.0, "optimizer": 1.0, "logging": 0.0}, tokens=20_000
    )
    text = str(found)
    assert "20,000 tokens in 10s: 2,000 tokens/s" in text
    assert text.index("forward/backward") < text.index("optimizer")
    assert "80.0%" in text
    assert "logging" not in text
    assert found.advice() == []


@pytest.mark.parametrize(
    ("phase", "remedy"),
    [
        ("data", "local disk"),
        ("optimizer", "gradient_accumulation_steps 2 instead of 1"),
        ("checkpoint", "save_steps 10000 instead of 1000"),
        ("logging", "logging_steps 200 instead of 10"),
        ("evaluation", "eval_steps 1000 instead of 500, or evaluation.max_packs"),
    ],
)
def test_the_report_names_the_bottleneck_and_what_to_set(phase: Phase, remedy: str) -> None:
    (advice,) = report({"forward_backward": 60.0, phase: 40.0}).advice()
    assert "40%" in advice
    assert remedy in advice


def test_evaluations_that_run_tasks_are_made_shorter_by_fewer_examples() -> None:
    seconds: dict[Phase, float] = {"forward_backward": 60.0, "evaluation": 40.0}
    assert "or evaluation.task_limit" in report(seconds, tasks=True).advice()[0]
    assert "a higher task_every" in report(seconds, tasks=True, eval_steps=None).advice()[0]


def test_a_share_that_does_not_matter_is_not_named() -> None:
    seconds: dict[Phase, float] = {
        "forward_backward": 70.0,
        "data": 3.0,
        "optimizer": 15.0,
        "checkpoint": 3.0,
        "logging": 1.0,
        "evaluation": 8.0,
    }
    assert report(seconds).advice() == []
    assert "slow" not in str(report(seconds))


def test_the_remedy_goes_by_what_is_configured() -> None:
    (advice,) = report(
        {"forward_backward": 60.0, "checkpoint": 40.0}, async_save=False, save_steps=5
    ).advice()
    assert "async_save true, and save_steps 50 instead of 5" in advice
    (advice,) = report({"forward_backward": 60.0, "evaluation": 40.0}, eval_steps=None).advice()
    assert "hold out less" in advice


def test_the_report_names_the_largest_bottleneck_first() -> None:
    first, second = report({"forward_backward": 40.0, "data": 20.0, "checkpoint": 40.0}).advice()
    assert first.startswith("checkpoint")
    assert second.startswith("data")


def test_a_model_far_below_the_matrix_rate_is_named() -> None:
    (advice,) = computing(0.12)
    assert "12%" in advice
    assert "compile true" in advice
    assert computing(0.12, compiled=True) == []
    assert computing(0.5) == []
    assert computing(None) == []


def test_small_micro_batches_are_named() -> None:
    (advice,) = computing(0.12, micro_batch_tokens=200.0)
    assert "held 200 tokens" in advice
    assert "a batch_size above 8" in advice
    assert computing(0.5, micro_batch_tokens=200.0) == []


def test_packs_that_are_nearly_empty_are_named() -> None:
    (advice,) = computing(0.12, packing="off", filled=0.1, micro_batch_tokens=100.0)
    assert "packs were 10% full" in advice
    assert "data_config.packing auto" in advice


def test_float32_where_bf16_is_fast_is_named() -> None:
    (advice,) = computing(precision="float32", bf16_gain=3.0)
    assert "bf16 multiplies matrices 3.0× as fast here: bf16 true" in advice


def test_a_busy_machine_is_named_and_its_rates_are_not_judged() -> None:
    (advice,) = computing(0.05, load=3.2)
    assert "load 3.2 for each core" in advice
    assert "matrix rate" not in advice


def test_a_short_run_is_given_no_advice() -> None:
    assert report({"forward_backward": 1.0, "checkpoint": 9.0}, 0.1).advice() == []


def test_a_report_of_a_run_without_time_is_no_error() -> None:
    assert "0 tokens" in str(TimeReport({}, tokens=0))


def test_the_circumstances_of_a_real_run(tmp_path: Path) -> None:
    run = train(tmp_path, packing="off", max_steps=3)
    packs = PreparedData.open(json.loads((run.directory / "data.json").read_text())).train
    facts = circumstances_of(run.config, packs, "bf16", torch.device("cpu"))
    assert facts.packing == "off"
    assert 0 < facts.filled < 0.9
    assert facts.micro_batch_tokens == pytest.approx(2 * facts.filled * 64)
    assert (facts.bf16_gain, facts.eval_steps) == (None, None)
    assert facts.load >= 0


def test_a_matrix_rate_that_was_measured_too_low_gives_no_silly_utilisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brahma.train.attempt.measure_matrix_rate", lambda *_: 1.0)
    run = train(tmp_path, max_steps=3, logging_steps=1)
    assert all("rate/tokens_per_second" in row for row in run.metrics())
    assert not any("rate/mfu" in row for row in run.metrics())
