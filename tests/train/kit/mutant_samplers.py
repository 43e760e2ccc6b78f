"""A sampler that does all it should, and others that each do one thing wrong."""

from __future__ import annotations

import itertools
import random
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


class Draws(RandomSampler):
    """Puts other values into what it draws.

    Args:
        changes: by the parameter's name.
    """

    def __init__(self, seed: int, **changes: Any) -> None:
        super().__init__(seed=seed)
        self.changes = changes

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        drawn = super().sample_independent(study, trial, param_name, param_distribution)
        changed = self.changes.get(param_name, drawn)
        return changed(drawn) if callable(changed) else changed


def right(seed: int, options: None) -> BaseSampler:
    return Draws(seed)


def too_high(seed: int, options: None) -> BaseSampler:
    return Draws(seed, lr=0.02)


def of_another_type(seed: int, options: None) -> BaseSampler:
    return Draws(seed, r=float)


def by_global_chance(seed: int, options: None) -> BaseSampler:
    return Draws(seed, lr=lambda drawn: random.uniform(1e-4, 1e-3))


calls = itertools.count()


def that_counts(seed: int, options: None) -> BaseSampler:
    return Draws(next(calls))


def that_stays(seed: int, options: None) -> BaseSampler:
    return Draws(7)


class NeedsABest(Draws):
    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if len(study.trials) > 1:
            _ = study.best_trial


def that_needs_a_best_trial(seed: int, options: None) -> BaseSampler:
    return NeedsABest(seed)


class Notes(Draws):
    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        for each in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
            each.user_attrs["seen"] = True


def that_notes(seed: int, options: None) -> BaseSampler:
    return Notes(seed)


class Adds(Draws):
    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        study.enqueue_trial({"lr": 0.001})


def that_adds(seed: int, options: None) -> BaseSampler:
    return Adds(seed)
