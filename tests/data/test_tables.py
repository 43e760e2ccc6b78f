"""CSV and Parquet."""

import codecs
import csv
import io
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from brahma.core.errors import DataError
from brahma.data import Dataset
from brahma.data.readers import BadRow, RawRow, ReadOptions, read_row_at, read_rows, reader_of

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
cells = st.text(st.sampled_from('ab é🙂",;|\t\n\r'), max_size=8)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def rows(path: Path, **options: Any) -> list[RawRow]:
    found = list(reader_of(path)(path, ReadOptions(**options)))
    assert all(isinstance(row, RawRow) for row in found), found
    return [row for row in found if isinstance(row, RawRow)]


@same_folder
@given(
    table=st.lists(st.tuples(cells, cells), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_records_come_back_with_their_lines_and_offsets(
    tmp_path: Path, table: list[tuple[str, str]], delimiter: str, ending: str, mark: bool
) -> None:
    stream, places = codecs.BOM_UTF8 if mark else b"", []
    for record in [("prompt", "completion"), *table]:
        places.append((stream.count(b"\n") + 1, len(stream)))
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerow(record)
        stream += (text.getvalue().removesuffix("\r\n") + ending).encode()
    path = write(tmp_path / "rows.csv", stream)
    found = list(read_rows(path))
    assert [row.value for row in found if isinstance(row, RawRow)] == [
        {"prompt": prompt, "completion": completion} for prompt, completion in table
    ]
    assert [(row.line, row.offset) for row in found] == places[1:]
    again = [read_row_at(path, line=row.line, offset=row.offset) for row in found]
    assert [getattr(row, "value", None) for row in again] == [getattr(row, "value", None) for row in found]


@pytest.mark.parametrize(
    ("name", "delimiter", "told"),
    [
        ("a.csv", ",", {}),
        ("a.csv", ";", {"columns separated by semicolons": 1}),
        ("a.csv", "\t", {"columns separated by tabs": 1}),
        ("a.csv", "|", {"columns separated by bars": 1}),
        ("a.tsv", "\t", {}),
    ],
)
def test_the_delimiter_is_guessed_and_told(
    tmp_path: Path, name: str, delimiter: str, told: dict[str, int]
) -> None:
    lines = [["text", "n"], ['"a, b; c"', "1"], ['"d | e, f"', "2"]]
    path = write(tmp_path / name, "\n".join(delimiter.join(line) for line in lines).encode())
    first, second = rows(path)
    assert first.value == {"text": "a, b; c", "n": "1"}
    assert (first.repairs, second.repairs) == (told, {})


def test_a_bad_record_is_named_and_reading_goes_on(tmp_path: Path) -> None:
    data = b'text,n\n"a\nb",1\nc\n\n"d"e,2\nf\xff,3\n"g ""x""",4\n'
    path = write(tmp_path / "a.csv", data)
    found = list(read_rows(path))
    assert [(row.line, type(row)) for row in found] == [
        (2, RawRow), (4, BadRow), (6, BadRow), (7, BadRow), (8, RawRow),
    ]  # fmt: skip
    told = [str(row.error) for row in found if isinstance(row, BadRow)]
    assert f"{path}:4: the row has 1 cells, the header 2" in told[0]
    assert f"{path}:6: not valid CSV" in told[1]
    assert f"{path}:7: not valid UTF-8" in told[2]
    assert isinstance(found[-1], RawRow)
    assert found[-1].value == {"text": 'g "x"', "n": "4"}


@pytest.mark.parametrize(
    ("data", "message", "where"),
    [
        (b'text,n\na,1\n"b,2\nc,3\n', "a quote that opens here is not closed", ":3"),
        (b"text,text\na,b\n", "names the column 'text' twice", ":1"),
        (b"te\xffxt,n\na,b\n", "not valid UTF-8", ":1"),
        (b"text\na\0b\n", "binary", ""),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, data: bytes, message: str, where: str) -> None:
    path = write(tmp_path / "a.csv", data)
    with pytest.raises(DataError, match=message) as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}{where}"
    assert caught.value.hint


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'text\n"' + b"a\n" * 1000)
    with pytest.raises(DataError, match="not closed"):
        list(reader_of(path)(path, ReadOptions(longest=100)))


def test_a_table_without_rows_is_empty(tmp_path: Path) -> None:
    for data in (b"", b"text,n\n"):
        with pytest.raises(DataError, match="it holds no rows"):
            Dataset.from_file(write(tmp_path / "a.csv", data))


def test_lenient_reading_mends_a_table_and_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"text;n\nna\xefve;1\nb\0c;2\n")
    first, second = rows(path, lenient=True)
    assert first.value == {"text": "naïve", "n": "1"}
    assert first.repairs == {"columns separated by semicolons": 1, "byte read as Windows-1252": 1}
    assert (second.value, second.repairs) == ({"text": "bc", "n": "2"}, {"NUL byte removed": 1})
    path.write_bytes("text\nä\n".encode("utf-16"))
    (row,) = rows(path, lenient=True)
    assert (row.value, row.repairs) == ({"text": "ä"}, {"file read as UTF-16": 1})


def make_parquet(path: Path, count: int, group: int) -> list[dict[str, Any]]:
    made = [
        {"messages": [{"role": "user", "content": str(n)}, {"role": "assistant", "content": "é"}], "n": n}
        for n in range(count)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(made), path, row_group_size=group)
    return made


@pytest.mark.parametrize(("count", "group"), [(1, 10), (10, 3), (300, 100), (300, 1000), (257, 1)])
def test_parquet_rows_come_by_number_from_any_row(tmp_path: Path, count: int, group: int) -> None:
    path = tmp_path / "a.parquet"
    made = make_parquet(path, count, group)
    found = list(read_rows(path))
    assert [row.value for row in found if isinstance(row, RawRow)] == made
    assert [(row.line, row.offset) for row in found] == [(n + 1, n) for n in range(count)]
    for number in {0, count // 3, count // 2, count - 1}:
        assert read_row_at(path, line=number + 1, offset=number) == found[number]
    assert [row.offset for row in rows(path, start=count // 2, end=count - 1)] == list(
        range(count // 2, count - 1)
    )
    data = Dataset.from_file(path)
    assert (data.format, len(data), data[-1].messages[0].content) == ("chat", count, str(count - 1))


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    make_parquet(path, 10, 10)
    for damaged in (path.read_bytes()[:-20], b"no parquet", b""):
        with pytest.raises(DataError, match="no Parquet file, or is damaged"):
            list(read_rows(write(tmp_path / "b.parquet", damaged)))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_rows(tmp_path / "none.parquet"))
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"])
    parquet.write_table(table, tmp_path / "c.parquet")
    with pytest.raises(DataError, match="two columns are named 'text'"):
        list(read_rows(tmp_path / "c.parquet"))


def test_a_text_that_is_no_utf8_is_a_bad_row(tmp_path: Path) -> None:
    array = pyarrow.array([b"a", b"\xff", b"c"], pyarrow.binary())
    text = pyarrow.StringArray.from_buffers(3, *array.buffers()[1:], null_count=0)
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.Table.from_arrays([text], names=["text"]), path, use_dictionary=False)
    found = list(read_rows(path))
    assert [type(row) for row in found] == [RawRow, BadRow, RawRow]
    assert isinstance(found[1], BadRow)
    assert f"{path}:2: a text of the row is not valid UTF-8" in str(found[1].error)


def test_columns_that_are_null_are_absent(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q", "tool_calls": None}, {"role": "assistant", "content": "a"}]
    path = tmp_path / "a.parquet"
    made = [{"messages": turns, "text": None, "tools": []}]
    parquet.write_table(pyarrow.Table.from_pylist(made), path)
    (row,) = Dataset.from_file(path)
    assert [message.content for message in row.messages] == ["q", "a"]


def test_times_in_nanoseconds_are_read_where_nothing_is_lost(tmp_path: Path) -> None:
    kind = pyarrow.timestamp("ns", "Europe/Paris")
    kinds = {
        "plain": (pyarrow.timestamp("ns"), 1_000, datetime(1970, 1, 1, 0, 0, 0, 1)),
        "duration": (pyarrow.duration("ns"), 1_000, timedelta(microseconds=1)),
        "time": (pyarrow.time64("ns"), 1_000, time(microsecond=1)),
        "list": (pyarrow.list_(pyarrow.timestamp("ns")), [1_000], [datetime(1970, 1, 1, 0, 0, 0, 1)]),
        "struct": (
            pyarrow.struct([("t", pyarrow.timestamp("ns"))]),
            {"t": None},
            {"t": None},
        ),
    }
    columns = {name: pyarrow.array([value], kind) for name, (kind, value, _) in kinds.items()}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    (row,) = read_rows(tmp_path / "a.parquet")
    assert isinstance(row, RawRow)
    assert row.value == {name: value for name, (_, _, value) in kinds.items()}
    assert all(type(value) is type(kinds[name][2]) for name, value in row.value.items())
    parquet.write_table(pyarrow.table({"t": pyarrow.array([1_001], kind)}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="more finely than in microseconds"):
        list(read_rows(tmp_path / "b.parquet"))
