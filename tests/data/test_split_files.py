import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import ConfigError, DataError, RowError
from brahma.data import split_files
from brahma.data.split import split_documents
from brahma.data.splitting.groups import groups_of, held_out

PARTS = ("train", "validation", "test")


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(folder: Path, name: str) -> list[Any]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def rows(count: int, **keys: Any) -> list[dict[str, Any]]:
    return [{"text": f"row {number}", **keys} for number in range(count)]


def test_every_row_is_in_one_part_and_in_its_order(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", given_rows := rows(100))
    report = split_files(path, tmp_path / "out", validation=0.1, test=5)
    parts = [read(tmp_path / "out", name) for name in PARTS]
    assert [len(part) for part in parts] == [85, 10, 5] == [part.rows for part in report.parts]
    assert sorted((row for part in parts for row in part), key=given_rows.index) == given_rows
    assert all(part == sorted(part, key=given_rows.index) for part in parts)


def test_validation_is_what_a_run_would_hold_out(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}.jsonl", rows(count, of=name)) for name, count in (("a", 60), ("b", 40))
    ]
    for number, row in enumerate(found := rows(40, of="b")):
        row["text"] = f"other {number}"
    write(files[1], found)
    split_files(files, tmp_path / "out", validation=0.07, seed=3)
    chosen = split_documents([60, 40], 0.07, seed=3)[1]
    named = [(name, int(number)) for name, numbers in zip("ab", chosen, strict=True) for number in numbers]
    validation = [(row["of"], int(row["text"].split()[1])) for row in read(tmp_path / "out", "validation")]
    assert validation == named


def test_a_seed_draws_the_same_rows_and_another_one_others(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows(100))
    drawn = []
    for number, seed in enumerate((1, 1, 2)):
        split_files(path, tmp_path / f"out{number}", validation=10, seed=seed)
        drawn.append(read(tmp_path / f"out{number}", "validation"))
    assert drawn[0] == drawn[1] != drawn[2]


def test_repeated_texts_are_on_one_side(tmp_path: Path) -> None:
    given_rows = [{"text": f"text {number % 40}", "id": number} for number in range(100)]
    path = write(tmp_path / "rows.jsonl", given_rows)
    report = split_files(path, tmp_path / "out", validation=0.2, test=0.2)
    texts = [{row["text"] for row in read(tmp_path / "out", name)} for name in PARTS]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    assert (report.duplicates, report.groups, report.largest) == (60, 40, 3)


def test_rows_of_one_key_value_stay_together(tmp_path: Path) -> None:
    given_rows = [{"text": f"row {number}", "author": {"name": number % 9}} for number in range(100)]
    path = write(tmp_path / "rows.jsonl", given_rows)
    split_files(path, tmp_path / "out", validation=0.25, by="author")
    sides = [{row["author"]["name"] for row in read(tmp_path / "out", name)} for name in PARTS[:2]]
    assert not sides[0] & sides[1]
    assert 11 <= len(read(tmp_path / "out", "validation")) <= 25


def test_each_file_gives_its_share(tmp_path: Path) -> None:
    large = write(tmp_path / "large.jsonl", rows(180))
    small = write(tmp_path / "small.jsonl", [{"text": f"small {number}"} for number in range(20)])
    report = split_files([large, small], tmp_path / "out", validation=0.1, stratify=True)
    assert [part.sources for part in report.parts] == [(162, 18), (18, 2)]


def test_conversations_are_whole_and_keep_their_keys(tmp_path: Path) -> None:
    given_rows = [
        {"messages": [{"role": "user", "content": str(n)}, {"role": "assistant", "content": "b"}], "id": n}
        for n in range(10)
    ]
    split_files(write(tmp_path / "chat.jsonl", given_rows), tmp_path / "out", validation=3)
    found = read(tmp_path / "out", "train") + read(tmp_path / "out", "validation")
    assert sorted(found, key=lambda row: row["id"]) == given_rows


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_parts_are_of_the_kind_of_their_input(tmp_path: Path, suffix: str) -> None:
    pairs = [{"prompt": f"{number}", "completion": "b"} for number in range(10)]
    path = write(tmp_path / "rows.jsonl", pairs)
    split_files(path, tmp_path / "first", validation=1, format=suffix[1:])  # type: ignore[arg-type]
    split_files(tmp_path / "first" / f"train{suffix}", tmp_path / "second", validation=2)
    assert sorted(each.name for each in (tmp_path / "second").iterdir()) == [
        f"train{suffix}",
        f"validation{suffix}",
    ]


def test_paragraphs_of_a_plain_text(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one\ntwo\n\nthree\n\nfour\n")
    split_files(tmp_path / "text.txt", tmp_path / "out", validation=1, text_document="blank_line")
    both = [(tmp_path / "out" / f"{name}.txt").read_text() for name in PARTS[:2]]
    assert sorted(text.strip() for part in both for text in part.split("\n\n")) == [
        "four",
        "one\ntwo",
        "three",
    ]


class TestMistakes:
    @pytest.mark.parametrize("size", [0, 1.0, 1.5, -1, 0.0])
    def test_a_size_that_is_none(self, tmp_path: Path, size: float) -> None:
        with pytest.raises(ConfigError, match="the size of test must be a fraction"):
            split_files(write(tmp_path / "rows.jsonl", rows(9)), tmp_path / "out", test=size)

    @pytest.mark.parametrize(
        ("given_rows", "options"),
        [
            (rows(1), {}),
            (rows(2), {"test": 1}),
            ([{"text": "same"}] * 10, {}),
            (rows(10, author="one"), {"by": "author"}),
            (rows(9), {"validation": 9}),
            (rows(9), {"validation": 0.5, "test": 0.5}),
        ],
    )
    def test_too_few_rows(self, tmp_path: Path, given_rows: list[Any], options: dict[str, Any]) -> None:
        with pytest.raises(DataError, match="too few rows for this split"):
            split_files(write(tmp_path / "rows.jsonl", given_rows), tmp_path / "out", **options)
        assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]

    def test_a_key_that_is_not_there(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", rows(5, author="x"))
        with pytest.raises(RowError, match=r"rows\.jsonl:1: the row has no 'autor'") as caught:
            split_files(path, tmp_path / "out", by="autor")
        assert caught.value.hint == 'did you mean "author"?'

    def test_parts_that_exist_stay_unless_it_is_said(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", rows(10))
        split_files(path, tmp_path / "out", validation=1)
        with pytest.raises(DataError, match="exists already"):
            split_files(path, tmp_path / "out", validation=5)
        assert len(read(tmp_path / "out", "validation")) == 1
        split_files(path, tmp_path / "out", validation=5, overwrite=True)
        assert len(read(tmp_path / "out", "validation")) == 5

    def test_an_input_is_no_output(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        path = write(tmp_path / "out" / "train.jsonl", rows(10))
        with pytest.raises(DataError, match="the output is also an input"):
            split_files(path, tmp_path / "out", overwrite=True)

    def test_a_bad_row_leaves_nothing_behind(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [*rows(5), {"text": " "}, *rows(3)])
        with pytest.raises(RowError, match=r"rows\.jsonl:6: the text is empty"):
            split_files(path, tmp_path / "out")
        assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]
        report = split_files(path, tmp_path / "out", validation=2, on_bad_row="skip")
        assert report.skipped == ((f"{path}:6", "the text is empty"),)
        assert sum(part.rows for part in report.parts) == 8


words = st.lists(st.integers(0, 6), min_size=1, max_size=30)


@given(words, st.data())
def test_groups_are_the_connected_rows(texts: list[int], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.integers(0, 6), min_size=len(texts), max_size=len(texts)))
    groups = groups_of([np.array(texts, np.uint64), np.array(names, np.uint64)]).tolist()
    for one in range(len(texts)):
        for other in range(one):
            if texts[one] == texts[other] or names[one] == names[other]:
                assert groups[one] == groups[other]
    for group in set(groups):  # and nothing is joined that nothing connects
        members = [number for number, each in enumerate(groups) if each == group]
        reached, more = {members[0]}, True
        while more:
            linked = {
                number
                for number in members
                if any(texts[number] == texts[each] or names[number] == names[each] for each in reached)
            }
            more, reached = linked != reached, linked
        assert reached == set(members)


@given(words, st.integers(0, 99))
def test_no_group_is_torn_and_no_part_is_larger_than_asked_for(texts: list[int], seed: int) -> None:
    groups = groups_of([np.array(texts, np.uint64)])
    parts = held_out(groups, np.zeros(len(texts), np.int64), [0.3, 0.2], seed=seed)
    assert all(len(set(parts[groups == group].tolist())) == 1 for group in set(groups.tolist()))
    for number, size in ((1, 0.3), (2, 0.2)):
        assert np.count_nonzero(parts == number) <= max(1, round(size * len(texts)))
