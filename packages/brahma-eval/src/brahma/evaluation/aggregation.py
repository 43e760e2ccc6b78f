"""How the figures of tasks and groups follow from their examples, found out from the numbers themselves.

lm-eval does not keep with its results how a figure was made of the examples' own. So a figure is taken for a
mean where the mean of the examples' values is that figure, and for nothing that could be made again of some
of them where it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brahma.evaluation.harness.results import Figure, TaskResult, TaskResults

_CLOSE = 1e-6  # relative; libraries add up in other orders, some of them in float32


def example_values(task: TaskResult, figure: str) -> NDArray[np.float64] | None:
    """Each example's value, [samples], NaN where it has none; None where the figure is no mean of them."""
    values = np.array([sample.metrics.get(figure, math.nan) for sample in task.samples], np.float64)
    there = values[~np.isnan(values)]
    if not len(there) or not _same(float(there.mean()), task.figures[figure].value):
        return None
    return values


def mean_figure(values: NDArray[np.float64], higher_is_better: bool | None) -> Figure:
    """The mean of at least one value, with its standard error."""
    spread = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
    return Figure(float(values.mean()), spread, higher_is_better)


@dataclass(frozen=True)
class GroupMean:
    """A group's figure as a mean over tasks.

    Attributes:
        tasks: their names.
        by_size: each example counts the same; False: each task does.
    """

    tasks: tuple[str, ...]
    by_size: bool

    def weights(self, examples: Mapping[str, int]) -> dict[str, float]:
        """The weight of each task that has examples; they add up to 1."""
        sizes = {name: examples[name] if self.by_size else 1 for name in self.tasks if examples[name]}
        total = sum(sizes.values())
        return {name: size / total for name, size in sizes.items()}


def group_mean(results: TaskResults, group: str, figure: str) -> GroupMean | None:
    """How a group's figure is made of those of its tasks; None where it is no mean of them."""
    tasks = tuple(name for name in members(results, group) if figure in results.tasks[name].figures)
    if not tasks:
        return None
    values = {name: results.tasks[name].figures[figure].value for name in tasks}
    examples = {name: results.tasks[name].examples for name in tasks}
    for by_size in (True, False):
        made = GroupMean(tasks, by_size)
        mean = sum(weight * values[name] for name, weight in made.weights(examples).items())
        if _same(mean, results.groups[group].figures[figure].value):
            return made
    return None


def members(results: TaskResults, group: str) -> tuple[str, ...]:
    """The tasks of a group and of the groups in it."""
    return tuple(name for name in _below(results, group) if name in results.tasks)


def outline(results: TaskResults) -> tuple[str, ...]:
    """Every group and task once, in the order of asking: each group, what is in it, then the next."""
    children: Mapping[str, Sequence[str]] = results.document.get("group_subtasks", {})
    inside = {child for of_group in children.values() for child in of_group}
    roots = [*outermost(results), *(name for name in results.groups if name not in inside)]
    found = dict.fromkeys(name for root in roots for name in _below(results, root))
    return tuple(name for name in found if name in results.groups or name in results.tasks)


def outermost(results: TaskResults) -> tuple[str, ...]:
    """What holds all others with each task, in the order of asking: a group, or the task itself."""
    children: Mapping[str, Sequence[str]] = results.document.get("group_subtasks", {})
    above = {child: group for group, of_group in children.items() for child in of_group}
    return tuple(dict.fromkeys(_highest(name, above) for name in results.tasks))


def _highest(name: str, above: Mapping[str, str]) -> str:
    while name in above:
        name = above[name]
    return name


def _below(results: TaskResults, name: str) -> Iterator[str]:
    """The name, and all that is below it."""
    yield name
    for child in results.document.get("group_subtasks", {}).get(name, ()):
        yield from _below(results, child)


def _same(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=_CLOSE, abs_tol=_CLOSE)
