"""Metrics by hand on small numbers, and that they are registered as entries."""

from __future__ import annotations

import math

import pytest

from brahma.core.plugins import get_plugins
from brahma.evaluation import LossTotals, compute_metrics
from brahma.evaluation.totals import bits_per_byte, loss, perplexity


def test_metrics_by_hand() -> None:
    totals = LossTotals(loss_sum=12.0, tokens=4, bytes=10)
    assert loss(totals) == 3.0
    assert perplexity(totals) == pytest.approx(math.e**3)
    assert bits_per_byte(totals) == pytest.approx(12.0 / 0.6931471805599453 / 10)


def test_a_coin_a_byte_costs_one_bit() -> None:
    assert bits_per_byte(LossTotals(loss_sum=7 * math.log(2), tokens=7, bytes=7)) == pytest.approx(1.0)


def test_a_perplexity_too_large_for_a_float_is_infinite() -> None:
    assert perplexity(LossTotals(loss_sum=1e6, tokens=1, bytes=1)) == math.inf


def test_bits_per_byte_of_no_byte_is_not_a_number() -> None:
    assert math.isnan(bits_per_byte(LossTotals(loss_sum=1.0, tokens=1, bytes=0)))


def test_totals_add_up() -> None:
    assert LossTotals(1.0, 2, 3) + LossTotals(10.0, 20, 30) == LossTotals(11.0, 22, 33)


def test_metrics_come_through_entries() -> None:
    assert {"loss", "perplexity", "bits_per_byte"} <= set(get_plugins().entries("metric"))
    metrics = compute_metrics(LossTotals(loss_sum=12.0, tokens=4, bytes=10))
    assert metrics["loss"] == 3.0
    assert metrics["perplexity"] == pytest.approx(math.e**3)
