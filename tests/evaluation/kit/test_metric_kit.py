"""The kit of metrics: each check is failed by a metric that breaks its promise, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.entries import MetricEntry
from brahma.core.kit import checks_of
from brahma.core.kit.usage import fragment
from brahma.core.plugins import get_plugins
from tests.kit_site import failed, installed, outcomes

NAMES = ("good", "text", "endless", "moody", "overflows", "divides")
OF_ANSWERS = ("fair", "chatty", "lost", "fickle", "leading", "crowd", "verbose")
METRICS = f"""
    import itertools, math, statistics
    from brahma.core.entries import MetricEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_metrics():
        for name in {NAMES}:
            yield MetricEntry(name=name, target=f"brahma_trial:{{name}}", summary="Of a test")
        for name in {OF_ANSWERS}:
            target = f"brahma_trial:{{name}}"
            yield MetricEntry(name=name, target=target, summary="Of a test", of="answers")

    def good(totals):
        return totals.loss_sum / totals.tokens if totals.tokens else math.nan

    def text(totals):
        return str(good(totals))

    def endless(totals):
        return good(totals) if totals.tokens > 1 else math.inf

    numbers = itertools.count()

    def moody(totals):
        return float(next(numbers))

    def overflows(totals):
        return math.exp(min(600, good(totals)) if totals.loss_sum < 1e200 else good(totals))

    def divides(totals):
        return totals.loss_sum / totals.tokens

    def fair(answers):
        return sum(each.output in each.references for each in answers) / len(answers)

    def chatty(answers):
        return str(fair(answers))

    def lost(answers):
        return fair(answers) if len(answers) != 3 else math.nan

    before = [()]

    def fickle(answers):
        before.append(tuple(answers))
        return fair(answers) + (len(answers) > 3 and before[-1] == before[-2])

    def leading(answers):
        return float(len(answers[0].output))

    def crowd(answers):
        return fair(answers) * statistics.stdev(len(each.output) for each in answers)

    def verbose(answers):
        words = sum(len(each.output.split()) for each in answers)
        return fair(answers) / words if len(answers) > 1 else fair(answers)
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with installed(tmp_path, monkeypatch, METRICS, {}):
        yield


@pytest.mark.parametrize("name", ["good", "fair"])
def test_a_metric_that_keeps_its_promises_passes(name: str) -> None:
    assert {outcome for outcome, _ in outcomes("metric", name).values()} == {"passed"}


CASES = [
    ("text", "is a finite number", "no number"),
    ("endless", "is a finite number", "which is not finite"),
    ("moody", "depends on the totals alone", "and another time"),
    ("overflows", "raises nothing at the extremes", "OverflowError"),
    ("divides", "takes empty totals", "ZeroDivisionError"),
    ("chatty", "is a finite number of answers", "no number"),
    ("lost", "is a finite number of answers", "which is not finite"),
    ("fickle", "depends on the answers alone", "and another time"),
    ("leading", "does not depend on their order", "in another order"),
    ("crowd", "takes one answer", "StatisticsError"),
    ("verbose", "takes answers without words", "ZeroDivisionError"),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check_alone(name: str, check: str, message: str) -> None:
    found = failed("metric", name)
    assert list(found) == [check]
    assert message in found[check]


def test_each_check_is_failed_by_a_metric_here() -> None:
    assert {check for _, check, _ in CASES} == {each.name for each in checks_of("metric")}


@pytest.mark.parametrize("name", sorted(each.entry.name for each in get_plugins().of_kind("metric")))
def test_the_metrics_of_our_own_pass(name: str) -> None:
    assert failed("metric", name) == {}


def test_what_a_user_writes_asks_for_a_metric_of_answers_by_its_name() -> None:
    totals = fragment(MetricEntry(name="loss", target="a:b"), {})
    answers = fragment(MetricEntry(name="f1", target="a:b", of="answers"), {})
    assert totals == 'Evaluator("runs/my-run").evaluate_custom("held_out.jsonl")["loss"]'
    assert answers == 'Evaluator("runs/my-run").evaluate_custom("held_out.jsonl", metrics=["f1"])["f1"]'
