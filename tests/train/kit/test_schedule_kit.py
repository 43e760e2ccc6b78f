"""The kit of schedules: each check is failed by a schedule that breaks its promise, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.kit import checks_of
from brahma.core.plugins import get_plugins
from tests.kit_site import failed, installed, outcomes

NAMES = ("good", "text", "negative", "gap", "late", "counts")
SCHEDULES = f"""
    import itertools, math
    from brahma.core.entries import ScheduleEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_schedules():
        for name in {NAMES}:
            yield ScheduleEntry(name=name, target=f"brahma_trial:{{name}}", summary="Of a test")

    def good(progress, options):
        return 1.0 - progress

    def text(progress, options):
        return "1" if progress == 0.5 else 1.0

    def negative(progress, options):
        return 1.0 - 1.01 * progress

    def gap(progress, options):
        return math.nan if progress == 1.0 else 1.0

    def late(progress, options):
        return progress

    calls = itertools.count(1)

    def counts(progress, options):
        return 1.0 / next(calls)
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with installed(tmp_path, monkeypatch, SCHEDULES, {}):
        yield


def test_a_schedule_that_keeps_its_promises_passes() -> None:
    assert {outcome for outcome, _ in outcomes("schedule", "good").values()} == {"passed"}


CASES = [
    ("text", "is a finite factor", "at 0.5 it gives '1'"),
    ("negative", "is a finite factor", "wanted: finite, 0 or more"),
    ("gap", "is a finite factor", "at 1.0 it gives nan"),
    ("late", "begins above zero", "it begins with 0.0"),
    ("counts", "depends on the progress alone", "asked in another order"),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check_alone(name: str, check: str, message: str) -> None:
    found = failed("schedule", name)
    assert list(found) == [check]
    assert message in found[check]


def test_each_check_is_failed_by_a_schedule_here() -> None:
    assert {check for _, check, _ in CASES} == {each.name for each in checks_of("schedule")}


@pytest.mark.parametrize("name", sorted(each.entry.name for each in get_plugins().of_kind("schedule")))
def test_the_schedules_of_our_own_pass(name: str) -> None:
    assert failed("schedule", name) == {}
