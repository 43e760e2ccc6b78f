"""The kit of augmenters: each check is failed by an augmenter that breaks its promise, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.kit import checks_of
from tests.kit_site import failed, installed, outcomes

NAMES = ("Good", "Silent", "Echo", "TooMany", "Unseeded", "Neighbours", "Numbers", "Trips", "Foreign")
ENTRIES = f"""
    from brahma.core.entries import AugmenterEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_augmenters():
        for name in {NAMES}:
            yield AugmenterEntry(name=name, target=f"trial_augmenters:{{name}}", summary="Of a test")
"""
AUGMENTERS = """
    import itertools
    from brahma.data.augmentation.contract import Augmenter, Failed

    WORDS = ("nearly", "mostly", "partly")

    class Good(Augmenter):
        engine = "words"

        def __init__(self, options, seed):
            self.seed = seed

        def variants(self, passages, count):
            return [self.of(each, count) for each in passages]

        def of(self, passage, count):
            if "short words only" in passage:
                return Failed("too short")
            return [f"{passage[:-1]} {word}{passage[-1:]}" for word in WORDS[:count]]

    class Silent(Good):
        engine = ""

    class Echo(Good):
        def of(self, passage, count):
            return [passage]

    class TooMany(Good):
        def of(self, passage, count):
            return super().of(passage, 3)

    class Unseeded(Good):
        calls = itertools.count()

        def __init__(self, options, seed):
            self.shift = next(self.calls) // 2 % 2 if seed else 0
            self.word = next(self.calls)

        def of(self, passage, count):
            return [f"{passage[:-1]} number{chr(97 + self.word % 26)}."]

    class Neighbours(Good):
        def variants(self, passages, count):
            return [[f"{each[:-1]} {WORDS[len(passages) > 1]}."] for each in passages]

    class Numbers(Good):
        def of(self, passage, count):
            return super().of(passage.replace("anna.weber@example.org", "someone"), count)

    class Trips(Good):
        def of(self, passage, count):
            passage.encode("latin-1", "strict") if "café" not in passage else 1 / 0
            return super().of(passage, count)

    class Foreign(Good):
        language = "de"
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "site"
    folder.mkdir()
    with installed(folder, monkeypatch, ENTRIES, {"trial_augmenters.py": AUGMENTERS}):
        yield


def test_an_augmenter_that_keeps_its_promises_passes() -> None:
    assert {outcome for outcome, _ in outcomes("augmenter", "Good").values()} == {"passed"}


CASES = [
    ("Silent", "says what makes the variants", "`engine` is ''"),
    ("Echo", "makes variants that are taken", "the same as its source (7)"),
    ("TooMany", "makes as many as asked for", "3 variants where 1 were asked for"),
    ("Neighbours", "goes on anywhere", "alone, in another order,"),
    ("Numbers", "keeps what is protected", "'anna.weber@example.org' is lost"),
    ("Trips", "takes odd passages", "ZeroDivisionError"),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check_alone(name: str, check: str, message: str) -> None:
    found = failed("augmenter", name)
    assert list(found) == [check]
    assert message in found[check]


def test_an_augmenter_without_a_seed_is_told_and_cannot_go_on_anywhere_either() -> None:
    found = failed("augmenter", "Unseeded")
    assert list(found) == ["is seeded", "goes on anywhere"]
    assert "the second time, with the same seed," in found["is seeded"]


def test_each_check_is_failed_by_an_augmenter_here() -> None:
    assert {check for _, check, _ in CASES} | {"is seeded"} == {each.name for each in checks_of("augmenter")}


def test_an_augmenter_of_another_language_is_not_tested_with_english() -> None:
    outcome, why = outcomes("augmenter", "Foreign")["makes variants that are taken"]
    assert (outcome, why) == ("skipped", "it takes de alone, and the passages are English")


@pytest.mark.parametrize("name", ["paraphrase", pytest.param("backtranslation", marks=pytest.mark.slow)])
def test_the_augmenters_of_our_own_pass_where_what_they_need_is_installed(name: str) -> None:
    assert failed("augmenter", name) == {}
