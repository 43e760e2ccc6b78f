"""What is known of each trial: a pure view of what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from brahma.train.search.parameters import Value

Status = Literal["running", "waiting", "paused", "finished", "failed"]
"""Of a trial: being trained; left in the middle; at a rung; at its end; given up."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A trial.

    Attributes:
        number: from 0, in the order in which trials began.
        params: name -> value.
        run: name of its run in `<output_dir>/runs`.
        steps: of its run at each rung, the last is its end.
        tokens: it has been trained on at each rung.
        values: of the metric at the rungs that it has reached.
        target: the rung that it is being trained to, or was when it was left; None at a rung.
        alive: a living process trains it.
        stops: the steps from which processes went on that were killed on the way to the target.
        reason: why it was given up; empty where it was not.
        lost: tokens of a trial that was given up, past the last rung that it reached.
        spent_by_all: tokens of all trials together when it reached each of its rungs.
    """

    number: int
    params: Mapping[str, Value]
    run: str
    steps: tuple[int, ...]
    tokens: tuple[int, ...]
    values: tuple[float, ...] = ()
    target: int | None = None
    alive: bool = False
    stops: tuple[int, ...] = ()
    reason: str = ""
    lost: int = 0
    spent_by_all: tuple[int, ...] = ()

    @property
    def status(self) -> Status:
        if self.reason:
            return "failed"
        if self.target is not None:
            return "running" if self.alive else "waiting"
        return "finished" if len(self.values) == len(self.steps) else "paused"

    @property
    def rung(self) -> int:
        """The highest rung that it has reached, -1 before the first."""
        return len(self.values) - 1

    @property
    def value(self) -> float | None:
        """At the highest rung reached; None before the first."""
        return self.values[-1] if self.values else None

    @property
    def spent(self) -> int:
        """Tokens trained on up to the last rung, or to where it was given up."""
        return (self.tokens[self.rung] if self.values else 0) + self.lost

    @property
    def promised(self) -> int:
        """Tokens that it will have been trained on when it reaches what it is trained to."""
        if self.reason or self.target is None:
            return self.spent
        return self.tokens[self.target]

    @property
    def anew(self) -> int:
        """Tokens that it would have taken if each rung were trained from the first step on."""
        return sum(self.tokens[: len(self.values)]) + self.lost

    def cost_to(self, rung: int) -> int:
        """Tokens from where it is to a rung."""
        return self.tokens[rung] - self.spent


def best_trial(trials: Sequence[TrialRecord], *, higher_is_better: bool) -> TrialRecord | None:
    """The best of those that got furthest; the first of equals. None where none reached a rung."""
    reached = [trial for trial in trials if trial.values and not trial.reason]
    furthest = max((trial.rung for trial in reached), default=-1)
    return min(
        (trial for trial in reached if trial.rung == furthest),
        key=lambda trial: by_value(trial.values[furthest], trial.number, higher_is_better),
        default=None,
    )


def by_value(value: float, number: int, higher_is_better: bool) -> tuple[float, int]:
    """Sorts the better value first, and of equals the older trial."""
    return (-value if higher_is_better else value), number
