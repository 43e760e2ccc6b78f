"""A comparison of models: its rows, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from brahma.core.layout import folded
from brahma.evaluation.task_table import task_table


@dataclass(frozen=True)
class Difference:
    """One figure of a task or group, of two models.

    Attributes:
        first, second: the models.
        difference: second − first, over the examples that both have.
        examples: that are compared.
        interval: confidence interval of the difference; None where examples have no values of their own, as
            all that follows.
        stderr: of the difference.
        p_value: of a difference as large, if the models were equal.
        adjusted_p_value: that, among all rows (Holm).
        verdict: `B is better`, `noise`; `B is higher` where the task does not say what is better; empty where
            nothing can be said.
        examples_needed: to tell a true difference of this size in 4 of 5 evaluations.
    """

    task: str
    figure: str
    first: str
    second: str
    first_value: float
    second_value: float
    difference: float
    examples: int
    higher_is_better: bool | None = None
    interval: tuple[float, float] | None = None
    stderr: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    verdict: str = ""
    examples_needed: int | None = None

    @property
    def is_noise(self) -> bool:
        return self.verdict == "noise"


@dataclass(frozen=True, repr=False)
class Comparison:
    """Models held against each other, each against the first.

    Attributes:
        models: their names.
        rows: groups, the tasks in them, other tasks; model after model.
        confidence: of the intervals.
        resamples, seed: of the draws.
    """

    models: tuple[str, ...]
    rows: tuple[Difference, ...]
    confidence: float
    resamples: int
    seed: int

    def row(self, task: str, figure: str, second: str | None = None) -> Difference:
        """The row of a figure; of the second model if no other is named.

        Raises:
            KeyError: there is none.
        """
        wanted = (task, figure, second or self.models[1])
        for row in self.rows:
            if (row.task, row.figure, row.second) == wanted:
                return row
        raise KeyError(wanted)

    def to_dict(self) -> dict[str, Any]:
        """All of it; JSON-able."""
        return {
            "models": list(self.models),
            "confidence": self.confidence,
            "resamples": self.resamples,
            "seed": self.seed,
            "rows": [
                {**asdict(row), "interval": list(row.interval) if row.interval else None} for row in self.rows
            ],
        }

    def lines(self, columns: int | None = None) -> Iterator[str]:
        """As text.

        Args:
            columns: the width of the terminal; None where nothing has to fit.
        """
        for second in self.models[1:]:
            rows = [row for row in self.rows if row.second == second]
            yield from _table(rows, (self.models[0], second), self.confidence, columns)
            yield ""
        for note in self._notes():
            yield from [note] if columns is None else folded(note, columns)

    def _notes(self) -> Iterator[str]:
        judged = [row for row in self.rows if row.verdict]
        if len(judged) > 1:
            error = f"{1 - self.confidence:.2g}"
            yield f"verdicts: p < {error}, corrected for many rows (Holm); tasks inside groups apart"
        if any(row.is_noise for row in judged):
            yield (
                "noise: chance alone makes such a difference too often; needs: examples that would show it "
                "in 4 of 5 evaluations, if it is real"
            )
        if len(judged) < len(self.rows):
            yield "–: no values for each example, so nothing can be said of chance"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        told = [f"{row.task}/{row.figure}: {row.verdict}" for row in self.rows if row.verdict]
        return f"Comparison({', '.join(self.models)}; {'; '.join(told) or 'no verdicts'})"


def _table(
    rows: list[Difference], models: tuple[str, str], confidence: float, columns: int | None
) -> Iterator[str]:
    interval = f"{confidence:.0%} interval"
    headers = ["task", "figure", *models, f"{models[1]} − {models[0]}", interval, "verdict"]
    yield from task_table(headers, [*map(_cells, rows)], columns, right=range(2, 6))


def _cells(row: Difference) -> list[str]:
    interval = "–" if row.interval is None else " … ".join(map(_signed, row.interval))
    values = [f"{value:.4f}" for value in (row.first_value, row.second_value)]
    return [row.task, row.figure, *values, _signed(row.difference), interval, _said(row)]


def _signed(value: float) -> str:
    return f"{round(value, 4) + 0.0:+.4f}"  # + 0.0: no -0.0000


def _said(row: Difference) -> str:
    if row.is_noise and (row.examples_needed or 0) > row.examples:
        return f"noise; needs {row.examples_needed:,}"
    return row.verdict or "–"
