"""From what lm-eval gives to our types, and to a document in its own layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from brahma.evaluation.harness.plain import plain
from brahma.evaluation.harness.results import Figure, Sample, TaskResult, leaves

_NO_FIGURES = ("name", "alias", "sample_len", "sample_count", "samples")
_WITHOUT_NAME = "none"
"""What lm-eval calls the filter that changes nothing."""


def task_results(
    document: Mapping[str, Any], tasks: Mapping[str, Any], *, with_samples: bool
) -> dict[str, TaskResult]:
    """Each task that was run, by name.

    Args:
        document: from `lm_eval.evaluator.evaluate`.
        tasks: lm-eval's objects by name.
    """
    found = {}
    for name, task in tasks.items():
        counts = document["n-samples"][name]
        rows = document.get("samples", {}).get(name, ()) if with_samples else ()
        found[name] = TaskResult(
            name=name,
            version=str(document["versions"].get(name)),
            num_fewshot=int(document["n-shot"].get(name) or 0),
            examples=int(counts["effective"]),
            of_examples=int(counts["original"]),
            figures=_figures(document, name),
            samples=tuple(_samples(rows, task)),
        )
    return found


def group_results(document: Mapping[str, Any], tasks: Mapping[str, TaskResult]) -> dict[str, TaskResult]:
    """The groups that have figures of their own, by name."""
    return {name: _group(document, name, tasks) for name in document.get("groups", {})}


def figure_name(metric: str, filter_name: str) -> str:
    """`acc`; with a filter of its own `exact_match,strict-match`."""
    return metric if filter_name == _WITHOUT_NAME else f"{metric},{filter_name}"


def _group(document: Mapping[str, Any], name: str, tasks: Mapping[str, TaskResult]) -> TaskResult:
    members = [tasks[each] for each in leaves(document["group_subtasks"], name) if each in tasks]
    fewshot = {each.num_fewshot for each in members}
    return TaskResult(
        name=name,
        version=str(document["versions"].get(name)),
        num_fewshot=fewshot.pop() if len(fewshot) == 1 else None,
        examples=sum(each.examples for each in members),
        of_examples=sum(each.of_examples for each in members),
        figures={key: _directed(key, each, members) for key, each in _figures(document, name).items()},
    )


def _directed(name: str, figure: Figure, members: Sequence[TaskResult]) -> Figure:
    """Better where its tasks' figures are, if these agree: lm-eval forgets groups of groups."""
    ways = {each.figures[name].higher_is_better for each in members if name in each.figures}
    return replace(figure, higher_is_better=ways.pop() if len(ways) == 1 else None)


def _figures(document: Mapping[str, Any], name: str) -> dict[str, Figure]:
    """lm-eval writes `acc,none` and `acc_stderr,none`, and "N/A" for an error that there is not."""
    values = {key: plain(value) for key, value in document["results"][name].items()}
    better = document["higher_is_better"].get(name) or {}
    figures = {}
    for key, value in values.items():
        metric, comma, filter_name = key.partition(",")
        if not comma or key in _NO_FIGURES or metric.endswith("_stderr") or not _is_number(value):
            continue
        error = values.get(f"{metric}_stderr,{filter_name}")
        figures[figure_name(metric, filter_name)] = Figure(
            value=float(value),
            stderr=float(error) if isinstance(error, int | float) else None,
            higher_is_better=better.get(metric),
        )
    return figures


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _samples(rows: Sequence[Mapping[str, Any]], task: Any) -> Iterator[Sample]:
    """Of each example one, with the figures of all filters."""
    by_id: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_id.setdefault(int(row["doc_id"]), []).append(row)
    for doc_id, each in by_id.items():
        first = each[0]
        yield Sample(
            doc_id=doc_id,
            doc=plain(first["doc"]) if isinstance(first["doc"], Mapping) else {"text": str(first["doc"])},
            text=_text(task, first["doc"]),
            target=plain(first["target"]),
            arguments=tuple(plain(first["arguments"])),
            responses=tuple(plain(first["resps"])),
            metrics={
                figure_name(metric, row["filter"]): value
                for row in each
                for metric in row["metrics"]
                if _is_number(value := _one_number(row[metric]))
            },
            doc_hash=str(first["doc_hash"]),
        )


def _one_number(value: Any) -> Any:
    """Metrics of an example that are no number, such as a pair, are for the task's figure alone."""
    value = plain(value)
    return float(value) if isinstance(value, bool) else value


def _text(task: Any, doc: Any) -> str:
    """An example's question and answers, without what the task writes before every question."""
    parts: list[Any] = []
    with suppress(Exception):  # a task's own code, which need not have all of these
        parts.append(_question(task, doc))
    with suppress(Exception):
        parts += task.doc_to_choice(doc)
    with suppress(Exception):
        target = task.doc_to_target(doc)
        parts += target if isinstance(target, list) else [target]
    texts = [part.strip() for part in parts if isinstance(part, str)]
    return "\n".join(dict.fromkeys(filter(None, texts)))


def _question(task: Any, doc: Any) -> Any:
    with suppress(Exception):
        if task.should_decontaminate() and (query := task.doc_to_decontamination_query(doc)):
            return query
    return task.doc_to_text(doc)
