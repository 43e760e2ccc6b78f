"""What a sampler does: it is made anew for each trial, as in a search, and asked once."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from brahma.core.entries import SamplerEntry
from brahma.core.extras import needs
from brahma.core.kit import Check, Subject, expect

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_TRIALS = 24
"""Half of them are whole: more than samplers commonly draw before they learn."""


def gives_values_in_the_space(subject: Subject) -> None:
    """Each parameter has a value of its range and type, from the first trial to the last."""

    def look(number: int, asked: Mapping[str, Any]) -> None:
        for name, distribution in _space(subject).items():
            problem = _problem(asked.get(name), distribution)
            expect(not problem, f"trial {number}: {name} is {asked.get(name)!r}, {problem}")

    _searched(subject, _TRIALS, look)


def gives_the_same_again(subject: Subject) -> None:
    """The same seed and trials give the same values, whatever happened in between."""
    import numpy as np

    trials = _searched(subject, _TRIALS)
    for number in (0, 3, _TRIALS):
        first = _asked(subject, number, trials[:number])
        states = random.getstate(), np.random.get_state()
        random.seed(number)
        np.random.seed(number)
        _asked(subject, number + 1, trials[:1])
        again = _asked(subject, number, trials[:number])
        random.setstate(states[0])
        np.random.set_state(states[1])
        expect(first == again, f"after {number} trials it gives {first}, and asked again {again}")


def does_not_stay(subject: Subject) -> None:
    """Not one point again and again."""
    points = [trial.params for trial in _searched(subject, 6)]
    expect(any(point != points[0] for point in points), f"six trials in a row are {points[0]}")


def takes_trials_of_every_state(subject: Subject) -> None:
    """Also where all have failed, are paused, or are being trained: there is no best one then."""
    from optuna.trial import TrialState

    points = [trial.params for trial in _searched(subject, 3)]
    for word, state, seen in (
        ("failed", TrialState.PRUNED, {}),
        ("paused", TrialState.PRUNED, {4: 3.5, 8: 3.25}),
        ("running", TrialState.RUNNING, {}),
    ):
        trials = [_trial(subject, point, state, seen) for point in points]
        try:
            found = _asked(subject, 5, trials)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            expect(False, f"where all trials are {word} it raises {text}")
        missing = sorted(_space(subject).keys() - found.keys())
        expect(not missing, f"where all trials are {word} it gives no {', '.join(missing)}")


def leaves_trials_alone(subject: Subject) -> None:
    """What the trials before were, and gave, stays."""
    trials = _searched(subject, _TRIALS)
    study = _study(subject, 7, trials)
    before = [_plain(trial) for trial in study.get_trials(deepcopy=True)]
    with _unlogged():
        study.ask(_space(subject))
    after = [_plain(trial) for trial in study.get_trials(deepcopy=True)]
    changed = [number for number, was in enumerate(before) if was != after[number]]
    expect(not changed, f"it changes trial {changed[0] if changed else ''}")
    expect(len(after) == len(before) + 1, f"it adds {len(after) - len(before) - 1} trials of its own")


def _searched(
    subject: Subject, count: int, look: Callable[[int, Mapping[str, Any]], None] = lambda number, asked: None
) -> list[FrozenTrial]:
    """Trials as a search has them, one by one; of each four, two are whole, one paused, one failed.

    Args:
        look: is given each trial's number and what the sampler chose.
    """
    from optuna.trial import TrialState

    trials: list[FrozenTrial] = []
    for number in range(count):
        asked = _asked(subject, number, trials)
        look(number, asked)
        params = {name: _mended(asked.get(name), each) for name, each in _space(subject).items()}
        value = _value(params)
        match number % 4:
            case 2:
                trials.append(_trial(subject, params, TrialState.PRUNED, {8: value}))
            case 3:
                trials.append(_trial(subject, params, TrialState.PRUNED, {}))
            case _:
                trials.append(_trial(subject, params, TrialState.COMPLETE, {8: value, 16: value}))
    return trials


def _asked(subject: Subject, seed: int, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    with _unlogged():
        return dict(_study(subject, seed, trials).ask(_space(subject)).params)


def _study(subject: Subject, seed: int, trials: Sequence[FrozenTrial]) -> Any:
    with needs("brahma-train[search]", "a sampler"):
        import optuna

    with _unlogged():
        study = optuna.create_study(sampler=subject.load()(seed, subject.options))
        study.add_trials(copy.deepcopy(list(trials)))
    return study


@contextmanager
def _unlogged() -> Iterator[None]:
    """optuna tells of each study, and of packages that would make it faster."""
    with needs("brahma-train[search]", "a sampler"):
        from optuna import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _space(subject: Subject) -> dict[str, BaseDistribution]:
    with needs("brahma-train[search]", "a sampler"):
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    space: dict[str, BaseDistribution] = {
        "batch_size": CategoricalDistribution([4, 8, 16]),
        "dropout": FloatDistribution(0.0, 0.5, step=0.25),
        "warmup_steps": IntDistribution(0, 200, step=50),
    }
    if not cast(SamplerEntry, subject.entry).finite:
        space |= {"lr": FloatDistribution(1e-5, 1e-2, log=True), "r": IntDistribution(4, 64, log=True)}
    return space


def _value(params: Mapping[str, Any]) -> float:
    """A loss that some points make smaller."""
    far = 100 * abs(float(params.get("lr", 0.001)) - 0.001)
    return 3.0 + far + float(params["dropout"]) + int(params["batch_size"]) / 100


def _trial(subject: Subject, params: Mapping[str, Any], state: Any, seen: Mapping[int, float]) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    return create_trial(
        params=dict(params),
        distributions=_space(subject),
        state=state,
        value=list(seen.values())[-1] if state == TrialState.COMPLETE else None,
        intermediate_values=dict(seen),
    )


def _mended(value: Any, distribution: Any) -> Any:
    """The value, or one that can stand in a study instead: a wrong one is told by one check alone."""
    if not _problem(value, distribution):
        return value
    choices = getattr(distribution, "choices", None)
    return choices[0] if choices is not None else distribution.low


def _problem(value: Any, distribution: Any) -> str:
    """What is wrong with a value of a parameter; empty when it is one."""
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return "" if value in choices else f"none of {choices}"
    if type(value) is not type(distribution.low):
        return f"of another type than {type(distribution.low).__name__}"
    inside = distribution.low <= value <= distribution.high
    return "" if inside else f"not from {distribution.low} to {distribution.high}"


def _plain(trial: FrozenTrial) -> tuple[Any, ...]:
    return trial.state, trial.params, trial.values, trial.intermediate_values, trial.user_attrs


CHECKS = (
    Check("gives values in the space", gives_values_in_the_space),
    Check("gives the same again", gives_the_same_again),
    Check("does not stay at one point", does_not_stay),
    Check("takes trials of every state", takes_trials_of_every_state),
    Check("leaves the trials as they are", leaves_trials_alone),
)
