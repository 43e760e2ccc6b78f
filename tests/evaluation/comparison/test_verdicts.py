"""Results of several models against each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from brahma.core.errors import ConfigError, DataError
from brahma.evaluation.comparison import compare
from brahma.evaluation.harness.results import TaskResult
from tests.evaluation.task_results import results, task

GENERATOR = np.random.default_rng(11)
A = GENERATOR.integers(0, 2, 400).astype(float)
SLIGHT = np.where(np.arange(400) % 80 == 0, 1 - A, A)
BETTER = np.maximum(A, (np.arange(400) % 5 == 0).astype(float))


def test_a_better_model_is_named_whichever_comes_first() -> None:
    worse, better = results(task("quiz", {"acc": A})), results(task("quiz", {"acc": BETTER}))
    one, other = compare(worse, better).row("quiz", "acc"), compare(better, worse).row("quiz", "acc")
    assert (one.verdict, other.verdict) == ("B is better", "A is better")
    assert one.difference == -other.difference == pytest.approx(float(np.mean(BETTER - A)))
    assert one.interval is not None
    assert other.interval == (-one.interval[1], -one.interval[0])
    assert 0 < one.interval[0] < one.difference < one.interval[1]
    assert one.p_value == other.p_value


def test_a_model_against_itself_is_noise_of_nothing() -> None:
    row = compare(results(task("quiz", {"acc": A})), results(task("quiz", {"acc": A}))).row("quiz", "acc")
    assert (row.difference, row.interval, row.p_value, row.verdict) == (0, (0, 0), 1, "noise")
    assert row.examples_needed is None


def test_noise_says_how_many_examples_would_tell() -> None:
    comparison = compare(results(task("quiz", {"acc": A})), results(task("quiz", {"acc": SLIGHT})))
    row = comparison.row("quiz", "acc")
    assert row.is_noise
    assert row.examples_needed is not None
    assert row.examples_needed > 400
    assert f"noise; needs {row.examples_needed:,}" in str(comparison)


def test_less_is_better_where_the_task_says_so() -> None:
    worse = results(task("text", {"loss": A + 1}, higher_is_better=False))
    better = results(task("text", {"loss": A + 0.5}, higher_is_better=False))
    assert compare(worse, better).row("text", "loss").verdict == "B is better"
    unsaid = [results(task("text", {"loss": A + by}, higher_is_better=None)) for by in (1, 0.5)]
    assert compare(*unsaid).row("text", "loss").verdict == "A is higher"


def test_examples_are_paired_by_what_they_are_not_by_where_they_stand() -> None:
    first, second = task("quiz", {"acc": A}), task("quiz", {"acc": BETTER})
    shuffled = replace(second, samples=tuple(reversed(second.samples)))
    expected = compare(results(first), results(second)).row("quiz", "acc")
    assert compare(results(first), results(shuffled)).row("quiz", "acc") == expected


def test_an_example_that_stands_in_the_data_twice_is_paired_with_both() -> None:
    first, second = task("quiz", {"acc": [1, 0, 1]}), task("quiz", {"acc": [1, 1, 0]})
    doubled = [
        replace(each, samples=tuple(replace(one, doc_hash="same") for one in each.samples))
        for each in (first, second)
    ]
    row = compare(*(results(each) for each in doubled)).row("quiz", "acc")
    assert (row.examples, row.difference) == (3, 0)


@pytest.mark.parametrize("by_size", [True, False])
def test_a_group_is_judged_as_it_is_weighted(by_size: bool) -> None:
    """B gains in the small task and loses in the big one."""
    pair = [
        results(
            task("big", {"acc": big}),
            task("small", {"acc": small}),
            groups={"both": ["big", "small"]},
            by_size=by_size,
        )
        for big, small in ((BETTER, np.zeros(100)), (A, np.ones(100)))
    ]
    row = compare(*pair).row("both", "acc")
    lost = float(np.mean(A - BETTER))
    expected = (400 * lost + 100) / 500 if by_size else (lost + 1) / 2
    assert row.difference == pytest.approx(expected)
    assert row.examples == 500
    assert row.verdict == "B is better"


def test_a_group_of_many_tasks_does_not_fade_by_them() -> None:
    count = 60
    names = [f"subject{number}" for number in range(count)]

    def model(gain: int) -> Any:
        values = [(np.arange(40) % 8 < 4 + gain * (number % 2)).astype(float) for number in range(count)]
        tasks = [task(name, {"acc": each}) for name, each in zip(names, values, strict=True)]
        return results(*tasks, groups={"subjects": names})

    comparison = compare(model(0), model(1))
    assert comparison.row("subjects", "acc").verdict == "B is better"
    alone = comparison.row("subject1", "acc")
    assert alone.p_value is not None
    assert alone.p_value < 0.07
    assert alone.verdict == "noise"


def test_a_figure_without_values_for_each_example_has_no_verdict() -> None:
    pair = [results(task("translate", {"acc": A}, figures={"bleu": bleu})) for bleu in (20.0, 31.5)]
    comparison = compare(*pair)
    row = comparison.row("translate", "bleu")
    assert (row.difference, row.verdict, row.interval) == (11.5, "", None)
    assert "no values for each example" in str(comparison)


def test_a_figure_that_is_not_the_mean_of_its_values_has_no_verdict() -> None:
    made = task("pages", {"perplexity": A + 1}, figures={"perplexity": 17.0})
    assert compare(results(made), results(made)).row("pages", "perplexity").verdict == ""


def test_three_models_are_held_against_the_first() -> None:
    comparison = compare(
        *(results(task("quiz", {"acc": each})) for each in (A, BETTER, SLIGHT)),
        names=["old", "new", "other"],
    )
    assert comparison.row("quiz", "acc").verdict == "new is better"
    assert comparison.row("quiz", "acc", "other").verdict == "noise"
    adjusted = comparison.row("quiz", "acc").adjusted_p_value
    assert adjusted == pytest.approx(2 * (comparison.row("quiz", "acc").p_value or 0))


OTHERS: dict[str, TaskResult] = {
    "version 1 of A and 2 of B": task("quiz", {"acc": A}, version="2"),
    "num_fewshot 0 of A and 5 of B": task("quiz", {"acc": A}, num_fewshot=5),
    "examples 400 of A and 100 of B": task("quiz", {"acc": A[:100]}),
    "0 of 400 examples are the same": task("quiz", {"acc": A}, texts=["another"] * 400),
}


@pytest.mark.parametrize("why", OTHERS)
def test_what_was_not_made_alike_is_refused_by_name(why: str) -> None:
    with pytest.raises(DataError) as raised:
        compare(results(task("quiz", {"acc": A})), results(OTHERS[why]))
    assert raised.value.why == f"quiz: {why}"


def test_results_without_a_common_task_are_refused() -> None:
    with pytest.raises(DataError, match="no task in common"):
        compare(results(task("quiz", {"acc": A})), results(task("test", {"acc": A})))
    with pytest.raises(DataError, match="nothing to compare"):
        compare(results(task("quiz", {"acc": A})))


@pytest.mark.parametrize("setting", [{"confidence": 0}, {"confidence": 1.5}, {"resamples": 0}])
def test_settings_out_of_their_range_are_refused(setting: dict[str, Any]) -> None:
    pair = results(task("quiz", {"acc": A})), results(task("quiz", {"acc": BETTER}))
    with pytest.raises(ConfigError, match=next(iter(setting))):
        compare(*pair, **setting)
    with pytest.raises(DataError, match="one name"):
        compare(*pair, names=["same", "same"])


def test_the_same_results_give_the_same_figures_whatever_stands_beside_them() -> None:
    graded = A + np.linspace(0, 1, 400)
    alone = compare(results(task("q", {"f1": graded})), results(task("q", {"f1": BETTER}))).row("q", "f1")
    beside = compare(
        results(task("quiz", {"acc": A}), task("q", {"f1": graded})),
        results(task("quiz", {"acc": A}), task("q", {"f1": BETTER})),
    ).row("q", "f1")
    assert (alone.interval, alone.p_value) == (beside.interval, beside.p_value)


def test_it_is_json_and_fits_a_terminal() -> None:
    names = ["truthfulqa_mc1", "hellaswag"]
    pair = [results(*(task(name, {"acc": each, "acc_norm": each}) for name in names)) for each in (A, SLIGHT)]
    comparison = compare(*pair)
    assert json.loads(json.dumps(comparison.to_dict()))["rows"][0]["verdict"] == "noise"
    assert max(map(len, comparison.lines(80))) <= 80
    assert "B − A" in str(comparison)


def test_too_few_examples_are_noise_whatever_they_say() -> None:
    """Four of four: chance does that once in eight times; a normal curve would ask for no more of them."""
    pair = [results(task("quiz", {"acc": values})) for values in ([0, 0, 0, 0], [1, 1, 1, 1])]
    comparison = compare(*pair)
    assert comparison.row("quiz", "acc").p_value == 0.125
    assert comparison.row("quiz", "acc").verdict == "noise"
    assert "needs " not in str(comparison).split("noise:")[0]


def test_no_difference_has_no_sign() -> None:
    pair = [results(task("quiz", {"acc": values})) for values in ([1, 0, 0], [0, 1, 0])]
    assert "-0.0000" not in str(compare(*pair))
