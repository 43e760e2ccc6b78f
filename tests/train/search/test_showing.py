"""What is told of a search: the table, who led, what mattered, pictures, the result, the commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from brahma.core.errors import RunError
from brahma.train.search import SearchResult, Study
from brahma.train.search.importance import importance
from brahma.train.search.leading import leaders
from brahma.train.search.listing import list_all
from brahma.train.search.outcome import outcome
from brahma.train.search.pictures import draw_pictures, plot_parameters
from brahma.train.search.records import TrialRecord
from brahma.train.search.showing import best_so_far, show
from brahma.train.search.table import (
    expected_tokens,
    given_trial,
    in_short,
    short,
    short_names,
    table_rows,
    tokens_at,
)
from tests.train.search.stored_search import DEFINITION, Stored, four_trials, many_trials

LRS = [1e-4 * 10 ** (number / 6) for number in range(12)]


def invoke(command: click.Command, *args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], catch_exceptions=False)


def squeezed(text: str) -> list[str]:
    """Lines with single blanks."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_who_got_furthest_stands_above_and_who_failed_below(tmp_path: Path) -> None:
    stored = four_trials(tmp_path)
    stored.add(3e-3, 8, waiting=True)
    rows = table_rows(stored.study.trials(), higher_is_better=False, step_of=lambda trial: 4)
    assert [(row.trial.number, row.state, row.step, row.value, row.is_best) for row in rows] == [
        (2, "finished", "90/90", "3.9", True),
        (0, "paused", "30/90", "4.5", False),
        (3, "paused", "10/90", "5.5", False),
        (4, "interrupted", "4/90", "", False),
        (1, "failed", "4/90", "", False),
    ]
    assert rows[0].cells == ("*2", "finished", "90/90", "3.9", "9k", "0.002", "16")


def test_a_trial_in_training_is_promoted_past_its_first_rung(tmp_path: Path) -> None:
    [first, *_] = four_trials(tmp_path).study.trials()
    running = replace(first, target=2, alive=True)
    [row] = table_rows([running], higher_is_better=False, step_of=lambda trial: 60)
    assert (row.state, row.step, row.tokens) == ("promoted", "60/90", "6k")


def test_tokens_between_rungs_are_in_proportion() -> None:
    trial = TrialRecord(number=0, params={}, run="a", steps=(10, 30), tokens=(1_000, 4_000))
    assert [tokens_at(trial, step) for step in (0, 5, 10, 20, 30)] == [0, 500, 1_000, 2_500, 4_000]


def test_a_whole_search_takes_a_third_of_the_trials_to_each_further_rung() -> None:
    trial = TrialRecord(number=0, params={}, run="a", steps=(1, 3, 9), tokens=(100, 300, 900))
    assert expected_tokens([trial], 9, 3) == 9 * 100 + 3 * 200 + 1 * 600
    assert expected_tokens([replace(trial, steps=(9,), tokens=(900,))], 9, None) == 8_100


@pytest.mark.parametrize(
    ("count", "text"),
    [(950, "950"), (12_345, "12.3k"), (4.5e6, "4.5M"), (1.2e9, "1.2B"), (999_999, "1,000k")],
)
def test_counts_are_short(count: float, text: str) -> None:
    assert short(count) == text


def test_values_and_names_are_short() -> None:
    assert [in_short(value) for value in (True, None, 0.00012345, 8, "wsd")] == [
        "true", "null", "0.000123", "8", "wsd",
    ]  # fmt: skip
    assert short_names(["lr", "lora_config.r", "a.x", "b.x"]) == ["lr", "r", "a.x", "b.x"]


def test_the_first_trial_is_the_configuration_as_given_only_if_it_has_its_values(tmp_path: Path) -> None:
    trials = four_trials(tmp_path).study.trials()
    assert given_trial(trials, DEFINITION) is trials[0]
    assert given_trial(trials[1:], DEFINITION) is None
    assert given_trial([], DEFINITION) is None


def test_the_leader_is_the_best_of_those_that_had_got_furthest(tmp_path: Path) -> None:
    trials = four_trials(tmp_path).study.trials()
    led = leaders(trials, higher_is_better=False)
    assert led == [(1_000, 5.0), (3_000, 4.5), (4_500, 4.5), (6_500, 4.2), (12_500, 3.9), (13_500, 3.9)]
    curve = best_so_far(trials, higher_is_better=False)
    assert list(zip(curve.steps, curve.values, strict=True)) == [
        (1_000, 5.0), (3_000, 5.0), (3_000, 4.5), (6_500, 4.5), (6_500, 4.2), (12_500, 4.2), (12_500, 3.9),
        (13_500, 3.9),
    ]  # fmt: skip


def test_what_decides_matters_most(tmp_path: Path) -> None:
    found = importance(many_trials(tmp_path, LRS).study.trials(), DEFINITION)
    assert (next(iter(found.shares)), found.trials, found.why) == ("lr", 12, "")
    assert sum(found.shares.values()) == pytest.approx(1)


def test_of_few_or_equal_trials_it_is_not_said_what_matters(tmp_path: Path) -> None:
    few = importance(many_trials(tmp_path / "few", LRS[:9]).study.trials(), DEFINITION)
    assert (few.shares, few.why) == (
        {}, "9 trials are too few to tell which parameters matter: it takes 10",
    )  # fmt: skip
    equal = Stored(tmp_path / "equal")
    for lr in LRS:
        equal.add(lr, 8, 5.0)
    assert importance(equal.study.trials(), DEFINITION).why == "all trials came to the same value"


def test_the_outcome_says_what_was_gained_and_what_it_took(tmp_path: Path) -> None:
    four_trials(tmp_path).finish()
    assert outcome(SearchResult.open("mine", tmp_path), DEFINITION) == [
        "best: trial 2, loss 3.9 at step 90: lr 0.002, lora_config.r 16",
        "the configuration as given had 4.5 after 1/3 of a trial, the best 4.2: 0.3, 6.67 % less",
        "13,500 tokens in 4 trials",
        "  18,500 if those that went on had begun anew at each rung",
        "  27,500 if each had been trained to its end",
        "3 trials are too few to tell which parameters matter: it takes 10",
    ]


def test_where_nothing_was_better_than_what_was_given_that_is_said(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    stored.add(1e-3, 8, 4.0)
    stored.add(2e-3, 8, 5.0)
    lines = outcome(SearchResult.open("mine", stored.finish().output_dir), DEFINITION)
    assert lines[0].startswith("best: trial 0, loss 4 at step 10 of 90: ")
    assert lines[1] == "that is the configuration as given: none of the others was better"


def test_three_pictures_are_drawn(tmp_path: Path) -> None:
    study = many_trials(tmp_path, LRS).study
    paths = draw_pictures(study)
    assert [path.name for path in paths] == ["history.png", "importance.png", "parameters.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_a_picture_tells_the_best_the_given_one_and_the_failed(tmp_path: Path) -> None:
    figure = plot_parameters("mine", four_trials(tmp_path).study.trials(), DEFINITION)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "the configuration as given", "best: trial 2", "1 failed, of no value",
    ]  # fmt: skip


def test_nothing_is_drawn_before_the_first_comparison(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    stored.add(1e-3, 8, waiting=True)
    with pytest.raises(RunError, match="nothing to plot: no trial was compared yet"):
        draw_pictures(stored.study)


def test_a_result_is_a_configuration_a_run_a_figure_and_a_table(tmp_path: Path) -> None:
    four_trials(tmp_path).finish()
    result = SearchResult.open("mine", tmp_path)
    assert (result.params, result.value) == ({"lr": 2e-3, "lora_config.r": 16}, 3.9)
    assert (result.best_config.training.lr, result.best_run.name) == (2e-3, "mine-trial-2")
    assert (result.tokens, result.tokens_anew, result.tokens_in_full) == (13_500, 18_500, 27_500)
    assert (result.checkpoint, result.pictures) == (None, ())
    assert len(result.plot(tmp_path / "history.svg").axes) == 2
    assert (tmp_path / "history.svg").read_text().lstrip().startswith("<?xml")
    table = result.to_pandas()
    assert list(table["status"]) == ["paused", "failed", "finished", "paused"]
    names = ("lr", "lora_config.r", "step", "value", "tokens")
    assert [table[name][2] for name in names] == [2e-3, 16, 90, 3.9, 9_000]
    assert repr(result).startswith("<SearchResult 'mine': 4 trials, best trial 2 with 3.9: lr 0.002, ")


def test_a_search_without_any_comparison_has_no_result_yet(tmp_path: Path) -> None:
    Stored(tmp_path).add(1e-3, 8, waiting=True)
    with pytest.raises(RunError, match="search mine has come to nothing yet"):
        SearchResult.open("mine", tmp_path)


def test_a_search_of_failures_says_why(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    stored.add(1e-3, 8, reason="the loss is nan")
    stored.finish()
    with pytest.raises(RunError, match="all 1 trials of search mine failed") as failed:
        SearchResult.open("mine", tmp_path)
    assert failed.value.why == "the loss is nan"


def test_searches_are_listed_in_columns(tmp_path: Path) -> None:
    four_trials(tmp_path, "done").finish(trials=4)
    four_trials(tmp_path, "left")
    lines = invoke(list_all, "--output-dir", tmp_path, "--sort", "name").stdout.splitlines()
    assert [" ".join(line.split()[:6]) for line in lines] == [
        "NAME STATUS TRIALS METRIC BEST TOKENS",
        "done finished 4/4 loss 3.9 13.5k",
        "left interrupted 4/? loss 3.9 13.5k",
    ]


def test_a_trial_in_hand_makes_a_search_running(tmp_path: Path) -> None:
    stored = four_trials(tmp_path)
    with stored.study.training(stored.add(3e-3, 8, waiting=True)):
        assert "mine  running" in invoke(list_all, "--output-dir", tmp_path).stdout
    assert "mine  interrupted" in invoke(list_all, "--output-dir", tmp_path).stdout


def test_the_list_as_json_is_for_programs(tmp_path: Path) -> None:
    four_trials(tmp_path).finish()
    [found] = json.loads(invoke(list_all, "--output-dir", tmp_path, "--json").stdout)
    assert (found["name"], found["best_value"], found["best_trial"], found["failed"]) == ("mine", 3.9, 2, 1)
    assert json.loads(invoke(list_all, "--output-dir", tmp_path / "none", "--json").stdout) == []


def test_a_search_that_cannot_be_read_is_named_beside_the_list(tmp_path: Path) -> None:
    four_trials(tmp_path, "whole")
    four_trials(tmp_path, "torn").study.folder.joinpath("search.json").write_text('{"storage": ')
    found = invoke(list_all, "--output-dir", tmp_path)
    assert "whole" in found.stdout
    assert "torn" not in found.stdout
    assert "warning: torn is not listed: " in found.stderr


def test_without_a_search_the_list_says_how_to_make_one(tmp_path: Path) -> None:
    assert "`brahma search` makes one" in invoke(list_all, "--output-dir", tmp_path).stderr


def test_a_search_is_shown_with_its_ranges_trials_and_outcome(tmp_path: Path) -> None:
    four_trials(tmp_path).finish()
    found = invoke(show, "mine", "--output-dir", tmp_path, "--plot")
    lines = squeezed(found.stdout)
    assert "status finished" in lines
    assert "best 3.9, trial 2, at the end" in lines
    assert "lr 0.0001 to 0.01, logarithmic 0.001 0.002" in lines
    assert "r 4, 8, 16 8 16" in lines
    assert "TRIAL STATE STEP LOSS TOKENS LR R" in lines
    assert "*2 finished 90/90 3.9 9k 0.002 16" in lines
    assert "1 the loss is nan at step 2" in lines
    assert "13,500 tokens in 4 trials" in lines
    assert "loss by tokens of all trials: ⠶ best so far" in lines
    assert (tmp_path / "searches" / "mine" / "history.png").exists()
    assert "next: brahma train --config " in found.stderr


def test_a_search_is_shown_before_anything_is_compared(tmp_path: Path) -> None:
    Stored(tmp_path).add(1e-3, 8, waiting=True)
    found = invoke(show, tmp_path / "searches" / "mine")
    assert "0 interrupted 0/90 0 0.001 8" in squeezed(found.stdout)
    assert "search mine has come to nothing yet" in found.stderr
    assert "next: the command that began it goes on with it" in found.stderr


def test_an_unknown_search_gets_the_nearest_name(tmp_path: Path) -> None:
    four_trials(tmp_path, "learning")
    with pytest.raises(RunError, match="no search is called 'lerning'") as unknown:
        invoke(show, "lerning", "--output-dir", tmp_path)
    assert 'did you mean "learning"?' in (unknown.value.hint or "")
    assert Study.open("learning", tmp_path).name == "learning"
