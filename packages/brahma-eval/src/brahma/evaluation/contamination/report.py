"""What a model had seen of its examination: the counts, and the figures on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from brahma.core.layout import folded
from brahma.evaluation.harness.results import Figure
from brahma.evaluation.task_table import task_table

_LISTED = 5


@dataclass(frozen=True)
class Seen:
    """What a run had trained on.

    Attributes:
        run: its name.
        step: up to which it was looked at.
        rows: different rows, or parts of rows.
        tokens: different ones, each counted once whatever the epochs.
    """

    run: str
    step: int
    rows: int
    tokens: int


@dataclass(frozen=True)
class Found:
    """A contaminated example.

    Attributes:
        doc_id: its number in the task's split.
        place: `file:line` of a row that it has words in common with.
    """

    doc_id: int
    place: str


@dataclass(frozen=True)
class CleanTask:
    """A task or group without what was seen before.

    Attributes:
        clean, contaminated, unjudged: examples; the last are too short to be told.
        all_figures: on all examples.
        figures: on the clean ones; empty where there are none.
        left_out: figures that are no mean over examples, and so cannot be made of some of them.
        found: each contaminated example, of tasks.
        is_group: whether it holds other tasks, so that its examples are theirs.
    """

    name: str
    clean: int
    contaminated: int
    unjudged: int
    all_figures: Mapping[str, Figure]
    figures: Mapping[str, Figure]
    left_out: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    is_group: bool = False


@dataclass(frozen=True, repr=False)
class Contamination:
    """What was found.

    Attributes:
        ngram: words in a row that make an example contaminated.
        min_words: of the shortest wording that is looked for as a whole.
        seen: the runs that were looked through, the model's own first; empty where nothing is known.
        unknown: what the model was trained on besides, or why nothing can be told; sentences.
        tasks: tasks and groups by name, each group before what is in it.
    """

    ngram: int
    min_words: int
    seen: tuple[Seen, ...] = ()
    unknown: tuple[str, ...] = ()
    tasks: Mapping[str, CleanTask] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether anything can be told."""
        return bool(self.seen)

    def to_dict(self) -> dict[str, Any]:
        """All of it; JSON-able."""
        return {
            "ngram": self.ngram,
            "min_words": self.min_words,
            "seen": [asdict(each) for each in self.seen],
            "unknown": list(self.unknown),
            "tasks": {name: _as_dict(task) for name, task in self.tasks.items()},
        }

    def lines(self, columns: int | None = None) -> Iterator[str]:
        """As text; the figures of tasks that the model had seen examples of, `to_dict` has those of all.

        Args:
            columns: the width of the terminal; None where nothing has to fit.
        """
        for told in self._told():
            yield from [told] if columns is None else folded(told, columns)
        rows = [row for task in self._touched for row in _rows(task)]
        if rows:
            yield ""
            yield from _table(rows, columns)
        for told in self._notes():
            yield from [told] if columns is None else folded(told, columns)

    @property
    def _touched(self) -> list[CleanTask]:
        """Tasks and groups with examples that were seen; the figures of all others are as they were."""
        return [task for task in self.tasks.values() if task.contaminated]

    def _told(self) -> Iterator[str]:
        touched = self._touched
        words = f"{self.ngram} words in a row in common with"
        first = f"contamination: {words}" if touched else f"contamination: {self._nothing()}: no {words}"
        further = f"and, which it began from: {words}" if touched else "nor, in what it began from, with"
        for number, each in enumerate(self.seen):
            yield (
                f"{further if number else first} the {each.rows:,} rows ({each.tokens:,} tokens) "
                f"that run {each.run} had trained on by step {each.step:,}"
            )
        for unknown in self.unknown:
            yield f"contamination: {unknown}"

    def _nothing(self) -> str:
        """Of how many examples none was seen."""
        tasks = [task for task in self.tasks.values() if not task.is_group]
        short = sum(task.unjudged for task in tasks)
        besides = f" ({short:,} more too short to be judged)" if short else ""
        return f"nothing seen of {_counted(sum(task.clean for task in tasks), 'example')}{besides}"

    def _notes(self) -> Iterator[str]:
        touched = self._touched
        others = [task for task in self.tasks.values() if not task.contaminated and not task.is_group]
        if touched and others:
            examples = _counted(sum(map(_examples, others)), "example")
            yield f"nothing seen of {_counted(len(others), 'other task')}, {examples}"
        if any(task.unjudged for task in touched):
            yield f"short: no wording of {self.min_words} words, so neither clean nor seen"
        for task in touched:
            if task.found:
                listed = ", ".join(f"{each.doc_id} ({_from_here(each)})" for each in task.found[:_LISTED])
                more = f" and {len(task.found) - _LISTED:,} more" if len(task.found) > _LISTED else ""
                yield f"seen of {task.name}: {listed}{more}"
            if task.left_out:
                yield f"left out of {task.name}: {', '.join(task.left_out)}: no mean over examples"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        counts = [f"{task.name}: {task.contaminated} of {_examples(task)}" for task in self.tasks.values()]
        return f"Contamination({'; '.join(counts) or 'not known'})"


def _examples(task: CleanTask) -> int:
    return task.clean + task.contaminated + task.unjudged


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _from_here(found: Found) -> str:
    return found.place.removeprefix(f"{Path.cwd()}/")


def _as_dict(task: CleanTask) -> dict[str, Any]:
    return {
        "examples": {"clean": task.clean, "contaminated": task.contaminated, "unjudged": task.unjudged},
        "all": {name: asdict(figure) for name, figure in task.all_figures.items()},
        "clean": {name: asdict(figure) for name, figure in task.figures.items()},
        "left_out": list(task.left_out),
        "found": [asdict(each) for each in task.found],
    }


def _rows(task: CleanTask) -> Iterator[list[str]]:
    for name, figure in task.all_figures.items():
        if name not in task.left_out:
            counts = [f"{count:,}" for count in (task.clean, task.contaminated, task.unjudged)]
            yield [task.name, name, _figure(figure), _figure(task.figures.get(name)), *counts]


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return f"{figure.value:.4f}" + ("" if figure.stderr is None else f" ± {figure.stderr:.4f}")


def _table(rows: list[list[str]], columns: int | None) -> Iterator[str]:
    headers = ["task", "figure", "on all", "on clean", "clean", "seen", "short"]
    yield from task_table(headers, rows, columns, right=range(2, 7))
