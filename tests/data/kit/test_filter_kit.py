"""The kit of filters: each check is failed by a step that breaks its promise, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.kit import checks_of
from brahma.core.plugins import get_plugins
from tests.kit_site import failed, installed, outcomes

ENTRIES = """
    from brahma.core.entries import FilterEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_filters():
        texts = "good number no_reason bad_count bad_text trips counts order random"
        for name in texts.split():
            yield FilterEntry(name=name, target=f"trial_steps:{name}", summary="Of a test")
        for name in ("good_corpus", "wide_keys", "own_keys", "by_task"):
            yield FilterEntry(name=name, target=f"trial_corpus:{name}", scope="corpus", summary="Of a test")
"""
STEPS = """
    from brahma.data.cleaning.contract import Counted, Dropped, Rewritten

    def good(options):
        def step(text):
            if "ferry" in text:
                return Dropped("a ship", text[:5])
            if "doctor" in text:
                return Rewritten(text.replace("doctor", "vet"), {"vets": 1})
            if "loaf" in text:
                return Counted({"loaves": 1})
            return "too short" if len(text) < 9 else True
        return step

    def number(options):
        return lambda text: len(text) if "ferry" in text[:9] and len(text) < 200 else True

    def no_reason(options):
        return lambda text: Dropped("") if "ferry" in text[:9] and len(text) < 200 else True

    def bad_count(options):
        return lambda text: Counted({"a": "1"}) if "ferry" in text[:9] and len(text) < 200 else True

    def bad_text(options):
        return lambda text: Rewritten(None) if "ferry" in text[:9] and len(text) < 200 else True

    def trips(options):
        return lambda text: True if text.split()[0] else False

    def counts(options):
        seen = []
        def step(text):
            seen.append(text)
            return len(seen) < 30
        return step

    def order(options):
        seen = set()
        def step(text):
            seen.add(text)
            return "naïve" not in text or len(seen) != 14
        return step

    def random(options):
        return lambda text: f"number {hash(text)}" if text else True
"""
CORPUS = """
    import hashlib, itertools
    import numpy as np
    from brahma.data.cleaning.duplicates.exact import ExactDocuments, ExactDocumentsOptions

    class good_corpus(ExactDocuments):
        def __init__(self, options):
            super().__init__(ExactDocumentsOptions())

    class wide_keys(good_corpus):
        def keys(self, document):
            return super().keys(document).astype(np.int64)

    class own_keys(good_corpus):
        numbers = itertools.count()

        def keys(self, document):
            return super().keys(document) + np.uint64(next(self.numbers))

    class by_task(good_corpus):
        def verdicts(self, folder, *, task):
            decided = super().verdicts(folder, task=task)
            return lambda document: decided(document) if document.source.endswith("0.jsonl") else "late"
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "site"
    folder.mkdir()
    with installed(folder, monkeypatch, ENTRIES, {"trial_steps.py": STEPS, "trial_corpus.py": CORPUS}):
        yield


@pytest.mark.parametrize("name", ["good", "good_corpus"])
def test_a_step_that_keeps_its_promises_passes(name: str) -> None:
    assert {outcome for outcome, _ in outcomes("filter", name).values()} == {"passed"}


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("number", "gives a verdict on each text", "wanted: True, False, a string"),
        ("no_reason", "gives a verdict on each text", "it says no reason"),
        ("bad_count", "gives a verdict on each text", "counts are names and whole numbers"),
        ("bad_text", "gives a verdict on each text", "the text is none"),
        ("random", "judges the same in another process", "and in another process"),
        ("wide_keys", "makes keys of documents", "keys are int64[1, 2]; wanted: uint64[n, 2]"),
        ("by_task", "decides over a corpus however it is cut", "of the same in three files"),
    ],
)
def test_a_broken_promise_fails_its_check_alone(name: str, check: str, message: str) -> None:
    found = failed("filter", name)
    assert list(found) == [check]
    assert message in found[check]


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("trips", "takes odd texts", "IndexError: list index out of range"),
        ("counts", "holds no state between texts", "a second time"),
        ("order", "holds no state between texts", "in another order"),
        ("own_keys", "makes keys of documents", "keys differ the second time"),
    ],
)
def test_a_promise_on_which_others_rest_fails_its_check_first(name: str, check: str, message: str) -> None:
    found = failed("filter", name)
    assert next(iter(found)) == check
    assert message in found[check]


def test_each_check_is_failed_by_a_step_here() -> None:
    marks = [
        test_a_broken_promise_fails_its_check_alone,
        test_a_promise_on_which_others_rest_fails_its_check_first,
    ]
    caught = {case[1] for test in marks for case in test.pytestmark[0].args[1]}  # type: ignore[attr-defined]
    assert caught == {each.name for each in checks_of("filter")}


OURS = sorted({each.entry.name for each in get_plugins().of_kind("filter")})


@pytest.mark.parametrize("name", OURS)
def test_the_steps_of_our_own_pass(name: str, tmp_path: Path) -> None:
    held_out = tmp_path / "held_out.jsonl"
    held_out.write_text(
        '{"text": "one two three four five six seven eight nine ten eleven twelve thirteen"}\n'
    )
    options = {"evaluation": [str(held_out)]} if name == "contamination" else {}
    assert failed("filter", name, **options) == {}
