import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError, RowError
from brahma.core.suffixes import COMPRESSION_SUFFIXES, DATA_SUFFIXES
from brahma.data.layouts import Layout, layout_of, layouts_of, texts_of, with_texts
from brahma.data.readers import RawRow, read_row_at, read_rows
from brahma.data.writers import check_output, open_writer

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
words = st.text(st.sampled_from("ab é🙂\"',;|\n\t\\:{}"), max_size=12)
clean = words.filter(lambda text: "\0" not in text and bool(text.strip()))
ROWS: dict[Layout, st.SearchStrategy[Any]] = {
    "text": st.fixed_dictionaries({"text": words, "id": st.integers(-5, 5)}),
    "chat": st.fixed_dictionaries(
        {"messages": st.lists(st.fixed_dictionaries({"role": words, "content": words}), max_size=3)}
    ),
    "completion": st.fixed_dictionaries({"prompt": words, "completion": words}),
    "instruct": st.fixed_dictionaries(
        {"instruction": words, "input": words, "output": words, "history": st.lists(st.lists(words))}
    ),
    "sharegpt": st.fixed_dictionaries(
        {"conversations": st.lists(st.fixed_dictionaries({"from": words, "value": words}), max_size=3)}
    ),
}
some_rows = st.sampled_from(list(ROWS)).flatmap(lambda layout: st.lists(ROWS[layout], min_size=1, max_size=5))
compressions = st.sampled_from(["", *COMPRESSION_SUFFIXES])


def written(path: Path, rows: list[Any], **options: Any) -> Path:
    with open_writer(path, **options) as write:
        for row in rows:
            write(row)
    return path


def rows_of(path: Path, **options: Any) -> list[Any]:
    rows = list(read_rows(path, **options))
    assert all(isinstance(row, RawRow) for row in rows), rows
    assert [read_row_at(path, line=row.line, offset=row.offset, **options) for row in rows] == rows
    return [row.value for row in rows if isinstance(row, RawRow)]


@same_folder
@given(rows=some_rows, ending=st.sampled_from([".jsonl", ".ndjson", ".json"]), compression=compressions)
def test_json_comes_back(tmp_path: Path, rows: list[Any], ending: str, compression: str) -> None:
    assert rows_of(written(tmp_path / f"rows{ending}{compression}", rows)) == rows


@same_folder
@given(rows=some_rows)
def test_parquet_comes_back_with_real_lists_and_objects(tmp_path: Path, rows: list[Any]) -> None:
    assert rows_of(written(tmp_path / "rows.parquet", rows)) == rows


@same_folder
@given(
    rows=st.lists(st.fixed_dictionaries({"prompt": words, "completion": words}), min_size=1, max_size=6),
    ending=st.sampled_from([".csv", ".tsv"]),
    compression=compressions,
)
def test_a_table_comes_back(tmp_path: Path, rows: list[Any], ending: str, compression: str) -> None:
    assert rows_of(written(tmp_path / f"rows{ending}{compression}", rows)) == rows


@same_folder
@given(texts=st.lists(clean, max_size=5), compression=compressions)
def test_documents_of_a_text_file_come_back(tmp_path: Path, texts: list[str], compression: str) -> None:
    path = tmp_path / f"rows.txt{compression}"
    lines = ["".join(text.splitlines()) or "x" for text in texts]
    written(path, lines, text_document="line")
    assert rows_of(path, text_document="line") == [line for line in lines if line.strip()]
    blocks = ["\n".join(line for line in text.split("\n") if line.strip()) for text in texts]
    written(path, blocks, text_document="blank_line")
    assert rows_of(path, text_document="blank_line") == blocks


@same_folder
@given(pieces=st.lists(words, max_size=5), compression=compressions)
def test_a_running_text_is_written_exactly(tmp_path: Path, pieces: list[str], compression: str) -> None:
    path = written(tmp_path / f"rows.txt{compression}", pieces, text_document="file")
    assert rows_of(path) == ["".join(pieces)]


@pytest.mark.parametrize("layout", list(ROWS))
@given(data=st.data())
def test_texts_of_a_row_can_be_replaced_and_all_else_stays(layout: Layout, data: st.DataObject) -> None:
    row = data.draw(ROWS[layout]) | {"meta": {"a": [1]}}
    if layout == "instruct":
        row["history"] = [["q", "a"]]
    before = json.dumps(row)
    texts = texts_of(row, layout)
    assert with_texts(row, layout, texts) == row
    other = with_texts(row, layout, [text + "!" for text in texts])
    assert texts_of(other, layout) == tuple(text + "!" for text in texts)
    assert isinstance(other, dict)
    assert other.keys() == row.keys()
    assert other["meta"] == row["meta"]
    assert json.dumps(row) == before


def test_a_row_says_its_layout_or_is_refused_by_its_place() -> None:
    assert layout_of("text") == "text"
    assert layouts_of({"text": None, "messages": []}) == ["chat"]
    with pytest.raises(RowError, match="fits no known format") as unknown:
        layout_of({"txt": "a"}, where="my.jsonl:3")
    with pytest.raises(RowError, match="more than one format: text, chat"):
        layout_of({"text": "a", "messages": []})
    with pytest.raises(RowError, match="'messages' 1 'content' is a number"):
        texts_of({"messages": [{"content": 5}]}, "chat")
    with pytest.raises(RowError, match="'messages' is a string, not a list"):
        texts_of({"messages": "a"}, "chat")
    assert unknown.value.where == "my.jsonl:3"


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("a.txt", [{"text": "a", "id": 5}], "cannot hold the row's id"),
        ("a.txt", [{"messages": []}], "no running text"),
        ("a.txt", ["a", "b\n\nc"], "row 2: the text holds a blank line"),
        ("a.txt", [" \n"], "the text is empty"),
        ("a.txt", ["a\0"], "NUL"),
        ("a.txt", ["\ud800"], "surrogate"),
        ("a.csv", [{"a": "x"}, {"b": "y"}], "row 2: the row's columns are not those of the first row: a, b"),
        ("a.csv", [{"messages": []}], "'messages' is a list, which a cell cannot hold"),
        ("a.csv", [{"a": "\0"}], "NUL"),
        ("a.csv", ["\ud800"], "surrogate"),
        ("a.jsonl", [{"a": b"x"}], "JSON cannot hold the row"),
        ("a.parquet", [{"a": 1}, {"a": "x"}], "row 2: the row's 'a' does not fit"),
        ("a.parquet", [{"a": "\ud800"}], "row 1: the row's 'a' does not fit"),
    ],
)
def test_what_a_format_cannot_hold_is_named_by_its_row(
    tmp_path: Path, name: str, rows: list[Any], message: str
) -> None:
    with pytest.raises(RowError) as caught:
        written(tmp_path / name, rows)
    assert message in str(caught.value)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_row_of_a_later_batch_that_does_not_fit_the_first_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brahma.data._parquet._BATCH_ROWS", 2)
    first = [{"a": [{"k": "x"}], "b": None}] * 2
    path = written(tmp_path / "a.parquet", [*first, {"a": [], "b": "text"}, {"b": "y"}])
    assert rows_of(path) == [*first, {"a": [], "b": "text"}, {"a": None, "b": "y"}]
    for odd, message in [
        ({"a": [{"k": "x", "more": 1}]}, "no 'more' in it"),
        ({"c": 1}, "no such column"),
        ({"b": 5}, "row 4"),
    ]:
        with pytest.raises(RowError) as caught:
            written(tmp_path / "b.parquet", [*first, *first[:1], odd])
        assert message in str(caught.value)
        assert "row 4" in str(caught.value.where)


def test_numbers_that_orjson_would_change_are_kept(tmp_path: Path) -> None:
    rows = [{"a": 10**30, "b": float("inf"), "c": "\ud800", "d": [1e300, -0.0, {"e": float("-inf")}]}]
    assert rows_of(written(tmp_path / "a.jsonl", rows)) == rows


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", ["old"])

    def stop() -> None:
        with open_writer(path) as write:
            write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert rows_of(path) == [{"text": "old"}]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".csv", ".txt", ".json", ".parquet"])
def test_a_full_disk_is_named_and_nothing_stays(tmp_path: Path, ending: str) -> None:
    program = """
import resource, signal, sys, random
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from brahma.core.errors import DataError
from brahma.data.writers import open_writer
try:
    with open_writer(sys.argv[1], text_document="line") as write:
        for number in range(30_000):
            write(random.randbytes(40).hex())
except DataError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / f"a{ending}")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the output cannot be written" in done.stdout, done
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_standard_output_takes_every_format_but_parquet(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open_writer(None) as write:
        write("ü")
    with open_writer(None, ending=".csv") as write:
        write({"a": "x,y"})
    assert capfdbinary.readouterr().out == '{"text":"ü"}\na\n"x,y"\n'.encode()
    with pytest.raises(DataError, match="into a stream"), open_writer(None, ending=".parquet"):
        pass


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    check_output(pipe)
    written(pipe, ["a"])
    assert os.read(reader, 100) == b'{"text":"a"}\n'
    os.close(reader)
    assert pipe.is_fifo()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "file.jsonl")
    written(tmp_path / "link.jsonl", ["a"])
    assert (tmp_path / "link.jsonl").is_symlink()
    assert rows_of(tmp_path / "file.jsonl") == [{"text": "a"}]


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    there = written(tmp_path / "there.jsonl", ["a"])
    (tmp_path / "link.jsonl").symlink_to(there)
    check_output(None)
    check_output(tmp_path / "new.csv.gz", inputs=[there])
    check_output(there, overwrite=True)
    for output, message in [
        (there, "exists already"),
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "a.jsonl", "folder of the output is not there"),
        (tmp_path / "a.xyz", "no writer for files that end in '.xyz'"),
        (tmp_path / "a.parquet.gz", "compresses itself"),
        (Path("/proc/a.jsonl"), "cannot be written"),
    ]:
        with pytest.raises(DataError, match=message) as caught:
            check_output(output)
        assert caught.value.hint
    for same in (there, tmp_path / "link.jsonl"):
        with pytest.raises(DataError, match="also an input"):
            check_output(same, inputs=[there], overwrite=True)


def test_every_ending_that_is_read_is_written(tmp_path: Path) -> None:
    for ending in DATA_SUFFIXES:
        path = written(tmp_path / f"rows{ending}", ["one text"], text_document="line")
        (value,) = rows_of(path, text_document="line")
        assert value in ("one text", {"text": "one text"})


def test_a_table_is_what_python_and_others_read(tmp_path: Path) -> None:
    row = {"a": 'say "hi"', "b": "two\nlines", "c": 5, "d": None, "e": 1.5}
    path = written(tmp_path / "a.csv", [row])
    assert b"\r" not in path.read_bytes()
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [list(row), ['say "hi"', "two\nlines", "5", "", "1.5"]]
