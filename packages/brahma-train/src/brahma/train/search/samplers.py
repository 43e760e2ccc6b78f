"""The samplers built in: those of optuna that need nothing but the trials before. Imports optuna on use.

Not among them: those that keep a state in their study (grid, CMA-ES, NSGA-II), as a search's next trial
follows from its trials alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from brahma.core.config import Section
from brahma.core.extras import needs

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_EXTRA, _PURPOSE = "brahma-train[search]", "a search of hyperparameters"
_Startup = Annotated[int, Field(ge=1)]


class TPEOptions(Section):
    """Options of the sampler tpe."""

    startup_trials: _Startup = 10
    """Trials that are drawn before it learns from them."""
    candidates: Annotated[int, Field(ge=1)] = 24
    """Points of which it takes the most promising one."""
    multivariate: bool = True
    """Looks at all parameters together."""


class GPOptions(Section):
    """Options of the sampler gp."""

    startup_trials: _Startup = 10
    """Trials that are drawn before it learns from them."""


def tpe(seed: int, options: TPEOptions) -> BaseSampler:
    """https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization"""
    with needs(_EXTRA, _PURPOSE):
        from optuna.samplers import TPESampler

    return TPESampler(
        n_startup_trials=options.startup_trials,
        n_ei_candidates=options.candidates,
        multivariate=options.multivariate,
        seed=_fitting(seed),
    )


def gp(seed: int, options: GPOptions) -> BaseSampler:
    """https://arxiv.org/abs/1206.2944"""
    with needs(_EXTRA, _PURPOSE):
        from optuna.samplers import GPSampler

    return GPSampler(
        n_startup_trials=options.startup_trials, warn_independent_sampling=False, seed=_fitting(seed)
    )


def random(seed: int, options: None) -> BaseSampler:
    with needs(_EXTRA, _PURPOSE):
        from optuna.samplers import RandomSampler

    return RandomSampler(seed=_fitting(seed))


def brute_force(seed: int, options: None) -> BaseSampler:
    with needs(_EXTRA, _PURPOSE):
        from optuna.samplers import BruteForceSampler

    with _experiment():
        return BruteForceSampler(seed=_fitting(seed))


def qmc(seed: int, options: None) -> BaseSampler:
    """https://arxiv.org/abs/1706.03200 compares such sequences with draws. Choices from a list are drawn."""
    with needs(_EXTRA, _PURPOSE):
        from optuna.samplers import QMCSampler

    class TrialsOwnPoint(QMCSampler):
        """The point of the sequence that has the trial's number: optuna counts in the study, which is new."""

        def sample_relative(
            self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            values: dict[str, Any] = {}
            for _ in range(trial.number + 1):
                values = super().sample_relative(study, trial, search_space)
            return values

    with _experiment():
        return TrialsOwnPoint(
            seed=_fitting(seed), warn_asynchronous_seeding=False, warn_independent_sampling=False
        )


@contextmanager
def _experiment() -> Iterator[None]:
    """Without the warning that a sampler is experimental, which it has been since optuna 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _fitting(seed: int) -> int:
    """numpy's old generators, which optuna uses, take 32 bits."""
    return seed % 2**32
