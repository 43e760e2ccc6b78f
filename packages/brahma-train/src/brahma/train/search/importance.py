"""Which parameters matter: PED-ANOVA (https://arxiv.org/abs/2304.10255) over what the trials came to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brahma.core.extras import needs
from brahma.train.search.history import distribution
from brahma.train.search.records import TrialRecord
from brahma.train.search.storage import Definition

FEWEST = 10
"""Trials at one rung, below which nothing is said of what matters."""

_BEST = 1 / 3  # of the trials: what they have in common, and the others have not, matters


@dataclass(frozen=True)
class Importance:
    """How much of the difference between good trials and all each parameter makes.

    Attributes:
        shares: name -> share, together 1, the greatest first; empty where it cannot be told.
        rung: at which the trials are compared.
        trials: how many.
        why: it cannot be told; empty where it can.
    """

    shares: Mapping[str, float]
    rung: int
    trials: int
    why: str = ""


def furthest_rung(trials: Sequence[TrialRecord], fewest: int) -> int:
    """The furthest rung that so many trials have reached; the first one where none has so many."""
    rungs = max((len(trial.values) for trial in trials), default=1)
    counts = [len(at_rung(trials, rung)) for rung in range(rungs)]
    return max((rung for rung, count in enumerate(counts) if count >= fewest), default=0)


def at_rung(trials: Sequence[TrialRecord], rung: int) -> list[TrialRecord]:
    """The trials that have reached a rung."""
    return [trial for trial in trials if len(trial.values) > rung]


def importance(trials: Sequence[TrialRecord], definition: Definition) -> Importance:
    """What matters, told from the trials at the furthest rung that enough of them have reached.

    Raises:
        MissingDependencyError: optuna is not installed.
    """
    rung = furthest_rung(trials, FEWEST)
    reached = at_rung(trials, rung)
    if len(reached) < FEWEST:
        why = f"{len(reached)} trials are too few to tell which parameters matter: it takes {FEWEST}"
        return Importance({}, rung, len(reached), why)
    if len({trial.values[rung] for trial in reached}) == 1:
        return Importance({}, rung, len(reached), "all trials came to the same value")
    with needs("brahma-train[search]", "the importance of parameters"):
        import optuna
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
        from optuna.trial import create_trial

    spans = {name: distribution(span) for name, span in definition.space.items()}
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="maximize" if definition.higher_is_better else "minimize")
        study.add_trials(
            [
                create_trial(value=trial.values[rung], params=dict(trial.params), distributions=spans)
                for trial in reached
            ]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as that it is an experiment
            evaluator = PedAnovaImportanceEvaluator(target_quantile=_BEST)
            shares = get_param_importances(study, evaluator=evaluator)
    finally:
        optuna.logging.set_verbosity(before)
    if not sum(shares.values()):
        return Importance({}, rung, len(reached), "the best trials lie where all of them lie")
    return Importance(shares, rung, len(reached))
