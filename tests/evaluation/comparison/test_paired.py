"""Differences on the same examples: their intervals, their p-values, and what is claimed of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.evaluation.comparison.paired import holm, paired

RIGHT_OR_WRONG = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=40)
NUMBERS = st.lists(
    st.floats(-3, 3, allow_nan=False).map(lambda value: round(value, 3)), min_size=1, max_size=90
)
QUICK = settings(max_examples=60, deadline=None)


@QUICK
@given(st.lists(RIGHT_OR_WRONG | NUMBERS, min_size=1, max_size=3), st.integers(0, 9))
def test_turned_round_exactly_the_opposite_comes_out(strata: list[list[float]], seed: int) -> None:
    weights = [1 / len(strata)] * len(strata)
    arrays = [np.array(each) for each in strata]
    one = paired(arrays, weights, resamples=300, seed=[seed])
    other = paired([-each for each in arrays], weights, resamples=300, seed=[seed])
    assert (other.difference, other.low, other.high) == (-one.difference, -one.high, -one.low)
    assert (other.p_value, other.stderr, other.needed) == (one.p_value, one.stderr, one.needed)


@QUICK
@given(RIGHT_OR_WRONG | NUMBERS)
def test_the_interval_lies_around_the_mean_difference(values: list[float]) -> None:
    found = paired([np.array(values)], [1.0], resamples=2000)
    assert found.difference == pytest.approx(np.mean(values))
    assert found.low - 1e-9 <= found.difference <= found.high + 1e-9
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert 0 < found.p_value <= 1


@pytest.mark.parametrize("differences", [[0.0] * 50, [0.0]])
def test_no_difference_is_no_difference(differences: list[float]) -> None:
    found = paired([np.array(differences)], [1.0])
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert found.needed is None


@pytest.mark.parametrize("differences", [[1, 1, 1, 1, 1, 1], [1, 1, 1, -1, 0, 0, 1], [1, -1, -1, 1]])
def test_right_and_wrong_answers_are_judged_by_all_signs_that_there_are(differences: list[float]) -> None:
    moved = [value for value in differences if value]
    sums = [abs(sum(signs)) for signs in product([1, -1], repeat=len(moved))]
    enumerated = np.mean([each >= abs(sum(moved)) for each in sums])
    assert paired([np.array(differences, float)], [1.0]).p_value == pytest.approx(enumerated)


def test_drawn_signs_agree_with_all_signs() -> None:
    differences = np.array([0.9, 0.4, 0.35, -0.2, 0.15, 0.7, 0.05, -0.3, 0.6, 0.11])
    sums = [abs(float(np.dot(signs, np.abs(differences)))) for signs in product([1, -1], repeat=10)]
    enumerated = float(np.mean([each >= differences.sum() - 1e-12 for each in sums]))
    assert paired([differences], [1.0], resamples=40_000).p_value == pytest.approx(enumerated, rel=0.15)
    many = np.repeat(differences, 8) + np.arange(80) * 1e-4  # more sizes than are counted: drawn one by one
    assert paired([many], [1.0], resamples=2000).p_value == pytest.approx(1 / 2001)


@pytest.mark.parametrize("kind", ["right or wrong", "graded"])
def test_the_interval_holds_the_truth_as_often_as_it_says(kind: str) -> None:
    generator = np.random.default_rng(7)
    truth, held, rounds = 0.05, 0, 400
    for number in range(rounds):
        if kind == "graded":
            differences = generator.normal(truth, 0.3, 120)
        else:
            differences = generator.choice([-1.0, 0.0, 1.0], 200, p=[0.15, 0.65, 0.2])
        found = paired([differences], [1.0], resamples=500, seed=[number])
        held += found.low <= truth <= found.high
    assert 0.92 <= held / rounds <= 0.98


def test_equal_models_are_told_apart_no_more_often_than_is_said() -> None:
    generator = np.random.default_rng(3)
    p_values = [
        paired([generator.normal(0, 1, 60)], [1.0], resamples=400, seed=[number]).p_value
        for number in range(400)
    ]
    assert np.mean([each < 0.05 for each in p_values]) <= 0.08


def test_in_groups_examples_are_drawn_within_their_tasks() -> None:
    """Two tasks that differ in opposite ways, each without any spread: their mean has none either."""
    found = paired([np.full(30, 1.0), np.full(10, -0.5)], [0.75, 0.25])
    assert (found.low, found.high) == pytest.approx((0.625, 0.625))
    assert found.difference == pytest.approx(0.625)


def test_examples_needed_show_a_difference_in_four_of_five_evaluations() -> None:
    generator = np.random.default_rng(5)
    needed = paired([generator.normal(0.1, 0.5, 100_000)], [1.0], resamples=100).needed
    assert needed == pytest.approx((1.96 + 0.8416) ** 2 * 0.25 / 0.01, rel=0.05)
    shown = [
        paired([generator.normal(0.1, 0.5, needed)], [1.0], resamples=400, seed=[number]).p_value < 0.05
        for number in range(300)
    ]
    assert 0.72 <= np.mean(shown) <= 0.88


def test_many_rows_are_no_excuse() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@QUICK
@given(st.lists(st.floats(0, 1), max_size=12))
def test_raised_p_values_are_no_smaller_and_keep_their_order(p_values: list[float]) -> None:
    raised = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, raised, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [raised[number] for number in order] == sorted(raised)
