"""What samplers see, and that the next trial is a function of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.core.config.sections import Choice
from brahma.core.errors import ConfigError, PluginError
from brahma.core.plugins import get_plugins
from brahma.train.search.history import Sampler, Space, seen
from brahma.train.search.ranges import Numbers, Values
from brahma.train.search.records import TrialRecord

SPACE: Space = {
    "lr": Numbers(1e-5, 1e-2, log=True),
    "batch_size": Values((4, 8, 16)),
    "warmup_steps": Numbers(0, 20, whole=True),
}
FINITE: Space = {"batch_size": Values((4, 8)), "warmup_steps": Numbers(0, 2, whole=True)}


def sampler(name: str = "tpe", seed: int = 0, space: Space = SPACE, **options: Any) -> Sampler:
    return Sampler(Choice(name=name, **options), seed, space, higher_is_better=False)


def trial(number: int, params: dict[str, Any], *values: float, **changes: Any) -> TrialRecord:
    record = TrialRecord(
        number=number, params=params, run=f"run-{number}", steps=(1, 3, 9), tokens=(10, 30, 90), values=values
    )
    return replace(record, **changes)


def played(made: Sampler, count: int, space: Space = SPACE) -> list[TrialRecord]:
    """Trials one after the other; every third is finished, every fourth fails."""
    trials: list[TrialRecord] = []
    for number in range(count):
        params = made.suggest(trials)
        assert params is not None
        loss = 5.0 - 100 * float(params.get("lr") or 0)
        values = (loss, loss, loss) if number % 3 == 0 else (loss,)
        changes = {"reason": "out of memory"} if number % 4 == 3 else {}
        trials.append(trial(number, params, *values, **changes))
    return trials


def test_the_same_seed_and_trials_give_the_same_values() -> None:
    first, again = played(sampler(), 14), played(sampler(), 14)
    assert first == again
    assert played(sampler(seed=1), 3) != first[:3]


def test_values_lie_in_the_space_and_differ() -> None:
    trials = played(sampler(), 14)
    for each in trials:
        assert all(each.params[name] in span for name, span in SPACE.items())
        assert type(each.params["warmup_steps"]) is int
        assert type(each.params["lr"]) is float
    assert len({tuple(each.params.items()) for each in trials}) == 14


def test_a_sampler_that_is_taken_up_in_the_middle_goes_on_alike() -> None:
    """As after a kill: only what is stored is known."""
    trials = played(sampler(), 12)
    for number in (3, 10, 11):
        assert sampler().suggest(trials[:number]) == trials[number].params


def test_what_samplers_see() -> None:
    from optuna.samplers import RandomSampler
    from optuna.trial import TrialState

    params = {"lr": 1e-3, "batch_size": 4, "warmup_steps": 0}
    trials = [
        trial(0, params, 3.0, 2.0, 1.0),
        trial(1, params, 3.0),
        trial(2, params, 3.0, reason="out of memory"),
        trial(3, params, target=0, alive=True),
    ]
    found = seen(trials, SPACE, "minimize", RandomSampler(seed=0)).get_trials()
    states = [each.state for each in found]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED, TrialState.RUNNING]
    assert found[0].value == 1.0
    assert [each.intermediate_values for each in found] == [{0: 3.0, 1: 2.0, 2: 1.0}, {0: 3.0}, {}, {}]


def test_tpe_goes_where_it_was_good_and_away_from_what_failed() -> None:
    """Of trials that all say so: a large lr fails, and near 1e-3 it is best."""
    rates = [10 ** (-5 + 3 * n / 29) for n in range(30)]
    trials = [
        trial(
            n,
            {"lr": lr},
            *([] if lr > 3e-3 else [abs(lr - 1e-3)] * 3),
            **({"reason": "NaN"} if lr > 3e-3 else {}),
        )
        for n, lr in enumerate(rates)
    ]
    space: Space = {"lr": SPACE["lr"]}
    found = [sampler(space=space, seed=seed).suggest(trials) for seed in range(20)]
    drawn = sorted(float(each["lr"] or 0) for each in found if each is not None)
    assert 3e-4 < drawn[10] < 3e-3


@given(st.sampled_from(["tpe", "random", "brute_force"]), st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_a_finite_space_is_gone_through_once(name: str, seed: int) -> None:
    made = sampler(name, seed, FINITE)
    trials = played(made, 6, FINITE)
    assert len({tuple(each.params.items()) for each in trials}) == 6
    assert made.suggest(trials) is None


def test_a_sampler_for_finite_spaces_refuses_others() -> None:
    with pytest.raises(ConfigError, match="lr has endlessly many"):
        sampler("brute_force")


def test_options_reach_the_sampler_and_wrong_ones_are_named() -> None:
    assert sampler(startup_trials=2).suggest([]) is not None
    with pytest.raises(ConfigError, match="startup: unknown key"):
        sampler(startup=2)
    with pytest.raises(PluginError, match="no sampler is called 'tpee'"):
        sampler("tpee")


def test_a_sampler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = sampler("random")

    def broken(seed: int, options: object) -> None:
        raise ZeroDivisionError("no way")

    monkeypatch.setattr(made, "_make", broken)
    version = get_plugins().distributions()["brahma-train"]
    with pytest.raises(
        PluginError, match=f"sampler 'random' of brahma-train {version} failed at trial 0"
    ) as caught:
        made.suggest([])
    assert caught.value.why == "ZeroDivisionError: no way"


@pytest.mark.parametrize("name", ["brute_force", "random"])
def test_steps_are_told_apart_whatever_their_last_bits(name: str) -> None:
    space: Space = {"dropout": Numbers(0.1, 1.0, step=0.1)}
    made = sampler(name, space=space)
    trials: list[TrialRecord] = []
    while (params := made.suggest(trials)) is not None:
        trials.append(trial(len(trials), params, 1.0))
    assert sorted(round(float(each.params["dropout"] or 0) * 10) for each in trials) == list(range(1, 11))
