"""A task's files are found where people put them, and what is not there is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from brahma.core.errors import DataError
from brahma.evaluation.harness.local.folders import DataDirectory
from brahma.evaluation.harness.local.request import Request

HELLASWAG = Request(
    task="hellaswag", data_set="Rowan/hellaswag", name="", evaluated="validation", examples=None,
    splits=("validation", "train"),
)  # fmt: skip
ANATOMY = Request(
    task="mmlu_anatomy", data_set="cais/mmlu", name="anatomy", evaluated="test", examples="dev",
    splits=("test", "dev"), shots=5,
)  # fmt: skip
WIKITEXT = Request(
    task="wikitext", data_set="EleutherAI/wikitext_document_level", name="wikitext-2-raw-v1",
    evaluated="test", examples=None, splits=("test", "validation", "train"),
)  # fmt: skip
EASY = Request(
    task="arc_easy", data_set="allenai/ai2_arc", name="ARC-Easy", evaluated="test", examples=None,
    splits=("test", "validation", "train"), fields=("question",),
)  # fmt: skip
TRUTHFUL = Request(
    task="truthfulqa_mc1", data_set="truthfulqa/truthful_qa", name="multiple_choice", evaluated="validation",
    examples=None, splits=("validation",),
)  # fmt: skip


def _place(root: Path, *files: str) -> DataDirectory:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("{}\n")
    return DataDirectory(root, {"hellaswag", "hellaswag_ht", "mmlu_pro", "mmlu"}.__contains__)


def _found(directory: DataDirectory, request: Request, split: str | None = None) -> list[str]:
    files = directory.files(request, split or request.evaluated)
    return [file.relative_to(directory.path).as_posix() for file in files]


@pytest.mark.parametrize(
    ("request_", "file"),
    [
        (HELLASWAG, "hellaswag/validation.jsonl"),
        (HELLASWAG, "hellaswag/val.json"),
        (HELLASWAG, "hellaswag/hellaswag_val.jsonl"),
        (HELLASWAG, "hellaswag/hellaswag.jsonl"),
        (HELLASWAG, "hellaswag/dev.parquet"),
        (HELLASWAG, "HellaSwag/data/validation-00000-of-00001.parquet"),
        (HELLASWAG, "Rowan/hellaswag/validation.jsonl"),
        (HELLASWAG, "hellaswag_val1000/hellaswag.jsonl"),
        (ANATOMY, "mmlu/test/anatomy_test.csv"),
        (ANATOMY, "mmlu/data/test/anatomy_test.csv"),
        (ANATOMY, "mmlu/anatomy_test.csv"),
        (ANATOMY, "mmlu/anatomy/test-00000-of-00001.parquet"),
        (ANATOMY, "mmlu/test.jsonl"),
        (ANATOMY, "mmlu_anatomy/test.jsonl"),
        (WIKITEXT, "wikitext/wiki.test.raw"),
        (WIKITEXT, "wikitext2_valid_test/test.txt"),
        (WIKITEXT, "wikitext-2/wiki.test.tokens"),
        (EASY, "arc_easy/test.jsonl"),
        (EASY, "ARC-Easy/test.jsonl"),
        (EASY, "ai2_arc/ARC-Easy/test-00000-of-00001.parquet"),
        (EASY, "ai2_arc/arc-easy_test.jsonl"),
        (TRUTHFUL, "truthfulqa/TruthfulQA.csv"),
        (TRUTHFUL, "truthful_qa/multiple_choice/validation-00000-of-00001.parquet"),
        (TRUTHFUL, "TruthfulQA/mc_task.json"),
    ],
)
def test_files_are_found_where_people_put_them(tmp_path: Path, request_: Request, file: str) -> None:
    assert _found(_place(tmp_path, file), request_) == [file]


def test_shards_come_in_their_order(tmp_path: Path) -> None:
    names = [f"hellaswag/validation-0000{i}-of-00003.parquet" for i in (2, 0, 1)]
    assert _found(_place(tmp_path, *names), HELLASWAG) == sorted(names)


def test_the_folder_may_be_given_itself(tmp_path: Path) -> None:
    _place(tmp_path, "hellaswag/validation.jsonl")
    directory = DataDirectory(tmp_path / "hellaswag", lambda name: False)
    assert _found(directory, HELLASWAG) == ["validation.jsonl"]


def test_the_tasks_own_folder_comes_first(tmp_path: Path) -> None:
    directory = _place(tmp_path, "mmlu/anatomy_test.csv", "mmlu_anatomy/test.jsonl", "mmlu_pro/test.jsonl")
    assert _found(directory, ANATOMY) == ["mmlu_anatomy/test.jsonl"]


@pytest.mark.parametrize(
    ("request_", "file"),
    [
        (HELLASWAG, "hellaswag_ht/validation.jsonl"),  # a task of its own
        (HELLASWAG, "hellaswags/validation.jsonl"),  # another word
        (ANATOMY, "mmlu_pro/test/anatomy_test.csv"),
        (HELLASWAG, "hellaswag/hellaswag_train.jsonl"),  # the only table, but of another split
        (HELLASWAG, "hellaswag/LICENSE"),
        (HELLASWAG, "hellaswag/.validation.jsonl"),
        (EASY, "ai2_arc/test.jsonl"),  # of which of its two parts?
        (EASY, "ai2_arc/ARC-Challenge/test.jsonl"),
        (WIKITEXT, "wikitext/LICENSE.txt"),
    ],
)
def test_files_of_something_else_are_not_taken(tmp_path: Path, request_: Request, file: str) -> None:
    assert _found(_place(tmp_path, file), request_) == []


def test_several_tables_without_a_split_are_not_guessed_at(tmp_path: Path) -> None:
    assert _found(_place(tmp_path, "hellaswag/a.jsonl", "hellaswag/b.jsonl"), HELLASWAG) == []


def test_dev_is_no_validation_where_both_are_splits(tmp_path: Path) -> None:
    directory = _place(tmp_path, "hellaswag/dev.jsonl", "hellaswag/x.jsonl")
    assert _found(directory, HELLASWAG) == ["hellaswag/dev.jsonl"]
    assert _found(directory, replace(HELLASWAG, splits=("validation", "dev"))) == []


def test_folders_that_both_begin_so_are_named(tmp_path: Path) -> None:
    directory = _place(tmp_path, "hellaswag_a/validation.jsonl", "hellaswag_b/validation.jsonl")
    with pytest.raises(DataError, match="several folders") as caught:
        directory.files(HELLASWAG, "validation")
    assert caught.value.why == "hellaswag_a, hellaswag_b"


def test_what_is_missing_says_where_it_was_looked_for_and_what_to_place(tmp_path: Path) -> None:
    directory = _place(tmp_path, "mmlu/test/law_test.csv")
    error = directory.missing(ANATOMY, "dev")
    assert error.where == "mmlu_anatomy"
    assert f"looked in {tmp_path}/mmlu for anatomy/dev, dev/anatomy_dev" in (error.why or "")
    assert f"place {tmp_path}/mmlu/dev/anatomy_dev.csv" in (error.hint or "")
    assert "question,choice0" in (error.hint or "")

    error = directory.missing(EASY, "test")
    assert error.why == f"looked in {tmp_path} for arc_easy, ai2_arc"
    assert f'{tmp_path}/arc_easy/test.jsonl. A row: {{"question": …}}' in (error.hint or "")


def test_a_data_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such data directory") as caught:
        DataDirectory(tmp_path / "nowhere", lambda name: False)
    assert caught.value.where == str(tmp_path / "nowhere")
