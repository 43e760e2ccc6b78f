"""Searches from beginning to end, on a model of two layers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config import load_config, resolve_config
from brahma.core.errors import ConfigError, RunError, TrainingError
from brahma.core.runs import Run
from brahma.train import Trainer
from brahma.train.search import Search, SearchResult, Study, events
from brahma.train.search import search as searching
from tests.train.search.small_search import base, search, searched, story
from tests.train.small_run import at_step, signal_at_step

pytestmark = pytest.mark.usefixtures("quick_start")


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[SearchResult, list[events.Event], Path]]:
    """A search that nothing stops, what was told of it, and its output directory."""
    from brahma.train import attempt

    folder, told = tmp_path_factory.mktemp("whole"), list[events.Event]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempt, "measure_matrix_rate", lambda dtype, device: 1e11)
        yield search(folder, told, **SPACE).run(), told, folder


SPACE: dict[str, Any] = {
    "parameters": {"lr": None, "batch_size": [1, 2, 4]},
    "trials": 6,
    "metric": "perplexity",
}


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_best_of_each_rung_goes_on_and_ends_with_an_evaluation(
    whole: tuple[SearchResult, list[events.Event], Path],
) -> None:
    result, _, folder = whole
    reached = [len(trial.values) for trial in result.trials]
    assert len(reached) == 6
    assert reached.count(3) >= 1
    assert result.best.status == "finished"
    assert result.value == min(trial.values[-1] for trial in result.trials if len(trial.values) == 3)
    run = Run(folder / "runs" / result.best.run)
    assert (run.status, run.metrics()[-1]["eval/perplexity"]) == ("finished", result.value)
    assert result.checkpoint == run.last


def test_the_first_trial_is_the_base_configuration(
    whole: tuple[SearchResult, list[events.Event], Path],
) -> None:
    assert whole[0].trials[0].params == {"lr": 1e-3, "batch_size": 2}


def test_trials_of_all_batch_sizes_see_as_many_tokens_at_a_rung(
    whole: tuple[SearchResult, list[events.Event], Path],
) -> None:
    result = whole[0]
    sizes = {int(trial.params["batch_size"] or 0): trial for trial in result.trials}
    assert len(sizes) > 1
    assert {size: trial.steps[-1] for size, trial in sizes.items()} == {
        s: {1: 18, 2: 9, 4: 4}[s] for s in sizes
    }
    for rung in range(3):
        tokens = [trial.tokens[rung] for trial in sizes.values()]
        assert max(tokens) - min(tokens) < result.trials[0].tokens[0] * 2.1  # steps of 4 packs


def test_tokens_are_what_the_runs_say(whole: tuple[SearchResult, list[events.Event], Path]) -> None:
    result, _, folder = whole
    for trial in result.trials:
        rows = Run(folder / "runs" / trial.run).metrics()
        said = {row["step"]: row["train/tokens"] for row in rows if "train/tokens" in row}
        planned = dict(zip(trial.steps, trial.tokens, strict=True))
        assert said[1] > 0
        assert {step: tokens for step, tokens in said.items() if step in planned}.items() <= planned.items()
    assert result.tokens < result.tokens_anew < result.tokens_in_full


def test_what_happens_is_told_in_order(whole: tuple[SearchResult, list[events.Event], Path]) -> None:
    result, told, _ = whole
    kinds = [type(event) for event in told]
    assert kinds[:3] == [events.SearchBegun, events.TrialStarted, events.RungReached]
    assert kinds.count(events.TrialStarted) == 6
    assert kinds.count(events.Promoted) == sum(len(trial.values) - 1 for trial in result.trials)
    assert kinds.count(events.TrialFinished) == sum(trial.status == "finished" for trial in result.trials)


def test_a_trial_that_went_on_has_the_bits_of_one_trained_in_one_go(
    whole: tuple[SearchResult, list[events.Event], Path], tmp_path: Path
) -> None:
    result, _, folder = whole
    stored = json.loads((folder / "runs" / result.best.run / "config.json").read_text())["config"]
    path = tmp_path / "once.json"
    path.write_text(json.dumps(stored | {"run_name": "once", "output_dir": str(tmp_path)}))
    once = Trainer.from_config(path).fit()
    assert result.checkpoint is not None
    assert weights(once.last) == weights(result.checkpoint)


def test_the_best_configuration_trains_to_the_best_value(
    whole: tuple[SearchResult, list[events.Event], Path], tmp_path: Path
) -> None:
    result = whole[0]
    resolved = load_config(result.file, [f"output_dir={tmp_path}"])
    assert resolved.config.training.lr == result.params["lr"]
    assert resolved.config.search is None
    run = Trainer.from_config(resolved).fit()
    assert run.metrics()[-1]["eval/perplexity"] == pytest.approx(result.value, rel=1e-6)


def test_a_study_is_read_from_its_files_alone(whole: tuple[SearchResult, list[events.Event], Path]) -> None:
    result, _, folder = whole
    study = Study.open("study", folder)
    assert study.best() == result.best
    assert tuple(study.trials()) == result.trials
    with pytest.raises(RunError, match="no search is called 'studi'") as caught:
        Study.open("studi", folder)
    assert caught.value.hint == 'did you mean "study"?'


def test_a_search_that_is_over_has_nothing_left_to_do(
    whole: tuple[SearchResult, list[events.Event], Path],
) -> None:
    result, _, folder = whole
    told: list[events.Event] = []
    again = search(folder, told, **SPACE).run()
    assert (again.best, again.trials) == (result.best, result.trials)
    assert [type(event) for event in told] == [events.SearchBegun]


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(
    whole: tuple[SearchResult, list[events.Event], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    which: signal.Signals,
) -> None:
    with monkeypatch.context() as patch:
        signal_at_step(patch, 3, which)  # of the first trial that goes on
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            searched(tmp_path, **SPACE)
    left = [trial for trial in Study.open("study", tmp_path).trials() if trial.status == "waiting"]
    assert len(left) == 1
    told: list[events.Event] = []
    search(tmp_path, told, **SPACE).run()
    assert isinstance(told[1], events.TrialResumed)
    assert story(tmp_path) == story(whole[2])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_whose_exception_is_lost_ends_the_search_all_the_same(tmp_path: Path) -> None:
    class Dropped:
        """Python drops what is raised while an object is given back."""

        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass

    def drop(event: events.Event) -> None:
        if isinstance(event, events.RungReached):
            dropped = Dropped()
            del dropped

    with pytest.raises(SystemExit):
        Search(resolve_config(base(tmp_path, SPACE)), observer=drop).run()
    assert len(Study.open("study", tmp_path).trials()) == 1


def test_more_trials_go_on_with_the_study(tmp_path: Path) -> None:
    few = searched(tmp_path, trials=3)
    more = searched(tmp_path, trials=5)
    assert len(more.trials) == 5
    assert [trial.params for trial in more.trials[:3]] == [trial.params for trial in few.trials]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"parameters": {"lr": None}}, "batch_size: searched; now not"),
        ({"parameters": {"lr": None, "batch_size": [1, 2, 4, 8]}}, "batch_size: 1, 2, 4; now 1, 2, 4, 8"),
        ({"metric": "loss"}, 'metric: "perplexity"; now "loss"'),
        ({"seed": 1}, "seed: 0; now 1"),
        ({"sampler": "random"}, 'sampler: {"name": "tpe"}; now {"name": "random"}'),
        ({"reduction_factor": None}, "reduction_factor: 3; now null"),
        ({"training": {"weight_decay": 0.5}}, "training_config.weight_decay: 0.01; now 0.5"),
    ],
)
def test_another_search_under_the_same_name_is_refused_with_the_differences(
    whole: tuple[SearchResult, list[events.Event], Path], changes: dict[str, Any], what: str
) -> None:
    with pytest.raises(RunError, match="searches something else") as caught:
        searched(whole[2], **{**SPACE, **changes})
    assert what in str(caught.value)


def test_a_study_without_a_result_makes_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        signal_at_step(patch, 1, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path, metric="loss", reduction_factor=None)
    result = searched(tmp_path, metric="perplexity", trials=2, training={"weight_decay": 0.5})
    assert len(result.trials) == 2


def test_trials_end_when_the_tokens_are_spent(
    whole: tuple[SearchResult, list[events.Event], Path], tmp_path: Path
) -> None:
    budget = whole[0].trials[0].tokens[-1]
    told: list[events.Event] = []
    result = search(tmp_path, told, **SPACE, max_tokens=budget).run()
    assert result.tokens <= budget
    assert isinstance(told[-1], events.BudgetSpent)
    spent = [
        Run(tmp_path / "runs" / trial.run).metrics()[-1].get("train/tokens", 0) for trial in result.trials
    ]
    assert sum(spent) <= budget


def test_a_budget_for_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="came to no result") as caught:
        searched(tmp_path, max_tokens=1)
    assert "max_tokens" in (caught.value.hint or "")


def test_all_values_of_a_finite_space_are_tried_once(tmp_path: Path) -> None:
    told: list[events.Event] = []
    space = {"parameters": {"lr": [1e-3, 2e-3, 4e-3]}, "trials": 10, "training": {"max_steps": 3}}
    result = search(tmp_path, told, **space).run()
    assert sorted(trial.params["lr"] for trial in result.trials) == [1e-3, 2e-3, 4e-3]  # type: ignore[type-var]
    assert any(isinstance(event, events.Exhausted) for event in told)


def test_a_trial_without_memory_fails_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from brahma.train.loop import Stepper

    step = Stepper.step

    def greedy(self: Stepper, at: int) -> Any:
        if self.plan.batch_size == 4:
            raise torch.OutOfMemoryError("no room for a batch of 4")
        return step(self, at)

    monkeypatch.setattr(Stepper, "step", greedy)
    told: list[events.Event] = []
    result = search(tmp_path, told, **SPACE).run()
    failed = [trial for trial in result.trials if trial.status == "failed"]
    assert failed
    assert all(trial.params["batch_size"] == 4 for trial in failed)
    assert all(trial.reason.startswith("out of memory with batch_size 4") for trial in failed)
    assert sum(isinstance(event, events.TrialFailed) for event in told) == len(failed)
    assert result.best.params["batch_size"] != 4


def test_a_trial_that_comes_to_no_number_fails_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst() -> None:
        raise TrainingError("the loss is NaN at step 2", hint="lower lr")

    with monkeypatch.context() as patch:
        at_step(patch, 2, burst)
        with pytest.raises(RunError, match="all 2 trials of search study failed") as caught:
            searched(tmp_path, trials=2, reduction_factor=None)
    assert "the loss is NaN at step 2" in str(caught.value)
    trials = Study.open("study", tmp_path).trials()
    assert [trial.status for trial in trials] == ["failed", "failed"]
    assert all(0 < trial.spent < trial.tokens[-1] or trial.spent == 0 for trial in trials)


def test_a_mistake_of_the_first_trial_stops_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("no such thing", hint="another")

    with monkeypatch.context() as patch:
        patch.setattr(searching, "train_trial", fail)
        with pytest.raises(ConfigError, match="no such thing"):
            searched(tmp_path)
    assert searched(tmp_path, trials=2).best.status == "finished"


@pytest.mark.parametrize(
    ("metric", "training", "what"),
    [
        ("perplexty", {}, "no metric is called 'perplexty'"),
        ("train/los", {}, "no metric is called 'train/los'"),
        ("f1", {}, "a run does not produce 'f1'"),
    ],
)
def test_a_metric_that_no_run_has_is_refused_before_the_first_trial(
    tmp_path: Path, metric: str, training: dict[str, Any], what: str
) -> None:
    with pytest.raises(ConfigError, match=what):
        search(tmp_path, metric=metric, training=training)


def test_a_metric_of_the_training_can_be_searched_by(tmp_path: Path) -> None:
    result = searched(tmp_path, metric="train/loss", trials=2)
    rows = Run(tmp_path / "runs" / result.best.run).metrics()
    assert result.value == rows[-1]["train/loss"]


def test_an_objective_of_a_plugin_can_be_searched_by(tmp_path: Path) -> None:
    result = searched(tmp_path, metric="tokens_per_second", trials=2, training={"logging_steps": 1})
    assert result.value == max(trial.values[-1] for trial in result.trials if len(trial.values) == 3)


@pytest.mark.parametrize("sampler", ["random", "qmc", "gp"])
def test_other_samplers_choose_too(tmp_path: Path, sampler: str) -> None:
    result = searched(tmp_path, sampler=sampler, trials=3, training={"max_steps": 3})
    assert len({trial.params["lr"] for trial in result.trials}) == 3


def test_the_study_may_lie_in_a_database(
    whole: tuple[SearchResult, list[events.Event], Path], tmp_path: Path
) -> None:
    searched(tmp_path, **SPACE, storage=f"sqlite:///{tmp_path}/study.db")
    assert story(tmp_path) == story(whole[2])


def test_a_search_of_several_processes_for_one_trial_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one process"):
        search(tmp_path)


def test_a_study_that_is_kept_elsewhere_is_not_begun_again(
    whole: tuple[SearchResult, list[events.Event], Path],
) -> None:
    with pytest.raises(RunError, match="searches something else") as caught:
        searched(whole[2], **SPACE, storage=f"sqlite:///{whole[2]}/other.db")
    assert "it is kept in journal" in str(caught.value)


def test_runs_of_others_are_not_gone_on_with(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "study-trial-0"
    run.mkdir(parents=True)
    with pytest.raises(RunError, match="there is a run called study-trial-0 already"):
        searched(tmp_path)
    assert list(run.iterdir()) == []
