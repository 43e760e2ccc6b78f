"""What named tasks gave: figures with their errors, and each example. Imports no lm_eval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number of a task.

    Attributes:
        value: the mean over the examples, or what else the task makes of them.
        stderr: its standard error; None where there is none.
        higher_is_better: None where the task does not say.
    """

    value: float
    stderr: float | None = None
    higher_is_better: bool | None = None


@dataclass(frozen=True)
class Sample:
    """One example of a task, as the model met it.

    Attributes:
        doc_id: its number in the task's split.
        doc: its fields as the task's data has them.
        text: its question and answers as text: what a training set must not hold.
        target: the right answer, as the task has it.
        arguments: of each request, such as context and continuation.
        responses: what the model gave for each.
        metrics: its own figures, by the names that `TaskResult.figures` has.
        doc_hash: of `doc`; the same example has the same one in another evaluation.
    """

    doc_id: int
    doc: Mapping[str, Any]
    text: str
    target: Any
    arguments: tuple[Any, ...]
    responses: tuple[Any, ...]
    metrics: Mapping[str, float]
    doc_hash: str


@dataclass(frozen=True)
class TaskResult:
    """One task, or a group's means.

    Attributes:
        version: of the task; figures of two versions must not be compared.
        num_fewshot: solved examples before each question; None for a group whose tasks differ in it.
        examples: how many were scored; of_examples: how many the task has. 0 where a plugin does not say.
        figures: `acc`, `acc_norm`, …; with a filter of its own `exact_match,strict-match`.
        samples: empty for groups, and where they were not asked for.
    """

    name: str
    version: str
    num_fewshot: int | None
    examples: int
    of_examples: int
    figures: Mapping[str, Figure]
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Effort:
    """What an evaluation took.

    Attributes:
        requests: what the tasks asked of the model, each different one once.
        remembered: of these, how many an earlier evaluation had answered.
        truncated: of these, longer than the model's context: cut from the left, as lm-eval does.
        max_length: that context, in tokens; 0 where nothing was cut.
        seconds: wall time, loading included.
    """

    requests: int = 0
    remembered: int = 0
    truncated: int = 0
    max_length: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)  # equal to any mapping with the same figures
class TaskResults(Mapping[str, Mapping[str, float]]):
    """Tasks and groups by name; a read-only mapping from name to figures.

        results["hellaswag"]["acc_norm"]

    Attributes:
        tasks: each task that was run, those of groups among them.
        groups: means over tasks, by the group's name.
        document: all of it in lm-eval's own layout, for `to_dict`.
        effort: requests and time.
        notes: what the user should know, a sentence each.
    """

    tasks: Mapping[str, TaskResult]
    groups: Mapping[str, TaskResult] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    effort: Effort = field(default_factory=Effort)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As lm-eval writes its results: `results`, `groups`, `configs`, `versions`, `n-shot`, …"""
        return dict(self.document)

    def __getitem__(self, name: str) -> Mapping[str, float]:
        found = self.groups.get(name) or self.tasks[name]
        return {key: figure.value for key, figure in found.figures.items()}

    def __iter__(self) -> Iterator[str]:
        yield from self.groups
        yield from (name for name in self.tasks if name not in self.groups)

    def __len__(self) -> int:
        return len({*self.groups, *self.tasks})


def leaves(subtasks: Mapping[str, Sequence[str]], name: str) -> Iterator[str]:
    """The tasks below a group, through groups in groups; of a task, itself."""
    if name not in subtasks:
        yield name
    for child in subtasks.get(name, ()):
        yield from leaves(subtasks, child)
