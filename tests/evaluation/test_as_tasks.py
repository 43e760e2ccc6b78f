"""Results on data of one's own, judged as named tasks are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brahma.core.errors import DataError
from brahma.evaluation.as_tasks import as_tasks
from brahma.evaluation.comparison import compare
from brahma.evaluation.custom.judging import Failure
from brahma.evaluation.results import Example, Results
from tests.evaluation.task_results import results, task


def _results(right: list[float]) -> Results:
    examples = tuple(
        Example(f"rows.jsonl:{number + 1}", f"Question {number}", "said", ("right",), {"f1": value})
        for number, value in enumerate(right)
    )
    return Results(
        metrics={"f1": sum(right) / len(right), "bleu": 20.0},
        tokens=0,
        bytes=0,
        documents=len(right),
        skipped=0,
        split=0,
        stderr={"f1": 0.1},
        examples=examples,
    )


def test_models_are_compared_on_data_of_ones_own() -> None:
    worse, better = _results([0.0] * 12), _results([1.0] * 10 + [0.0, 0.0])
    comparison = compare(worse, better)
    assert comparison.row("data", "f1").verdict == "B is better"
    assert comparison.row("data", "bleu").verdict == ""


def test_examples_of_other_questions_are_not_compared() -> None:
    first, second = _results([0.0, 1.0]), _results([0.0, 1.0])
    moved = replace(second, examples=tuple(replace(each, prompt="Another") for each in second.examples))
    with pytest.raises(DataError, match="not made alike"):
        compare(first, moved)


def test_a_conversation_is_its_turns() -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}]
    first = replace(_results([1.0]).examples[0], prompt=turns)
    made = as_tasks(replace(_results([1.0]), examples=(first,))).tasks["data"]
    assert made.samples[0].text == "Be brief.\nWhere?\nright"


def test_examples_that_a_score_failed_on_are_counted_once() -> None:
    failed = replace(_results([1.0, 0.0, 1.0]), failures=(Failure("rows.jsonl:2", "ValueError: no"),))
    made = as_tasks(failed).tasks["data"]
    assert (made.examples, made.of_examples, len(made.samples)) == (3, 3, 3)


def test_results_without_examples_are_refused() -> None:
    with pytest.raises(DataError, match="no examples") as raised:
        as_tasks(replace(_results([1.0]), examples=()))
    assert "examples=True" in str(raised.value)


def test_named_tasks_stay_as_they_are() -> None:
    given = results(task("quiz", {"acc": [1.0]}))
    assert as_tasks(given) is given
