"""Which trial led at which time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from brahma.train.search.records import TrialRecord, best_trial

Comparison = tuple[int, int, int]
"""Tokens that all trials had taken, the number of the trial, the rung that it reached."""


def comparisons(trials: Sequence[TrialRecord]) -> list[Comparison]:
    """All comparisons in the order in which they came."""
    return sorted(
        (spent, trial.number, rung)
        for trial in trials
        for rung, spent in enumerate(trial.spent_by_all[: len(trial.values)])
    )


def leaders(trials: Sequence[TrialRecord], *, higher_is_better: bool) -> list[tuple[int, float]]:
    """After each comparison, the tokens that all trials had taken and the value of who led then: the best of
    those that had got furthest.
    """
    seen: dict[int, TrialRecord] = {}
    found = []
    for spent, number, rung in comparisons(trials):
        seen[number] = replace(trials[number], values=trials[number].values[: rung + 1], reason="")
        leader = best_trial(list(seen.values()), higher_is_better=higher_is_better)
        if leader is not None and leader.value is not None:
            found.append((spent, leader.value))
    return found
