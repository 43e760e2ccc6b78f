"""Standard errors: of a mean by the formula, of anything else by resampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

import pytest

from brahma.evaluation.custom.uncertainty import error_of_mean, standard_error

VALUES = [0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.25, 1.0]


def test_the_error_of_a_mean_is_the_sample_deviation_over_the_root_of_the_number() -> None:
    middle = sum(VALUES) / 8
    deviation = math.sqrt(sum((value - middle) ** 2 for value in VALUES) / 7)
    assert error_of_mean(VALUES) == pytest.approx(deviation / math.sqrt(8))
    assert error_of_mean([1.0]) is None


def test_a_metric_that_is_a_mean_is_not_resampled() -> None:
    calls = []

    def mean(values: Sequence[float]) -> float:
        calls.append(len(values))
        return fmean(values)

    assert standard_error(mean, VALUES, mean(VALUES), VALUES) == error_of_mean(VALUES)
    assert calls == [8]


def test_another_metric_is_resampled_always_alike() -> None:
    found = [standard_error(median, VALUES, median(VALUES), VALUES) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0] is not None
    assert 0 < found[0] < 1


def test_the_resampled_error_of_a_near_mean_is_near_that_of_the_mean() -> None:
    values = [float(number % 7) for number in range(400)]

    def shifted(items: Sequence[float]) -> float:
        return fmean(items) + 1

    wanted = error_of_mean(values)
    found = standard_error(shifted, values, shifted(values), values)
    assert found == pytest.approx(wanted, rel=0.25)


def test_there_is_none_of_one_item_or_where_a_resample_has_no_value() -> None:
    assert standard_error(median, [1.0], 1.0, [1.0]) is None
    assert standard_error(lambda items: math.nan, VALUES, 0.1, VALUES) is None
