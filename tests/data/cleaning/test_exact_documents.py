import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data.cleaning.contract import Document, Dropped
from brahma.data.cleaning.duplicates.exact import ExactDocuments, ExactDocumentsOptions
from tests.data.cleaning.corpus_driver import documents_of, run

EXACT = ExactDocuments(ExactDocumentsOptions())


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", " ", "a", "b", "a ", "a  b", "a b"])), st.lists(st.integers(0, 9)))
def test_the_first_of_equal_texts_stays_however_the_corpus_is_cut(texts: list[str], cuts: list[int]) -> None:
    tasks = documents_of(texts, [min(cut, len(texts)) for cut in cuts])
    documents = [document for task in tasks for document in task]
    with tempfile.TemporaryDirectory() as folder:
        found = run(EXACT, Path(folder), tasks)
    first: dict[str, str] = {}
    for document, verdict in zip(documents, found, strict=True):
        text = document.texts[0].strip()
        kept = first.setdefault(text, document.where) if text else document.where
        is_kept = kept == document.where
        assert verdict == (True if is_kept else Dropped("exact duplicate", f"of {kept}"))


def test_white_space_can_be_ignored(tmp_path: Path) -> None:
    step = ExactDocuments(ExactDocumentsOptions(ignore_whitespace=True))
    assert run(step, tmp_path, documents_of(["a\n b", "a b", "ab"])) == [
        True,
        Dropped("exact duplicate", "of part0.jsonl:1"),
        True,
    ]


def test_conversations_are_equal_when_all_their_turns_are(tmp_path: Path) -> None:
    found = run(EXACT, tmp_path, documents_of([("a", "b"), ("a", "c"), ("a\n\nb",), ("a", "b")]))
    assert [verdict is True for verdict in found] == [True, True, True, False]


def test_lone_surrogates_are_text_too(tmp_path: Path) -> None:
    assert run(EXACT, tmp_path, documents_of(["\ud800", "\ud801"])) == [True, True]


def test_documents_may_have_gone_before_and_their_numbers_with_them(tmp_path: Path) -> None:
    tasks = documents_of(["a", "x", "a", "x", "b"])
    assert len(run(EXACT, tmp_path, [[tasks[0][0], tasks[0][2], tasks[0][4]]])) == 3


def test_a_document_that_was_not_there_before_is_an_error(tmp_path: Path) -> None:
    run(EXACT, tmp_path, documents_of(["a"]))
    with pytest.raises(DataError, match="was not there when duplicates were searched"):
        EXACT.verdicts(tmp_path, task=0)(Document(0, 5, "part0.jsonl", 6, ("b",)))
