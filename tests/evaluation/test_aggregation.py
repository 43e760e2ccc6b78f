"""How figures follow from examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brahma.evaluation.aggregation import example_values, group_mean, mean_figure, members, outline
from brahma.evaluation.harness.results import TaskResults
from tests.evaluation.task_results import results, task


def test_a_mean_is_recognised_and_anything_else_is_not() -> None:
    made = task("quiz", {"acc": [1, 0, 1]}, figures={"bleu": 3.0})
    assert example_values(made, "acc") == pytest.approx([1, 0, 1])
    assert example_values(made, "bleu") is None
    other = task("quiz", {"perplexity": [2.0, 4.0]}, figures={"perplexity": 2.83})
    assert example_values(other, "perplexity") is None


def test_examples_without_a_value_do_not_count() -> None:
    values = example_values(task("quiz", {"acc": [1, np.nan, 0]}), "acc")
    assert values is not None
    assert np.isnan(values).tolist() == [False, True, False]


def test_the_standard_error_is_that_of_lm_eval() -> None:
    figure = mean_figure(np.array([1.0, 0.0, 0.0, 1.0, 1.0]), True)
    assert figure.stderr == pytest.approx(np.std([1, 0, 0, 1, 1], ddof=1) / 5**0.5)
    assert mean_figure(np.array([1.0]), True).stderr is None


@pytest.mark.parametrize("by_size", [True, False])
def test_how_a_group_weights_its_tasks_is_found_out(by_size: bool) -> None:
    made = results(
        task("a", {"acc": [1, 1, 1, 0]}),
        task("b", {"acc": [0, 0]}),
        groups={"g": ["a", "b"]},
        by_size=by_size,
    )
    mean = group_mean(made, "g", "acc")
    assert mean is not None
    assert mean.by_size == by_size
    weights = mean.weights({"a": 1, "b": 3})
    assert weights == pytest.approx({"a": 0.25, "b": 0.75} if by_size else {"a": 0.5, "b": 0.5})
    assert mean.weights({"a": 0, "b": 3}) == {"b": 1.0}


def test_a_group_that_is_no_mean_of_its_tasks_is_none() -> None:
    made = results(task("a", {"acc": [1]}), task("b", {"acc": [0]}), groups={"g": ["a", "b"]})
    figure = replace(made.groups["g"].figures["acc"], value=0.9)
    other = TaskResults(made.tasks, {"g": replace(made.groups["g"], figures={"acc": figure})}, made.document)
    assert group_mean(other, "g", "acc") is None


def test_groups_in_groups_have_the_tasks_of_both() -> None:
    made = results(task("a", {"acc": [1]}), task("b", {"acc": [0]}))
    nested = replace(made, document={"group_subtasks": {"all": ["some", "b"], "some": ["a"]}})
    assert members(nested, "all") == ("a", "b")
    assert members(nested, "nothing") == ()


def test_each_group_stands_before_what_is_in_it_in_the_order_of_asking() -> None:
    tasks = (task("x", {"acc": [1]}), task("a", {"acc": [1]}), task("b", {"acc": [0]}))
    made = results(*tasks, groups={"some": ["a"], "all": ["a", "b"]})
    nested = replace(made, document={"group_subtasks": {"some": ["a"], "all": ["some", "b"]}})
    assert outline(nested) == ("x", "all", "some", "a", "b")
