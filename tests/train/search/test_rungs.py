"""What is done next follows from the stored trials alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.train.search.records import TrialRecord, best_trial
from brahma.train.search.rungs import (
    Done,
    Promote,
    Resume,
    Rules,
    Start,
    Wait,
    next_action,
    promotable,
    rung_divisors,
    rung_steps,
)

STEPS = (1, 3, 9)
TOKENS = (10, 30, 90)
RULES = Rules(trials=9, reduction_factor=3, higher_is_better=False)


def trial(number: int, *values: float, **changes: object) -> TrialRecord:
    record = TrialRecord(
        number=number, params={}, run=f"run-{number}", steps=STEPS, tokens=TOKENS, values=values
    )
    return replace(record, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("total", "factor", "least", "divisors"),
    [
        (900, 3, None, (9, 3, 1)),
        (900, 3, 10, (81, 27, 9, 3, 1)),
        (900, 3, 300, (3, 1)),
        (900, 3, 900, (1,)),
        (900, 2, None, (4, 2, 1)),
        (900, None, None, (1,)),
        (5, 3, None, (3, 1)),
        (2, 3, None, (1,)),
    ],
)
def test_rungs_are_shares_of_a_trials_length(
    total: int, factor: int | None, least: int | None, divisors: tuple[int, ...]
) -> None:
    assert rung_divisors(total, factor, least) == divisors


@given(st.integers(1, 10_000), st.integers(2, 5), st.none() | st.integers(1, 500))
def test_the_base_configuration_can_be_compared_at_all_its_rungs(
    total: int, factor: int, least: int | None
) -> None:
    divisors = rung_divisors(total, factor, least)
    assert divisors[-1] == 1
    assert least is None or len(divisors) == 1 or total / divisors[0] >= least
    steps = rung_steps(total, divisors)
    assert steps is None or (steps[-1] == total and list(steps) == sorted(set(steps)) and steps[0] >= 1)


def test_rungs_that_fall_together_are_none() -> None:
    assert rung_steps(9, (9, 3, 1)) == (1, 3, 9)
    assert rung_steps(10, (9, 3, 1)) == (2, 4, 10)
    assert rung_steps(2, (9, 3, 1)) is None


def test_the_best_third_goes_on_before_a_new_trial_begins() -> None:
    trials = [trial(0, 5.0), trial(1, 4.0), trial(2, 6.0)]
    assert next_action(trials[:2], RULES) == Start()
    assert next_action(trials, RULES) == Promote(1, 1)


def test_of_equal_values_the_older_trial_goes_on() -> None:
    assert next_action([trial(number, 4.0) for number in range(3)], RULES) == Promote(0, 1)


def test_higher_may_be_better() -> None:
    trials = [trial(0, 0.1), trial(1, 0.3), trial(2, 0.2)]
    assert next_action(trials, replace(RULES, higher_is_better=True)) == Promote(1, 1)


def test_a_trial_that_goes_on_still_counts_at_the_rung_below() -> None:
    trials = [trial(0, 1.0, 0.9), *(trial(number, 2.0) for number in (1, 2))]
    assert next_action(trials, RULES) == Start()
    trials += [trial(3, 3.0), trial(4, 1.5), trial(5, 4.0)]
    assert next_action(trials, RULES) == Promote(4, 1)


def test_the_furthest_goes_on_first() -> None:
    trials = [trial(number, 1.0, 0.5 + number) for number in range(3)]
    trials += [trial(number, 2.0) for number in range(3, 6)] + [trial(6, 0.1)]
    assert promotable(trials, replace(RULES, trials=20), closed=False) == [Promote(0, 2), Promote(6, 1)]


def test_what_was_left_is_taken_up_first() -> None:
    trials = [trial(0, 5.0), trial(1, 4.0), trial(2, 6.0), trial(3, target=0)]
    assert next_action(trials, RULES) == Resume(3)


def test_the_best_of_few_goes_on_when_no_more_can_come() -> None:
    rules = replace(RULES, trials=2)
    trials = [trial(0, 5.0), trial(1, 4.0)]
    assert next_action(trials, rules) == Promote(1, 1)
    trials[1] = trial(1, 4.0, 3.5)
    assert next_action(trials, rules) == Promote(1, 2)
    trials[1] = trial(1, 4.0, 3.5, 3.0)
    assert next_action(trials, rules) == Done()


def test_others_are_waited_for_when_all_have_begun() -> None:
    trials = [trial(0, 5.0), trial(1, target=0, alive=True)]
    assert next_action(trials, replace(RULES, trials=2)) == Wait()
    assert next_action(trials, RULES) == Start()


def test_a_failed_trial_never_goes_on_and_does_not_count() -> None:
    trials = [trial(0, 1.0, reason="out of memory"), trial(1, 4.0), trial(2, 6.0)]
    assert next_action(trials, RULES) == Start()
    assert best_trial(trials, higher_is_better=False) == trials[1]


def test_nothing_begins_that_the_tokens_do_not_pay() -> None:
    rules = replace(RULES, first_cost=10, max_tokens=49)
    trials = [trial(0, 5.0), trial(1, 4.0), trial(2, 6.0)]
    assert next_action(trials, replace(rules, max_tokens=50)) == Promote(1, 1)
    assert next_action(trials, rules) == Start()
    trials.append(trial(3, 3.0))
    assert next_action(trials, rules) == Done(budget=True)


def test_what_others_are_doing_is_spent_already() -> None:
    rules = replace(RULES, first_cost=10, max_tokens=45)
    running = trial(0, 5.0, target=1, alive=True)
    assert running.promised == 30
    assert next_action([running], rules) == Start()
    assert next_action([running], replace(rules, max_tokens=39)) == Wait()


@st.composite
def _searches(draw: st.DrawFn) -> tuple[Rules, list[float]]:
    trials = draw(st.integers(1, 24))
    rules = Rules(
        trials=trials,
        reduction_factor=draw(st.sampled_from([2, 3, 4])),
        higher_is_better=draw(st.booleans()),
        max_tokens=draw(st.none() | st.integers(10, 1500)),
        first_cost=TOKENS[0],
    )
    return rules, draw(st.lists(st.integers(0, 9).map(float), min_size=trials, max_size=trials))


def _played(rules: Rules, values: list[float]) -> list[TrialRecord]:
    """A whole search by one process, in which a trial's value is the same at all rungs."""
    trials: list[TrialRecord] = []
    for _ in range(1000):
        match next_action(trials, rules):
            case Start():
                trials.append(trial(len(trials), values[len(trials)]))
            case Promote(number, rung):
                assert trials[number].rung == rung - 1
                trials[number] = trial(number, *[values[number]] * (rung + 1))
            case Done():
                return trials
            case other:
                raise AssertionError(other)
    raise AssertionError("it does not end")


@given(_searches())
def test_a_search_ends_within_its_tokens_and_its_best_got_furthest(case: tuple[Rules, list[float]]) -> None:
    rules, values = case
    trials = _played(rules, values)
    spent = sum(each.spent for each in trials)
    assert rules.max_tokens is None or spent <= rules.max_tokens
    best = best_trial(trials, higher_is_better=rules.higher_is_better)
    assert best is not None
    if rules.max_tokens is None:
        assert len(trials) == rules.trials
        assert best.status == "finished"
        assert best.value == (max if rules.higher_is_better else min)(values)
        assert spent <= sum(each.anew for each in trials)


@given(_searches(), st.data())
def test_a_kill_changes_nothing_of_what_is_done(case: tuple[Rules, list[float]], data: st.DataObject) -> None:
    """Whoever comes after a kill takes up the trial, and then does what would have been done."""
    rules, values = case
    whole = _played(rules, values)
    count = data.draw(st.integers(0, len(whole) - 1))
    left = [trial(n, *whole[n].values[:1]) for n in range(count)] + [trial(count, target=0)]
    assert next_action(left, rules) == Resume(count)


def test_what_a_rung_costs_is_what_lies_between() -> None:
    at_second = trial(0, 5.0, 4.0)
    assert (at_second.spent, at_second.cost_to(2), at_second.anew) == (30, 60, 40)
    assert replace(at_second, target=2).promised == 90
