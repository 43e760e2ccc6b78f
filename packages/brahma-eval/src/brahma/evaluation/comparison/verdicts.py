"""From the results of two or more models to differences and what to make of them."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from brahma.core.errors import ConfigError, DataError
from brahma.evaluation.aggregation import example_values, group_mean, members, outline
from brahma.evaluation.as_tasks import as_tasks
from brahma.evaluation.comparison.paired import Floats, Paired, holm, paired
from brahma.evaluation.comparison.report import Comparison, Difference
from brahma.evaluation.harness.results import TaskResult, TaskResults
from brahma.evaluation.results import Results

_Key = tuple[str, int]
"""An example's hash, and how many of the same stand before it."""


def compare(
    *given: TaskResults | Results,
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare models on tasks that all of them were evaluated on; each with the first one.

    The same example is compared with itself, so models may have different tokenizers. What has no value for
    each example, such as a corpus's BLEU, is shown without a verdict.

    Args:
        given: what `Evaluator.evaluate` returned for each model, two at least; or `evaluate_custom`, asked
            for examples.
        names: of the models; None: A, B, C, …
        confidence: of the intervals, and of the verdicts.
        resamples: draws of the bootstrap and of the permutation test, each.
        seed: of the draws: the same results give the same figures.

    Raises:
        ConfigError: a confidence that is not between 0 and 1, or fewer than 1 draw.
        DataError: there is nothing to compare, examples were not kept, or the results were not made alike:
            other versions of a task, other numbers of examples in the prompt, other examples.
    """
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence}", hint="Give a share between 0 and 1, such as 0.95")
    if resamples < 1:
        raise ConfigError(f"resamples is {resamples}", hint="Give 1 or more; 10,000 is the default")
    results = [as_tasks(each) for each in given]
    labels = tuple(names or (chr(ord("A") + number) for number in range(len(results))))
    if len(results) < 2 or len(labels) != len(results):
        raise DataError(
            f"{len(results)} results and {len(labels)} names are nothing to compare",
            hint="Give the results of two models at least, and a name for each or none",
        )
    if len(set(labels)) < len(labels):
        raise DataError(
            f"two models have one name: {', '.join(labels)}", hint="Give each its own, or give none"
        )
    shared = _shared_tasks(results)
    _check_alike(results, labels, shared)
    judge = _Judge(confidence, resamples, seed)
    rows = []
    for other, label in zip(results[1:], labels[1:], strict=True):
        pair, two = (results[0], other), (labels[0], label)
        rows += [judge.difference(two, pair, name, figure) for name, figure in _rows_of(pair)]
    below = {task for group in results[0].groups for task in members(results[0], group)}
    rows = _raised(rows, below, 1 - confidence)
    return Comparison(labels, tuple(rows), confidence, resamples, seed)


def _shared_tasks(results: Sequence[TaskResults]) -> list[str]:
    shared = [name for name in results[0].tasks if all(name in each.tasks for each in results)]
    if shared:
        return shared
    raise DataError(
        "the results have no task in common",
        why="; ".join(", ".join(each.tasks) or "none" for each in results),
        hint="Evaluate the models on the same tasks",
    )


def _check_alike(results: Sequence[TaskResults], labels: Sequence[str], shared: Sequence[str]) -> None:
    """Raises DataError with each task whose figures cannot be held against each other."""
    wrong = [
        f"{name}: {why}"
        for name in shared
        for other in range(1, len(results))
        for why in _unlike(results[0].tasks[name], results[other].tasks[name], (labels[0], labels[other]))
    ]
    if wrong:
        raise DataError(
            "the results were not made alike, so they cannot be compared",
            why="; ".join(wrong),
            hint="Evaluate the models again with the same tasks, data, limit and num_fewshot",
        )


def _unlike(first: TaskResult, second: TaskResult, labels: tuple[str, str]) -> Iterator[str]:
    def differs(what: str, one: object, other: object) -> Iterator[str]:
        if one != other:
            yield f"{what} {one} of {labels[0]} and {other} of {labels[1]}"

    yield from differs("version", first.version, second.version)
    yield from differs("num_fewshot", first.num_fewshot, second.num_fewshot)
    yield from differs("examples", first.examples, second.examples)
    if first.samples and second.samples and first.examples == second.examples:
        both = len(_keys(first).keys() & _keys(second).keys())
        if both < len(first.samples):
            yield f"{both:,} of {len(first.samples):,} examples are the same"


def _rows_of(pair: tuple[TaskResults, TaskResults]) -> Iterator[tuple[str, str]]:
    """Groups and tasks that both have, with each figure that both have."""
    for name in outline(pair[0]):
        one, other = _called(pair[0], name), _called(pair[1], name)
        if one is not None and other is not None:
            yield from ((name, figure) for figure in one.figures if figure in other.figures)


def _called(results: TaskResults, name: str) -> TaskResult | None:
    return results.groups.get(name) or results.tasks.get(name)


@dataclass(frozen=True)
class _Judge:
    confidence: float
    resamples: int
    seed: int

    def difference(
        self, names: tuple[str, str], pair: tuple[TaskResults, TaskResults], name: str, figure: str
    ) -> Difference:
        """The difference of one figure of a task or group."""
        first, second = _called(pair[0], name), _called(pair[1], name)
        assert first is not None  # `_rows_of` has looked
        assert second is not None
        one, other = first.figures[figure], second.figures[figure]
        strata, weights = _differences(pair, name, figure)
        row = Difference(
            task=name,
            figure=figure,
            first=names[0],
            second=names[1],
            first_value=one.value,
            second_value=other.value,
            difference=other.value - one.value,
            examples=sum(map(len, strata)) or first.examples,
            higher_is_better=one.higher_is_better,
        )
        return self._judged(row, strata, weights) if strata else row

    def _judged(self, row: Difference, strata: list[Floats], weights: list[float]) -> Difference:
        digest = hashlib.sha256(f"{row.task}\0{row.figure}".encode()).digest()
        seed = (self.seed, int.from_bytes(digest[:8], "little"))
        found: Paired = paired(
            strata, weights, confidence=self.confidence, resamples=self.resamples, seed=seed
        )
        return replace(
            row,
            difference=found.difference,
            interval=(found.low, found.high),
            stderr=found.stderr,
            p_value=found.p_value,
            examples_needed=found.needed,
        )


def _differences(
    pair: tuple[TaskResults, TaskResults], name: str, figure: str
) -> tuple[list[Floats], list[float]]:
    """Second − first of each example, task by task, and the tasks' weights; empty where not known."""
    if name not in pair[0].groups:
        found = _task_differences(pair[0].tasks[name], pair[1].tasks[name], figure)
        return ([found], [1.0]) if found is not None else ([], [])
    means = [group_mean(results, name, figure) for results in pair]
    if means[0] is None or means[0] != means[1]:
        return [], []
    strata = {
        task: _task_differences(pair[0].tasks[task], pair[1].tasks[task], figure) for task in means[0].tasks
    }
    if any(found is None for found in strata.values()):
        return [], []
    weights = means[0].weights({task: pair[0].tasks[task].examples for task in means[0].tasks})
    return [found for found in strata.values() if found is not None], list(weights.values())


def _task_differences(first: TaskResult, second: TaskResult, figure: str) -> Floats | None:
    """In the order of the examples' hashes, whatever the order in which they were evaluated."""
    values = [example_values(task, figure) for task in (first, second)]
    if values[0] is None or values[1] is None:
        return None
    at = [_keys(task) for task in (first, second)]
    keys = sorted(at[0].keys() & at[1].keys())
    found = np.array([values[1][at[1][key]] - values[0][at[0][key]] for key in keys], np.float64)
    there: Floats = found[~np.isnan(found)]
    return there if len(there) else None


def _keys(task: TaskResult) -> dict[_Key, int]:
    """Which sample it is, by the example; one that stands in the data twice is told apart by number."""
    seen: Counter[str] = Counter()
    found = {}
    for number, sample in enumerate(task.samples):
        found[(sample.doc_hash, seen[sample.doc_hash])] = number
        seen[sample.doc_hash] += 1
    return found


def _raised(rows: Sequence[Difference], below: set[str], error: float) -> list[Difference]:
    """The rows with their verdicts, for which many rows are no excuse.

    What was asked for by name is one family of tests, the tasks in groups are another: a group's verdict does
    not fade because it has many tasks.
    """
    raised: dict[int, float] = {}
    for inside in (False, True):
        family = [
            number
            for number, row in enumerate(rows)
            if row.p_value is not None and (row.task in below) == inside
        ]
        p_values = [row.p_value for row in (rows[number] for number in family) if row.p_value is not None]
        raised.update(zip(family, holm(p_values), strict=True))
    return [
        replace(row, adjusted_p_value=raised[number], verdict=_verdict(row, raised[number], error))
        if number in raised
        else row
        for number, row in enumerate(rows)
    ]


def _verdict(row: Difference, p_value: float, error: float) -> str:
    """A verdict needs both: an interval without 0, and a p-value that holds among all rows."""
    assert row.interval is not None  # as its p-value
    low, high = row.interval
    if p_value >= error or low <= 0 <= high or not math.isfinite(row.difference):
        return "noise"
    higher = row.second if row.difference > 0 else row.first
    if row.higher_is_better is None:
        return f"{higher} is higher"
    lower = row.first if row.difference > 0 else row.second
    return f"{higher if row.higher_is_better else lower} is better"
