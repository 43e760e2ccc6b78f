import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data import clean
from brahma.data.cleaning.contract import Dropped
from brahma.data.cleaning.steps.contamination import Contamination, ContaminationOptions

QUESTION = "Which of these rivers flows through the largest number of countries on its way to the sea?"


def step(path: Path, rows: list[object], **options: int) -> Contamination:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return Contamination(ContaminationOptions(evaluation=[str(path)], **options))


def dropped(path: Path, line: int, words: int = 13) -> Dropped:
    return Dropped("shares words with an evaluation set", f"{words} words in a row of {path}:{line}")


def test_a_document_with_a_question_of_an_evaluation_goes_whatever_its_case_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    judge = step(path, [{"question": "Something else that is short?"}, {"question": QUESTION, "answer": 1}])
    spelt = QUESTION.upper().replace(" ", "\n * ").replace("?", " -- ")
    assert judge(f"A text about rivers. {spelt} The Danube.") == dropped(path, 2)
    assert judge(" ".join(QUESTION.split()[:12])) is True
    assert judge("") is True


@pytest.mark.parametrize("row", [
    {"question": "x", "choices": ["a", QUESTION]},
    {"messages": [{"role": "user", "content": QUESTION}]},
    {"id": 3, "doc": {"endings": [{"text": QUESTION}]}},
])  # fmt: skip
def test_every_text_of_a_row_counts_however_deep(tmp_path: Path, row: object) -> None:
    path = tmp_path / "test.jsonl"
    assert step(path, [row])(f"so: {QUESTION}") == dropped(path, 1)


def test_short_texts_are_searched_for_whole_and_shorter_ones_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    judge = step(path, [{"q": "one two three four five six seven eight"}, {"q": "a b c"}])
    assert judge("zero one two three four five six seven eight nine") == dropped(path, 1, 8)
    assert judge("two three four five six seven eight nine; a b c") is True
    assert judge.notes == ("contamination: 1 evaluation texts are too short to be searched for",)


def test_files_of_several_formats_are_searched(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"q": QUESTION}]))
    (tmp_path / "b.txt").write_text(
        "Another text of which the words are at least thirteen, as is easily seen here."
    )
    judge = Contamination(ContaminationOptions(evaluation=[str(tmp_path)]))
    assert judge(QUESTION) == dropped(tmp_path / "a.json", 1)
    assert judge((tmp_path / "b.txt").read_text()) == dropped(tmp_path / "b.txt", 1)


words = st.lists(st.sampled_from("abc"), max_size=14)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, min_size=1, max_size=4), words, st.integers(1, 5), st.integers(1, 5))
def test_a_document_goes_when_and_only_when_a_run_of_words_is_shared(
    tmp_path: Path, texts: list[list[str]], document: list[str], ngram: int, min_words: int
) -> None:
    def runs(of: list[str], length: int) -> set[tuple[str, ...]]:
        return {tuple(of[start : start + length]) for start in range(len(of) - length + 1)}

    texts = [["b"] * 14, *texts]
    judge = step(
        tmp_path / "t.jsonl", [{"q": " ".join(text)} for text in texts], ngram=ngram, min_words=min_words
    )
    shared = any(
        runs(text, min(len(text), ngram)) & runs(document, min(len(text), ngram))
        for text in texts
        if len(text) >= min(min_words, ngram)
    )
    assert (judge(" ".join(document)) is not True) == shared


def test_files_without_a_text_that_is_long_enough_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="hold no text that is long enough"):
        step(tmp_path / "t.jsonl", [{"q": "yes"}])


def test_a_damaged_row_of_an_evaluation_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"q": "x"\n')
    with pytest.raises(DataError, match=r"t\.jsonl:1: not valid JSON"):
        Contamination(ContaminationOptions(evaluation=[str(path)]))


def test_a_missing_evaluation_file_is_an_error() -> None:
    with pytest.raises(DataError, match="no such file"):
        Contamination(ContaminationOptions(evaluation=["nowhere.jsonl"]))


def test_the_report_says_how_many_evaluation_texts_are_not_searched_for(tmp_path: Path) -> None:
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": QUESTION, "answer": "A"}) + "\n")
    rows = [{"text": f"Quiz: {QUESTION}"}, {"text": "a page"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "profile.yaml").write_text(
        f"steps: [{{name: contamination, evaluation: [{tmp_path}/exam.jsonl]}}]"
    )
    report = clean(tmp_path / "in.jsonl", tmp_path / "out.jsonl", profile=tmp_path / "profile.yaml")
    assert report is not None
    assert report.kept == 1
    assert report.notes == ("contamination: 1 evaluation texts are too short to be searched for",)
