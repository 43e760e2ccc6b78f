"""The figures of tasks and groups on the examples that a model had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brahma.evaluation.aggregation import example_values, group_mean, mean_figure, members, outline
from brahma.evaluation.contamination.report import CleanTask, Found
from brahma.evaluation.harness.results import Figure, TaskResult, TaskResults

Places = Mapping[str, Sequence[str | None]]
"""Of each task's samples: where it was trained on; empty where it was not; None where that cannot be told."""


def clean_results(results: TaskResults, places: Places) -> dict[str, CleanTask]:
    """Tasks and groups, by name; each group before what is in it."""
    tasks = {name: _clean_task(results.tasks[name], of_task) for name, of_task in places.items()}
    groups = {name: _clean_group(results, name, tasks) for name in results.groups}
    found = {**tasks, **{name: group for name, group in groups.items() if group is not None}}
    return {name: found[name] for name in outline(results) if name in found}


def _clean_task(task: TaskResult, places: Sequence[str | None]) -> CleanTask:
    is_clean = np.array([place == "" for place in places], np.bool_)
    figures, left_out = {}, []
    for name, figure in task.figures.items():
        values = example_values(task, name)
        if values is None:
            left_out.append(name)
        elif len(clean := _there(values[is_clean])):
            figures[name] = mean_figure(clean, figure.higher_is_better)
    return CleanTask(
        name=task.name,
        clean=int(is_clean.sum()),
        contaminated=sum(bool(place) for place in places),
        unjudged=sum(place is None for place in places),
        all_figures=dict(task.figures),
        figures=figures,
        left_out=tuple(left_out),
        found=tuple(
            Found(sample.doc_id, place) for sample, place in zip(task.samples, places, strict=True) if place
        ),
    )


def _there(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]


def _clean_group(results: TaskResults, name: str, tasks: Mapping[str, CleanTask]) -> CleanTask | None:
    """None where a task of the group was not judged."""
    inside = members(results, name)
    if not inside or not all(task in tasks for task in inside):
        return None
    of_group = results.groups[name]
    figures, left_out = {}, []
    for figure in of_group.figures:
        mean = group_mean(results, name, figure)
        if mean is None or any(figure in tasks[task].left_out for task in mean.tasks):
            left_out.append(figure)
            continue
        weights = mean.weights({task: tasks[task].clean for task in mean.tasks})
        made = _weighted(weights, tasks, figure, of_group.figures[figure].higher_is_better)
        if made is not None:
            figures[figure] = made
    return CleanTask(
        name=name,
        clean=sum(tasks[task].clean for task in inside),
        contaminated=sum(tasks[task].contaminated for task in inside),
        unjudged=sum(tasks[task].unjudged for task in inside),
        all_figures=dict(of_group.figures),
        figures=figures,
        left_out=tuple(left_out),
        is_group=True,
    )


def _weighted(
    weights: Mapping[str, float], tasks: Mapping[str, CleanTask], figure: str, higher_is_better: bool | None
) -> Figure | None:
    """The mean over the tasks with clean examples; None where there is none."""
    if not weights or any(figure not in tasks[task].figures for task in weights):
        return None
    parts = [(weight, tasks[task].figures[figure]) for task, weight in weights.items()]
    errors = [each.stderr for _, each in parts]
    known = [error for error in errors if error is not None]
    stderr = None
    if len(known) == len(parts):
        stderr = sum((weight * error) ** 2 for (weight, _), error in zip(parts, known, strict=True)) ** 0.5
    return Figure(sum(weight * each.value for weight, each in parts), stderr, higher_is_better)
