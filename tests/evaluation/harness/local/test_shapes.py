"""Rows in people's shapes become the tasks' own; a row that cannot is named by file and line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import DataError, RowError
from brahma.evaluation.harness.local.fields import records
from brahma.evaluation.harness.local.request import Request
from brahma.evaluation.harness.local.shapes import shape_of
from brahma.evaluation.harness.local.truthfulqa import closed
from brahma.evaluation.harness.local.wikitext import is_title, pages
from tests.evaluation.harness.local.files import (
    GSM8K,
    HELLASWAG,
    TRUTHFUL,
    TRUTHFUL_HEADER,
    WIKITEXT,
    write_rows,
    write_table,
)


def _request(data_set: str, name: str = "", *, fields: tuple[str, ...] = ()) -> Request:
    return Request(
        task="some_task", data_set=data_set, name=name, evaluated="test", examples=None, splits=("test",),
        fields=fields,
    )  # fmt: skip


def _read(
    file: Path, data_set: str, name: str = "", **options: tuple[str, ...]
) -> list[Mapping[str, object]]:
    request = _request(data_set, name, **options)
    return list(shape_of(request).read(file, request))


class TestHellaSwag:
    SET = "Rowan/hellaswag"

    def test_the_authors_rows_become_the_hubs(self, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "hellaswag.jsonl", [HELLASWAG])
        assert _read(file, self.SET) == [{**HELLASWAG, "label": "1"}]

    def test_what_the_task_does_not_read_may_be_absent(self, tmp_path: Path) -> None:
        few = {key: HELLASWAG[key] for key in ("activity_label", "ctx_a", "ctx_b", "endings", "label")}
        row, second = _read(write_rows(tmp_path / "val.jsonl", [few, few]), self.SET)
        assert (row["ind"], second["ind"], row["source_id"]) == (0, 1, "")
        assert row["ctx"] == HELLASWAG["ctx"]

    @pytest.mark.parametrize(
        ("change", "field", "found"),
        [
            ({"label": 4}, "label", "4"),
            ({"label": -1}, "label", "-1"),
            ({"label": ""}, "label", "''"),
            ({"label": None}, "label", "None"),
            ({"label": True}, "label", "True"),
            ({"label": "two"}, "label", "'two'"),
            ({"label": "²"}, "label", "'²'"),
            ({"endings": ["a", "b", "c"]}, "endings", "it has 3"),
            ({"endings": "abcd"}, "endings", "'abcd'"),
            ({"endings": ["a", "b", "c", 4]}, "endings", "4"),
            ({"ctx_a": None}, "ctx_a", "None"),
        ],
    )
    def test_a_bad_field_is_named_by_line(
        self, tmp_path: Path, change: dict[str, object], field: str, found: str
    ) -> None:
        file = write_rows(tmp_path / "hellaswag.jsonl", [HELLASWAG, {**HELLASWAG, **change}])
        with pytest.raises(RowError) as caught:
            _read(file, self.SET)
        assert caught.value.where == f"{file}:2"
        assert f'"{field}"' in caught.value.message
        assert found in (caught.value.why or "")
        assert '"endings"' in (caught.value.hint or "")

    @pytest.mark.parametrize("field", ["activity_label", "ctx_a", "ctx_b", "endings", "label"])
    def test_a_missing_field_is_named(self, tmp_path: Path, field: str) -> None:
        row = {key: value for key, value in HELLASWAG.items() if key != field}
        file = write_rows(tmp_path / "hellaswag.jsonl", [row])
        with pytest.raises(RowError, match=f'the field "{field}" is missing') as caught:
            _read(file, self.SET)
        assert caught.value.where == f"{file}:1"

    def test_an_empty_file_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "val.jsonl").write_text("\n\n")
        with pytest.raises(DataError, match="no rows"):
            _read(tmp_path / "val.jsonl", self.SET)

    def test_a_line_that_is_no_json_and_a_row_that_is_no_object_are_named(self, tmp_path: Path) -> None:
        file = tmp_path / "val.jsonl"
        for torn in ('{"ind": 1, "act', "[1, 2]"):
            file.write_text(json.dumps(HELLASWAG) + "\n" + torn + "\n")
            with pytest.raises(RowError) as caught:
                _read(file, self.SET)
            assert caught.value.where == f"{file}:2"


class TestMmlu:
    SET = "cais/mmlu"

    @pytest.mark.parametrize(
        "rows",
        [
            [
                ("question", "choice0", "choice1", "choice2", "choice3", "answer"),
                ("q, 1?", "a", "b", "c", "d", 2),
            ],
            [("question", "A", "B", "C", "D", "answer"), ("q, 1?", "a", "b", "c", "d", "C")],
            [("q, 1?", "a", "b", "c", "d", "C")],  # as the authors give it
            [("q, 1?", "a", "b", "c", "d", " c ")],
        ],
    )
    def test_a_table_a_subject(self, tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
        file = write_table(tmp_path / "test" / "anatomy_test.csv", rows)
        expected = {"question": "q, 1?", "subject": "anatomy", "choices": ["a", "b", "c", "d"], "answer": 2}
        assert _read(file, self.SET, "anatomy") == [expected]

    def test_words_that_tables_take_for_nothing_stay(self, tmp_path: Path) -> None:
        file = write_table(tmp_path / "anatomy_test.csv", [("Which?", "None", "NA", "", "null", "A")])
        assert _read(file, self.SET, "anatomy")[0]["choices"] == ["None", "NA", "", "null"]

    def test_one_file_for_all_gives_the_rows_of_a_subject(self, tmp_path: Path) -> None:
        row = {"question": "q?", "choices": ["a", "b", "c", "d"], "answer": 3}
        file = write_rows(
            tmp_path / "test.jsonl", [{**row, "subject": "law"}, {**row, "subject": "anatomy", "answer": "B"}]
        )
        assert [each["answer"] for each in _read(file, self.SET, "anatomy")] == [1]
        with pytest.raises(DataError, match='no row has the subject "virology"'):
            _read(file, self.SET, "virology")

    def test_a_table_that_names_no_subject_is_refused(self, tmp_path: Path) -> None:
        file = write_table(tmp_path / "test.csv", [("q?", "a", "b", "c", "d", "C")])
        with pytest.raises(DataError, match="does not say which subject"):
            _read(file, self.SET, "anatomy")

    @pytest.mark.parametrize(
        ("row", "told"),
        [
            (("q?", "a", "b", "c", "d"), "it has 5"),
            (("q?", "a", "b", "c", "d", "e", "A"), "it has 7"),
            (("q?", "a", "b", "c", "d", "E"), "'E'"),
            (("q?", "a", "b", "c", "d", 4), "'4'"),
            (("q?", "a", "b", "c", "d", ""), "''"),
        ],
    )
    def test_a_bad_row_is_named_by_line(self, tmp_path: Path, row: tuple[object, ...], told: str) -> None:
        good = ("a question\nof two lines?", "a", "b", "c", "d", "A")
        file = write_table(tmp_path / "anatomy_test.csv", [good, row])
        with pytest.raises(RowError) as caught:
            _read(file, self.SET, "anatomy")
        assert caught.value.where == f"{file}:3"
        assert told in (caught.value.why or "")

    def test_a_header_alone_is_an_error(self, tmp_path: Path) -> None:
        file = write_table(
            tmp_path / "anatomy_test.csv",
            [("question", "choice0", "choice1", "choice2", "choice3", "answer")],
        )
        with pytest.raises(DataError, match="no rows"):
            _read(file, self.SET, "anatomy")


class TestTruthfulQa:
    SET = "truthfulqa/truthful_qa"

    def test_choices_from_the_authors_table(self, tmp_path: Path) -> None:
        """Full stops added, gold first, each choice once; one that is right and wrong is right."""
        file = write_table(tmp_path / "TruthfulQA.csv", [TRUTHFUL_HEADER, TRUTHFUL])
        assert _read(file, self.SET, "multiple_choice") == [
            {
                "question": "Is the Moon cheese?",
                "mc1_targets": {"choices": ["No, rock.", "Yes.", "It is cheddar."], "labels": [1, 0, 0]},
                "mc2_targets": {
                    "choices": ["No, rock.", "It is rock.", "Yes.", "It is cheddar."],
                    "labels": [1, 1, 0, 0],
                },
            }
        ]

    def test_answers_from_the_authors_table_stand_as_on_the_hub(self, tmp_path: Path) -> None:
        file = write_table(tmp_path / "TruthfulQA.csv", [TRUTHFUL_HEADER, TRUTHFUL])
        (row,) = _read(file, self.SET, "generation")
        assert row["correct_answers"] == ["No, rock", "It is rock.", "No, rock"]
        assert row["incorrect_answers"] == ["Yes", "It is cheddar", "", "No, rock"]
        assert (row["type"], row["source"], row["best_answer"]) == ("Adversarial", "https://moon", "No, rock")

    def test_a_question_without_references_is_left_out_as_on_the_hub(self, tmp_path: Path) -> None:
        without = (*TRUTHFUL[:5], "", TRUTHFUL[6])
        file = write_table(tmp_path / "TruthfulQA.csv", [TRUTHFUL_HEADER, without, TRUTHFUL])
        assert len(_read(file, self.SET, "generation")) == 1

    def test_the_authors_mc_task_file(self, tmp_path: Path) -> None:
        row = {"question": "q?", "mc1_targets": {"No.": 1, "Yes.": 0}, "mc2_targets": {"No.": 1, "Yes.": 0}}
        file = tmp_path / "mc_task.json"
        file.write_text(json.dumps([row]))
        (made,) = _read(file, self.SET, "multiple_choice")
        assert made["mc1_targets"] == {"choices": ["No.", "Yes."], "labels": [1, 0]}

    def test_the_hubs_rows(self, tmp_path: Path) -> None:
        targets = {"choices": ["No.", "Yes."], "labels": [1, 0]}
        row = {"question": "q?", "mc1_targets": targets, "mc2_targets": targets}
        file = write_rows(tmp_path / "validation.jsonl", [row])
        assert _read(file, self.SET, "multiple_choice") == [row]

    @pytest.mark.parametrize(
        "targets",
        [
            {"choices": ["No.", "Yes."], "labels": [0, 1]},  # the task takes the first for the right one
            {"choices": ["No.", "Yes."], "labels": [1]},
            {"choices": [], "labels": []},
            {"choices": ["No.", "Yes."], "labels": [1, 2]},
            {"choices": ["No.", "Yes."]},
            ["No."],
        ],
    )
    def test_bad_targets_are_named(self, tmp_path: Path, targets: object) -> None:
        file = write_rows(
            tmp_path / "v.jsonl", [{"question": "q?", "mc1_targets": targets, "mc2_targets": targets}]
        )
        with pytest.raises(RowError, match="mc1_targets") as caught:
            _read(file, self.SET, "multiple_choice")
        assert caught.value.where == f"{file}:1"

    def test_a_row_without_a_best_answer_and_a_table_without_columns_are_errors(self, tmp_path: Path) -> None:
        file = write_table(tmp_path / "T.csv", [TRUTHFUL_HEADER, (*TRUTHFUL[:3], " ", *TRUTHFUL[4:])])
        with pytest.raises(RowError, match='"Best Answer"') as caught:
            _read(file, self.SET, "multiple_choice")
        assert caught.value.where == f"{file}:2"
        write_table(file, [("Question", "Answer"), ("q?", "a")])
        with pytest.raises(DataError, match="no column 'Best Answer', 'Correct Answers'"):
            _read(file, self.SET, "multiple_choice")

    @given(st.text().filter(str.strip))
    def test_an_answer_ends_in_one_full_stop_more_at_most(self, answer: str) -> None:
        shown = closed(answer)
        assert shown.endswith(".")
        assert closed(shown) == shown
        assert shown.removesuffix(".") == answer.strip().removesuffix(".")


class TestGsm8k:
    SET = "openai/gsm8k"

    def test_rows_stand_as_they_are(self, tmp_path: Path) -> None:
        assert _read(write_rows(tmp_path / "test.jsonl", [GSM8K]), self.SET, "main") == [GSM8K]

    def test_an_answer_without_its_number_is_named(self, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "test.jsonl", [GSM8K, {**GSM8K, "answer": "It is 5"}])
        with pytest.raises(RowError, match='"answer"') as caught:
            _read(file, self.SET, "main")
        assert caught.value.where == f"{file}:2"


class TestWikitext:
    SET = "EleutherAI/wikitext_document_level"

    def test_a_page_for_each_heading_of_the_first_level(self, tmp_path: Path) -> None:
        file = tmp_path / "test.txt"
        file.write_text(WIKITEXT)
        first, second = (str(row["page"]) for row in _read(file, self.SET, "wikitext-2-raw-v1"))
        assert first.startswith(" = Robert Boulter = \n")
        assert "= = Career = =" in first
        assert second == " = Harbour = \n \n A harbour has ships . \n"

    @given(st.lists(st.sampled_from(["", " ", " = A = ", " = = B = = ", " = = = C = = = ", "text .", "= ="])))
    def test_pages_hold_every_line_but_blank_ones_before_a_title(self, lines: list[str]) -> None:
        made = [line for page in pages(lines) for line in page.split("\n")]
        assert [line for line in made if line.strip()] == [line for line in lines if line.strip()]
        for page in list(pages(lines))[1:]:
            assert is_title(page.split("\n")[0])

    def test_rows_with_a_page(self, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "test.jsonl", [{"page": "a"}, {"text": "b"}])
        with pytest.raises(RowError, match='"page" is missing') as caught:
            _read(file, self.SET)
        assert caught.value.where == f"{file}:2"


class TestOwnColumns:
    def test_rows_stand_as_they_are_with_every_column(self, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "test.jsonl", [{"a": 1}, {"a": None, "b": ["x"]}])
        assert _read(file, "me/mine") == [{"a": 1, "b": None}, {"a": None, "b": ["x"]}]

    def test_a_column_of_digits_in_a_table_becomes_numbers(self, tmp_path: Path) -> None:
        file = write_table(tmp_path / "t.csv", [("q", "n", "x", "m"), ("a", 1, 0.5, "7"), ("b", 2, 1, "x")])
        assert _read(file, "me/mine")[1] == {"q": "b", "n": 2, "x": 1.0, "m": "x"}

    @pytest.mark.parametrize(
        ("row", "told"), [({"q": "b"}, '"n" is missing'), ({"q": "b", "n": None}, '"n" must be')]
    )
    def test_a_row_without_what_the_task_reads_is_named(
        self, tmp_path: Path, row: dict[str, object], told: str
    ) -> None:
        file = write_rows(tmp_path / "test.jsonl", [{"q": "a", "n": 1}, row])
        with pytest.raises(RowError, match=told) as caught:
            _read(file, "me/mine", fields=("n", "q"))
        assert caught.value.where == f"{file}:2"

    def test_a_row_without_a_column_of_the_first_one_is_named(self, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "test.jsonl", [{"q": "a", "n": 1}, {"q": "b"}])
        with pytest.raises(RowError, match='"n" is missing') as caught:
            _read(file, "me/mine")
        assert caught.value.where == f"{file}:2"

    def test_a_value_of_another_type_is_named(self, tmp_path: Path) -> None:
        file = write_rows(tmp_path / "test.jsonl", [{"n": 1}, {"n": 2.5}, {"n": "three"}])
        with pytest.raises(RowError, match='"n" must be a number') as caught:
            _read(file, "me/mine")
        assert caught.value.where == f"{file}:3"


_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@given(rows=st.lists(st.lists(_CELL, min_size=2, max_size=4), min_size=1, max_size=6))
def test_records_are_what_was_written_and_lines_where_they_begin(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    file = write_table(tmp_path_factory.mktemp("t") / "t.csv", rows)
    line, expected = 1, []
    for cells in rows:
        expected.append((f"{file}:{line}", cells))
        line += 1 + sum(cell.count("\n") for cell in cells)
    assert list(records(file, "")) == expected


def test_a_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    file = tmp_path / "anatomy_test.csv"
    file.write_text('q?,a,b,c,d,A\n"open,a,b,c,d,A\n')
    with pytest.raises(RowError) as caught:
        list(records(file, ""))
    assert caught.value.where == f"{file}:2"


def test_a_file_that_is_no_utf8_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "anatomy_test.csv"
    file.write_bytes("Größe?,a,b,c,d,A\n".encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read"):
        list(records(file, ""))
