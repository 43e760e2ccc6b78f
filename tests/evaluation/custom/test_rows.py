"""Rows become questions; what does not fit is named by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import DataError, RowError
from brahma.data import Dataset
from brahma.evaluation.custom.rows import holds_choices, read_choices, read_questions

USER = {"role": "user", "content": "Where?"}
ASSISTANT = {"role": "assistant", "content": "Paris"}
PAIR = {"question": "2 + 2?", "choices": ["3", "4"], "answer": 1}


def question(row: dict[str, Any], *, referenced: bool = True) -> Any:
    (found,), skipped = read_questions([row], referenced=referenced)
    assert skipped == 0
    return found


def test_the_completion_is_the_reference_and_further_keys_are_kept() -> None:
    row = {"prompt": "Where?", "completion": " Paris", "id": 7}
    found = question(row)
    assert (found.prompt, found.references, found.example) == ("Where?", (" Paris",), row)
    assert found.where == "<rows>:1"


def test_references_stand_beside_the_completion_or_instead_of_it() -> None:
    several = ["Paris", "in Paris"]
    assert question({"prompt": "?", "references": several}).references == ("Paris", "in Paris")
    both = {"prompt": "?", "completion": "Paris!", "references": [*several, "Paris!"]}
    assert question(both).references == ("Paris!", "Paris", "in Paris")


def test_the_last_turn_of_the_assistant_is_the_reference() -> None:
    found = question({"messages": [USER, ASSISTANT, USER, {**ASSISTANT, "content": "Rome"}]})
    assert found.prompt == (USER, ASSISTANT, USER)
    assert found.references == ("Rome",)


def test_a_conversation_that_ends_with_the_question_has_references_beside_it() -> None:
    found = question({"messages": [USER], "references": ["Paris"]})
    assert (found.prompt, found.references) == ((USER,), ("Paris",))


def test_other_layouts_of_conversations_are_read_as_in_training() -> None:
    assert question({"instruction": "Where?", "output": "Paris"}).references == ("Paris",)
    turns = [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "Paris"}]
    assert question({"conversations": turns}).prompt == (USER,)


def test_a_scoring_function_needs_no_reference() -> None:
    assert question({"prompt": "Where?"}, referenced=False).references == ()
    assert question({"messages": [USER]}, referenced=False).references == ()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"text": "running"}, "running text"),
        ("running", "running text"),
        ({"prompt": "Where?"}, "no answer to compare with"),
        ({"messages": [USER]}, "no answer to compare with"),
        ({"prompt": "Where?", "references": "Paris"}, "'references' is a string, not a list"),
        ({"prompt": "Where?", "references": []}, "'references' is empty"),
        ({"prompt": "Where?", "references": [3]}, "reference 1 is a number"),
        ({"prompt": "Where?", "references": ["a", " "]}, "reference 2 is empty"),
        ({"prompt": 3, "references": ["a"]}, "'prompt' is a number"),
        ({"prompt": "Where?", "completion": " "}, "the completion is empty"),
        ({"messages": [ASSISTANT]}, "out of order"),
        ({"qestion": "?"}, "fits no known format"),
        ({"prompt": "?", "choices": ["a", "b"]}, "the row has choices"),
    ],
)
def test_a_row_that_cannot_be_asked_is_named_by_its_line(row: Any, says: str) -> None:
    good = {"prompt": "?", "completion": "!"}
    with pytest.raises(RowError, match=says) as raised:
        read_questions([good, row], referenced=True)
    assert raised.value.where == "<rows>:2"
    assert raised.value.hint


def test_rows_of_files_are_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "?", "completion": "!"}\n\n{"prompt": "?"}\n', encoding="utf-8")
    with pytest.raises(RowError, match="no answer") as raised:
        read_questions(path, referenced=True)
    assert str(raised.value.where).endswith("rows.jsonl:3")


def test_bad_rows_of_a_data_set_are_skipped_as_it_says() -> None:
    rows = [{"prompt": "?", "completion": "!"}, {"prompt": "?"}]
    data = Dataset.from_rows(rows, on_bad_row="skip")
    found, skipped = read_questions(data, referenced=True)
    assert (len(found), skipped) == (1, 1)


@pytest.mark.parametrize("nothing", ["", "\n\n"])
def test_a_file_without_rows_is_named(nothing: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(nothing, encoding="utf-8")
    for read in (lambda: read_questions(path, referenced=True), lambda: read_choices(path)):
        with pytest.raises(DataError, match=r"empty\.jsonl"):
            read()


def test_an_empty_list_is_named() -> None:
    with pytest.raises(DataError, match="there are no rows"):
        holds_choices([])


def test_choices_are_recognised_by_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_text(json.dumps(PAIR) + "\n", encoding="utf-8")
    assert holds_choices([PAIR])
    assert holds_choices(path)
    assert not holds_choices(["a text"])
    assert not holds_choices([{"prompt": "?", "completion": "!"}])
    assert not holds_choices(Dataset.from_rows(["a text"]))


@pytest.mark.parametrize(("answer", "right"), [(0, 0), (2, 2), ("B", 1), ("sea", 2), ("C", 2)])
def test_an_answer_is_a_number_a_letter_or_a_text(answer: object, right: int) -> None:
    (found,) = read_choices([{"prompt": "?", "choices": ["land", "air", "sea"], "answer": answer}])
    assert found.right == right


def test_a_letter_that_is_also_the_text_of_that_choice_is_one_answer() -> None:
    (found,) = read_choices([{**PAIR, "choices": ["A", "B"], "answer": "B"}])
    assert found.right == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"answer": 2}, "'answer' is 2, and there are 2 choices"),
        ({"answer": -1}, "'answer' is -1"),
        ({"answer": "C"}, "'C' is none of the 2 choices"),
        ({"answer": True}, "'answer' is a boolean"),
        ({"answer": 1.0}, "'answer' is a number, not"),
        ({"answer": None}, "'answer' is null"),
        ({"choices": ["B", "A"], "answer": "A"}, "means more than one choice"),
        ({"choices": ["4", "4"], "answer": "4"}, "means more than one choice"),
        ({"choices": ["4"]}, "a list of 1"),
        ({"choices": "34"}, "'choices' is a string"),
        ({"choices": [3, 4]}, "choice 1 is a number"),
        ({"choices": ["3", ""]}, "choice 2 is empty"),
        ({"question": " "}, "'question' is empty"),
        ({"prompt": "?"}, "both 'question' and 'prompt'"),
    ],
)
def test_choices_that_do_not_fit_are_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RowError, match=says) as raised:
        read_choices([PAIR, {**PAIR, **changes}])
    assert raised.value.where == "<rows>:2"
    assert raised.value.hint


@pytest.mark.parametrize(
    ("row", "says", "near"),
    [
        ({"choices": ["a", "b"], "answer": 0, "qestion": "?"}, "no question", "Did you mean 'question'"),
        ({"choices": ["a", "b"], "anwser": 0, "question": "?"}, "no 'answer'", "Did you mean 'answer'"),
        ({"question": "?", "answer": 0}, "no 'choices'", '"choices"'),
        ("text", "running text", '"choices"'),
    ],
)
def test_keys_that_are_missing_are_named_with_the_near_one(row: Any, says: str, near: str) -> None:
    with pytest.raises(RowError, match=says) as raised:
        read_choices([PAIR, row])
    assert near in str(raised.value.hint)
