"""Asynchronous successive halving (https://arxiv.org/abs/1810.05934): which trial goes on, and how far.

A rung is a share of a trial's whole length, so that trials of all batch sizes have seen as many tokens there:
with a reduction factor of 3, a ninth, a third, all of it, each rounded up to whole steps. The best third of a
rung goes on to the next. A trial is one run of the whole length that is paused at each rung: one that goes on
continues, and has at any step the weights of a run that was never paused.

What is done next is a function of the stored trials alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brahma.train.search.records import TrialRecord, by_value


def rung_divisors(total_steps: int, reduction_factor: int | None, min_steps: int | None) -> tuple[int, ...]:
    """What the whole length is divided by at each rung, the last is 1.

    Args:
        total_steps: of the base configuration.
        min_steps: of it, before the first rung; None: a share of 1 / `reduction_factor`².
    """
    if reduction_factor is None:
        return (1,)
    found = [1]
    while True:
        divisor = found[0] * reduction_factor
        few = divisor > reduction_factor**2 if min_steps is None else total_steps < min_steps * divisor
        if few or total_steps < divisor:
            return tuple(found)
        found.insert(0, divisor)


def rung_steps(total_steps: int, divisors: Sequence[int]) -> tuple[int, ...] | None:
    """Steps at each rung of a trial of so many steps; None where two rungs would fall together."""
    steps = tuple(-(-total_steps // divisor) for divisor in divisors)
    return steps if len(set(steps)) == len(steps) else None


@dataclass(frozen=True)
class Resume:
    """Take over a trial that nobody trains any more."""

    number: int


@dataclass(frozen=True)
class Promote:
    """Train a paused trial to its next rung."""

    number: int
    rung: int


@dataclass(frozen=True)
class Start:
    """Begin a new trial."""


@dataclass(frozen=True)
class Wait:
    """Nothing can be done until another process is done with its trial."""


@dataclass(frozen=True)
class Done:
    """Nothing is left to do.

    Attributes:
        budget: whether it is the tokens that are spent.
    """

    budget: bool = False


Action = Resume | Promote | Start | Wait | Done


@dataclass(frozen=True)
class Rules:
    """What decides of a search.

    Attributes:
        trials: to begin.
        reduction_factor: one in so many goes on; None: there is one rung.
        max_tokens: that all trials together may take; None: any number.
        first_cost: tokens of a new trial's first rung; a sampled one may differ by a step.
        exhausted: no untried values are left, or no new trial can be paid.
    """

    trials: int
    reduction_factor: int | None
    higher_is_better: bool
    max_tokens: int | None = None
    first_cost: int = 0
    exhausted: bool = False

    def left(self, trials: Sequence[TrialRecord]) -> float:
        """Tokens that nothing has taken or was promised."""
        if self.max_tokens is None:
            return float("inf")
        return self.max_tokens - sum(trial.promised for trial in trials)


def next_action(trials: Sequence[TrialRecord], rules: Rules) -> Action:
    """What a process does now, given all trials in the order of their numbers."""
    left = rules.left(trials)
    orphan = next((trial for trial in trials if trial.status == "waiting"), None)
    if orphan is not None:
        return Resume(orphan.number)
    starting = len(trials) < rules.trials and not rules.exhausted
    affordable = starting and rules.first_cost <= left
    running = any(trial.status == "running" for trial in trials)
    closed = not affordable and not running
    wanted = promotable(trials, rules, closed=closed)
    if paid := next((each for each in wanted if trials[each.number].cost_to(each.rung) <= left), None):
        return paid
    if affordable:
        return Start()
    return Wait() if running else Done(budget=bool(wanted) or starting)


def promotable(trials: Sequence[TrialRecord], rules: Rules, *, closed: bool) -> list[Promote]:
    """The trials that may go on, the furthest first.

    Args:
        closed: no trial can come to any rung any more but by these: the best of a rung goes on, however few
            there are, and whoever went on before it came.
    """
    if rules.reduction_factor is None:
        return []
    rungs = max((len(trial.steps) for trial in trials), default=0)
    found: list[Promote] = []
    for rung in reversed(range(rungs - 1)):
        reached = [trial for trial in trials if len(trial.values) > rung and not trial.reason]
        best = sorted(
            reached, key=lambda each: by_value(each.values[rung], each.number, rules.higher_is_better)
        )
        count = max(len(reached) // rules.reduction_factor, int(closed))
        found += [
            Promote(trial.number, rung + 1)
            for trial in best[:count]
            if trial.status == "paused" and trial.rung == rung
        ]
    return found
