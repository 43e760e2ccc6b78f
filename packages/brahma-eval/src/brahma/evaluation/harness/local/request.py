"""What a task asks of its data set."""

from __future__ import annotations

from dataclasses import dataclass

TRIVIAL = frozenset({"", "default", "main", "all", "plain_text", "train", "validation", "test"})
"""Names of configurations that tell nothing: the data set has one only."""


@dataclass(frozen=True, slots=True)
class Request:
    """A task's data, in the words of its configuration.

    Attributes:
        task: its name.
        data_set: on the hub, such as `cais/mmlu`.
        name: the configuration of the data set, such as `anatomy`; empty where there is none.
        evaluated: the split whose rows are scored.
        examples: the split that few-shot examples come from; None where none are asked for.
        splits: all that the task's configuration names, these two among them.
        shots: few-shot examples before each question.
        fields: columns that the task's templates read; empty where a function of its own does.
    """

    task: str
    data_set: str
    name: str
    evaluated: str
    examples: str | None
    splits: tuple[str, ...]
    shots: int = 0
    fields: tuple[str, ...] = ()

    @property
    def last_part(self) -> str:
        """`Rowan/hellaswag` -> `hellaswag`."""
        return self.data_set.rstrip("/").rpartition("/")[2]
