"""Results of named tasks made by hand: examples with their values, and figures that are their means."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brahma.evaluation.harness.results import Figure, Sample, TaskResult, TaskResults

Values = Sequence[float] | NDArray[np.float64]


def sample(number: int, text: str = "", arguments: Sequence[object] = (), **metrics: float) -> Sample:
    return Sample(
        doc_id=number,
        doc={"number": number},
        text=text,
        target=0,
        arguments=tuple(arguments),
        responses=(),
        metrics=metrics,
        doc_hash=hashlib.sha256(f"{number} {text}".encode()).hexdigest(),
    )


def task(
    name: str,
    values: Mapping[str, Values],
    *,
    texts: Sequence[str] | None = None,
    arguments: Sequence[Sequence[object]] | None = None,
    higher_is_better: bool | None = True,
    version: str = "1",
    num_fewshot: int = 0,
    figures: Mapping[str, float] | None = None,
) -> TaskResult:
    """A task whose figures are the means of `values`, besides what `figures` says."""
    count = len(next(iter(values.values())))
    samples = tuple(
        sample(
            number,
            texts[number] if texts else "",
            arguments[number] if arguments else (),
            **{figure: float(of_each[number]) for figure, of_each in values.items()},
        )
        for number in range(count)
    )
    made = {figure: float(np.nanmean(of_each)) for figure, of_each in values.items()}
    return TaskResult(
        name=name,
        version=version,
        num_fewshot=num_fewshot,
        examples=count,
        of_examples=count,
        figures={
            figure: Figure(value, 0.01, higher_is_better)
            for figure, value in {**made, **(figures or {})}.items()
        },
        samples=samples,
    )


def results(
    *tasks: TaskResult,
    groups: Mapping[str, Sequence[str]] | None = None,
    by_size: bool = True,
) -> TaskResults:
    """Tasks, and groups over them whose figures are their means."""
    named = {each.name: each for each in tasks}
    made = {}
    for name, members in (groups or {}).items():
        inside = [named[member] for member in members]
        sizes = np.array([each.examples if by_size else 1 for each in inside], np.float64)
        made[name] = TaskResult(
            name=name,
            version="1",
            num_fewshot=0,
            examples=sum(each.examples for each in inside),
            of_examples=sum(each.of_examples for each in inside),
            figures={
                figure: Figure(
                    float(np.average([each.figures[figure].value for each in inside], weights=sizes)),
                    None,
                    inside[0].figures[figure].higher_is_better,
                )
                for figure in inside[0].figures
            },
        )
    return TaskResults(named, made, {"group_subtasks": {name: list(m) for name, m in (groups or {}).items()}})
