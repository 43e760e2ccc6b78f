import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data.readers import BadRow, RawRow, TextDocument, known_suffixes, read_row_at, read_rows

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
objects = st.lists(st.dictionaries(st.text(), anything, max_size=3), max_size=6)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def values(path: Path, **options: Any) -> list[object]:
    rows = list(read_rows(path, **options))
    assert all(isinstance(row, RawRow) for row in rows)
    return [row.value for row in rows if isinstance(row, RawRow)]


def errors(path: Path) -> list[str]:
    return [str(row.error) for row in read_rows(path) if isinstance(row, BadRow)]


@same_folder
@given(
    rows=objects,
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    ascii_only=st.booleans(),
    suffix=st.sampled_from([".jsonl", ".ndjson", ".jsonl.gz"]),
    blanks=st.lists(st.integers(0, 2), min_size=6, max_size=6),
)
def test_json_lines_come_back_with_their_lines_and_offsets(
    tmp_path: Path, rows: list[Any], ending: str, mark: bool, ascii_only: bool, suffix: str, blanks: list[int]
) -> None:
    stream, places, line = codecs.BOM_UTF8 if mark else b"", [], 1
    for row, before in zip(rows, blanks, strict=False):
        stream += (ending * before).encode()
        line += before
        places.append((line, len(stream)))
        stream += (json.dumps(row, ensure_ascii=ascii_only) + ending).encode("utf-8", "surrogatepass")
        line += 1
    path = write(tmp_path / f"rows{suffix}", stream)
    found = list(read_rows(path))
    assert [(row.line, row.offset) for row in found] == places
    assert [row.value for row in found if isinstance(row, RawRow)] == rows
    assert [read_row_at(path, line=row.line, offset=row.offset) for row in found] == found


@same_folder
@given(
    rows=objects,
    indent=st.sampled_from([None, 1]),
    mark=st.booleans(),
    ascii_only=st.booleans(),
    suffix=st.sampled_from([".json", ".json.gz"]),
)
def test_json_arrays_come_back_with_their_lines_and_offsets(
    tmp_path: Path, rows: list[Any], indent: int | None, mark: bool, ascii_only: bool, suffix: str
) -> None:
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    stream = (codecs.BOM_UTF8 if mark else b"") + text.encode()
    path = write(tmp_path / f"rows{suffix}", stream)
    found = list(read_rows(path))
    assert [row.value for row in found if isinstance(row, RawRow)] == rows
    assert all(stream[row.offset : row.offset + 1] == b"{" for row in found)
    assert [row.line for row in found] == [stream[: row.offset].count(b"\n") + 1 for row in found]
    assert [read_row_at(path, line=row.line, offset=row.offset) for row in found] == found


@same_folder
@given(
    text=st.text(st.sampled_from("ab é🙂\n\r\t"), max_size=30),
    document=st.sampled_from(["file", "blank_line", "line"]),
    suffix=st.sampled_from([".txt", ".txt.gz"]),
)
def test_plain_text_comes_back_with_its_lines_and_offsets(
    tmp_path: Path, text: str, document: TextDocument, suffix: str
) -> None:
    path = write(tmp_path / f"text{suffix}", text.encode())
    found = list(read_rows(path, text_document=document))
    texts = [str(row.value) for row in found if isinstance(row, RawRow)]
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    expected = {
        "file": [text.replace("\r\n", "\n")],
        "line": [line for line in lines if line.strip(" \t\r")],
        "blank_line": paragraphs(lines),
    }
    assert texts == expected[document]
    for row in found:
        assert read_row_at(path, line=row.line, offset=row.offset, text_document=document) == row
        assert row.line == text.encode()[: row.offset].count(b"\n") + 1


def paragraphs(lines: list[str]) -> list[str]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip(" \t\r"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(paragraph) for paragraph in found if paragraph]


def test_a_bad_line_is_named_and_reading_goes_on(tmp_path: Path) -> None:
    data = b'{"text": "a"}\n{"text": }\n[1]\nnull\n"x"\n5\ntrue\n{"text": "\xff"}\n{"text": "b"}\n'
    path = write(tmp_path / "rows.jsonl", data)
    rows = list(read_rows(path))
    assert [row.value for row in rows if isinstance(row, RawRow)] == [{"text": "a"}, {"text": "b"}]
    found = errors(path)
    assert found[0].startswith(f"{path}:2: not valid JSON: Expecting value at column 10")
    assert found[1].startswith(f"{path}:3: the row is a list")
    assert [text.split("the row is ")[1].split(",")[0] for text in found[2:6]] == [
        "null", "a string", "a number", "a boolean",
    ]  # fmt: skip
    assert f"byte {data.index(0xFF)} " in found[6]
    assert f"{path}:8" in found[6]


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"text": ' + "9" * 5000 + "}",
        '{"text": "b", "n": 1e400}',
        '{"text": "b", "n": [' + '{"k":' * 300 + "1" + "}" * 300 + "]}",
        '{"text": "b", "n": ' + "[" * 980 + "]" * 980 + "}",
    ],
)
def test_json_that_nobody_could_write_again_is_a_bad_row(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "rows.jsonl", f'{line}\n{{"text": "a"}}'.encode())
    assert f"{path}:1" in errors(path)[0]
    assert len(list(read_rows(path))) == 2


@pytest.mark.parametrize("document", ["file", "blank_line", "line"])
def test_a_byte_that_is_not_utf8_is_named_by_line_and_byte(tmp_path: Path, document: TextDocument) -> None:
    path = write(tmp_path / "text.txt", b"one\r\n\r\ntwo\r\nthr\xe9\xe9\r\n")
    (bad,) = [row for row in read_rows(path, text_document=document) if isinstance(row, BadRow)]
    assert bad.error.where == f"{path}:4"
    assert "byte 15 " in str(bad.error)


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b'{"text": "a"}', "an object, not an array", ".jsonl"),
        (b'"a"', "no array", "array"),
        (b'[{"text": "a"}', "a comma or ] is missing", "cut off"),
        (b'[{"text": "a"},', "Expecting value", "Correct"),
        (b"[", "not closed", "cut off"),
        (b'[{"text": "a"},\n {"text": }]', ":2: not valid JSON", "Correct"),
        (b"[]]", "text follows the array", "one array"),
        (b'[{"text": "\xff"}]', "not valid UTF-8", "iconv"),
        (b"[" * 100_000, "cannot be read", "Correct"),
    ],
)
def test_a_damaged_array_is_an_error_with_its_line(
    tmp_path: Path, data: bytes, message: str, hint: str
) -> None:
    path = write(tmp_path / "rows.json", data)
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert message in str(caught.value)
    assert hint in str(caught.value.hint)


def test_an_element_that_is_no_object_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", b'[{"text": "a"},\n [1]]')
    assert f"{path}:2: the row is a list" in errors(path)[0]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.json"])
@pytest.mark.parametrize(
    ("data", "hint"), [(b"\x89PNG\0\0", "text file"), ("täxt".encode("utf-16"), "iconv -f utf-16")]
)
def test_a_binary_file_is_refused(tmp_path: Path, name: str, data: bytes, hint: str) -> None:
    with pytest.raises(DataError, match="binary") as caught:
        list(read_rows(write(tmp_path / name, data)))
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("damage", ["cut", "flipped", "plain"])
def test_a_damaged_gzip_is_refused(tmp_path: Path, damage: str) -> None:
    data = bytearray(gzip.compress(b'{"text": "a"}\n' * 100))
    if damage == "cut":
        del data[-12:]
    elif damage == "flipped":
        data[15] ^= 0xFF
    else:
        data = bytearray(b'{"text": "a"}\n')
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged or cut off"):
        list(read_rows(path))


def test_a_missing_file_and_an_unknown_ending_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list(read_rows(tmp_path / "none.txt"))
    with pytest.raises(DataError, match=r"no reader for files that end in '\.xyz'") as caught:
        read_rows(tmp_path / "rows.xyz")
    assert all(suffix in str(caught.value.hint) for suffix in (".txt", ".jsonl", ".gz"))


def test_endings_do_not_depend_on_case(tmp_path: Path) -> None:
    assert values(write(tmp_path / "ROWS.JSONL", b'{"text": "a"}')) == [{"text": "a"}]
    assert ".jsonl" in known_suffixes()


def test_a_row_that_has_gone_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", b'{"text": "a"}\n')
    with pytest.raises(DataError, match="no row starts here any more"):
        read_row_at(path, line=7, offset=90)
