"""The samplers built in, made anew for each trial as a search makes them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("optuna")

from optuna import create_study, logging
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, create_trial

from brahma.train.search import samplers


@pytest.fixture(autouse=True)
def unlogged() -> None:
    logging.set_verbosity(logging.WARNING)


def searched(make: Any, options: Any, space: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Values of trials one after the other; the nearer to 0.3, the better."""
    trials: list[FrozenTrial] = []
    for number in range(count):
        study = create_study(sampler=make(2**40 + number, options))
        study.add_trials(trials)
        params = dict(study.ask(space).params)
        value = sum(abs(each - 0.3) for each in params.values())
        trials.append(create_trial(params=params, distributions=space, value=value))
    return [trial.params for trial in trials]


def test_the_sequence_fills_the_space_more_evenly_than_draws() -> None:
    """After the first trial each of eight equal parts gets one of eight points."""
    space = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
    points = searched(samplers.qmc, None, space, 9)[1:]
    for name in space:
        assert len({int(point[name] * 8) for point in points}) >= 7


def test_brute_force_meets_each_point_once() -> None:
    space = {"x": CategoricalDistribution([0.1, 0.3, 0.5]), "y": CategoricalDistribution([0.0, 1.0])}
    points = searched(samplers.brute_force, None, space, 6)
    assert len({tuple(point.values()) for point in points}) == 6


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (samplers.tpe, samplers.TPEOptions(startup_trials=5)),
        (samplers.gp, samplers.GPOptions(startup_trials=5)),
    ],
    ids=["tpe", "gp"],
)
def test_what_was_good_is_come_back_to(make: Any, options: Any) -> None:
    space = {"x": FloatDistribution(0.0, 1.0)}
    points = [point["x"] for point in searched(make, options, space, 20)]
    late, early = points[10:], points[:5]
    assert sum(abs(x - 0.3) for x in late) / 10 < 0.6 * sum(abs(x - 0.3) for x in early) / 5
