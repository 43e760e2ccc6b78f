"""What happens in a search, told to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from brahma.train.search.parameters import Value


@dataclass(frozen=True)
class SearchBegun:
    """A process has begun or joined a search.

    Attributes:
        name: of the study.
        space: name of each parameter -> its range in words.
        rungs: shares of a trial's length at which trials are compared, in words.
        trials, max_tokens: how many there will be, and of how many tokens together.
        known: trials that are stored already.
        folder: of the study.
    """

    name: str
    folder: Path
    space: Mapping[str, str]
    metric: str
    higher_is_better: bool
    rungs: tuple[str, ...]
    trials: int
    max_tokens: int | None
    known: int


@dataclass(frozen=True)
class TrialStarted:
    """A new trial begins; it is trained up to the first rung, `steps` steps."""

    number: int
    params: Mapping[str, Value]
    run: str
    steps: int


@dataclass(frozen=True)
class TrialResumed:
    """A trial that was left in the middle is taken up."""

    number: int
    params: Mapping[str, Value]
    run: str
    step: int


@dataclass(frozen=True)
class Promoted:
    """A trial goes on to a rung, from one step to another."""

    number: int
    rung: int
    from_step: int
    to_step: int


@dataclass(frozen=True)
class RungReached:
    """A trial was compared at a rung; its end is not one (`TrialFinished`)."""

    number: int
    rung: int
    step: int
    tokens: int
    value: float


@dataclass(frozen=True)
class TrialFinished:
    """A trial was trained to its end."""

    number: int
    step: int
    tokens: int
    value: float


@dataclass(frozen=True)
class TrialFailed:
    """A trial was given up."""

    number: int
    params: Mapping[str, Value]
    reason: str


@dataclass(frozen=True)
class Waiting:
    """Other processes train all that can be trained now."""


@dataclass(frozen=True)
class BudgetSpent:
    """What is left of the tokens is too little for anything that could be done."""

    spent: int
    max_tokens: int


@dataclass(frozen=True)
class Exhausted:
    """All values that the space has were tried."""

    trials: int


Event = (
    SearchBegun
    | TrialStarted
    | TrialResumed
    | Promoted
    | RungReached
    | TrialFinished
    | TrialFailed
    | Waiting
    | BudgetSpent
    | Exhausted
)
Observer = Callable[[Event], None]
