"""What trials are compared by, where it is not the loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config import resolve_config
from brahma.core.errors import ConfigError, PluginError
from brahma.core.runs import Run
from brahma.train.search import Study
from brahma.train.search.measure import Measure
from tests.plugin_factory import install_distribution, plugin_site
from tests.train.search.small_search import base, searched

pytestmark = pytest.mark.usefixtures("quick_start")

PLUGIN = """
    from brahma.core.entries import MetricEntry, ObjectiveEntry, TaskEntry
    from brahma.core.hookspecs import hookimpl


    @hookimpl
    def brahma_tasks():
        return [TaskEntry(name="knows", target="brahma_small_measures:knows")]


    @hookimpl
    def brahma_metrics():
        target = "brahma_small_measures:likelihood"
        return [MetricEntry(name="likelihood", target=target, higher_is_better=True)]


    @hookimpl
    def brahma_objectives():
        for name in ("gap", "broken"):
            yield ObjectiveEntry(name=name, target=f"brahma_small_measures:{name}", direction="minimize")


    def knows(evaluator, options):
        loss = evaluator.evaluate_custom(["word1 word2 word3 word4 word5"] * 3).loss
        return {"acc": 1 / (1 + loss), "loss": loss}


    def likelihood(totals):
        return -totals.loss_sum / totals.tokens


    def gap(run, options):
        losses = [row["train/loss"] for row in run.metrics() if row.get("train/loss") is not None]
        return losses[-1]


    def broken(run, options):
        raise ZeroDivisionError("no gap")
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with plugin_site(tmp_path_factory.mktemp("site"), monkeypatch) as folder:
        install_distribution(
            folder,
            "brahma-small-measures",
            files={"brahma_small_measures.py": PLUGIN},
            entry_points={"small_measures": "brahma_small_measures"},
        )
        yield


def measure(
    tmp_path: Path, metric: str, validation: Any = 0.1, evaluation: Any = None, **keys: Any
) -> Measure:
    document = base(tmp_path, {"metric": metric, **keys})
    document["data_config"]["validation"] = validation
    document["evaluation"] = evaluation or {}
    config = resolve_config(document).config
    assert config.search is not None
    return Measure(config.search, config)


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        ("loss", False),
        ("eval/loss", False),
        ("perplexity", False),
        ("bits_per_byte", False),
        ("likelihood", True),
        ("train/loss", False),
        ("rate/tokens_per_second", True),
        ("tokens_per_second", True),
        ("gap", False),
        ("knows/acc", True),
        ("knows/loss", False),
        ("wikitext/word_perplexity", False),
        ("gsm8k/exact_match,strict-match", True),
    ],
)
def test_the_direction_follows_from_the_metric(tmp_path: Path, metric: str, higher: bool) -> None:
    assert measure(tmp_path, metric).higher_is_better is higher


def test_a_direction_against_the_metric_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="perplexity is better when it is lower"):
        measure(tmp_path, "perplexity", higher_is_better=True)
    assert measure(tmp_path, "knows/acc", higher_is_better=False).higher_is_better is False


def test_a_metric_of_validation_data_needs_some(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="perplexity is of validation data, and there is none"):
        measure(tmp_path, "perplexity", validation=None)
    assert measure(tmp_path, "knows/acc", validation=None).task == "knows"
    assert measure(tmp_path, "train/loss", validation=None).task is None


@pytest.mark.parametrize(
    ("tasks", "run"),
    [
        (["gsm8k"], ["gsm8k", "gsm8k_cot"]),
        (["gsm8k*"], ["gsm8k*"]),
        (["knows"], ["knows", "gsm8k_cot"]),
        (None, ["gsm8k_cot"]),
    ],
)
def test_a_task_is_run_for_its_figure_unless_it_is_already(
    tmp_path: Path, tasks: list[str] | None, run: list[str]
) -> None:
    pytest.importorskip("lm_eval")
    evaluation = {} if tasks is None else {"tasks": tasks}
    assert (
        measure(tmp_path, "gsm8k_cot/exact_match,strict-match", evaluation=evaluation).keys()["tasks"] == run
    )


@pytest.mark.parametrize("metric", ["mmlu_anatomy/acc", "mmlu_stem/acc", "mmlu/acc"])
def test_what_is_in_a_group_is_run_with_it(tmp_path: Path, metric: str) -> None:
    pytest.importorskip("lm_eval")
    assert measure(tmp_path, metric, evaluation={"tasks": "mmlu"}).keys()["tasks"] == ["mmlu"]


def test_each_trial_runs_the_task_and_the_best_figure_wins(tmp_path: Path) -> None:
    result = searched(tmp_path, metric="knows/acc", trials=3, parameters={"lr": [1e-3, 1e-2]})
    at_end = [trial for trial in result.trials if trial.status == "finished"]
    assert result.value == max(trial.values[-1] for trial in at_end)
    for trial in result.trials:
        run = Run(tmp_path / "runs" / trial.run)
        steps = [step for step in trial.steps[: len(trial.values)] if step != trial.steps[-1]]
        assert [run.pauses[step]["eval/knows/acc"] for step in steps] == list(trial.values[: len(steps)])
    assert result.best.status == "finished"


def test_a_figure_that_the_task_does_not_give_stops_before_any_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no task gives 'knows/accuracy'") as caught:
        searched(tmp_path, metric="knows/accuracy")
    assert "knows/acc" in str(caught.value)
    assert searched(tmp_path, metric="knows/acc", trials=1).best.number == 0


def test_a_metric_and_an_objective_of_plugins_are_searched_by(tmp_path: Path) -> None:
    by_metric = searched(tmp_path / "metric", metric="likelihood", trials=2)
    rows = Run(tmp_path / "metric" / "runs" / by_metric.best.run).metrics()
    assert by_metric.value == rows[-1]["eval/likelihood"]
    by_objective = searched(tmp_path / "objective", metric="gap", trials=2)
    rows = Run(tmp_path / "objective" / "runs" / by_objective.best.run).metrics()
    assert by_objective.value == rows[-1]["train/loss"]


def test_an_objective_that_raises_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="objective 'broken' of brahma-small-measures"):
        searched(tmp_path, metric="broken")


def test_a_trial_that_diverges_fails_and_its_values_are_the_worst(tmp_path: Path) -> None:
    space = {"parameters": {"lr": [1e-3, 1e38]}, "trials": 2, "reduction_factor": None}
    result = searched(tmp_path, **space, training={"logging_steps": 1})
    good, bad = sorted(
        Study.open("study", tmp_path).trials(), key=lambda trial: float(trial.params["lr"] or 0)
    )
    assert (good.status, result.best) == ("finished", good)
    assert bad.status == "failed"
    assert bad.reason
    assert not bad.values
