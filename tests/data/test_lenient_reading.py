"""Reading that mends and counts; data that is compressed, piped in, or placed in `data/`."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data import Dataset
from brahma.data.readers import BadRow, RawRow, ReadOptions, read_row_at, read_rows, reader_of

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".zst": zstandard.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
}  # fmt: skip


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def lenient(path: Path, **options: Any) -> list[RawRow | BadRow]:
    return list(reader_of(path)(path, ReadOptions(lenient=True, **options)))


@same_folder
@given(
    text=st.text(st.sampled_from("ab é🙂\n\r\0"), max_size=60),
    piece=st.integers(4, 40),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_pieces_of_a_running_text_are_the_text(tmp_path: Path, text: str, piece: int, encoding: str) -> None:
    assume(not text.startswith("\0"))  # with the mark of UTF-16 before it, the mark of UTF-32
    path = write(tmp_path / "a.txt", text.encode(encoding))
    found = lenient(path, piece=piece)
    kept = text.replace("\0", "").replace("\r\n", "\n")
    joined = "".join(str(row.value) for row in found if isinstance(row, RawRow))
    assert joined.replace("\r\n", "\n") == kept.replace("\r\n", "\n")
    assert all(len(str(row.value).encode()) <= piece for row in found if isinstance(row, RawRow))
    told = sum((row.repairs.get("NUL byte removed", 0) for row in found if isinstance(row, RawRow)), 0)
    assert told == text.count("\0")
    if encoding == "utf-8":
        assert [row.line for row in found] == [text.encode()[: row.offset].count(b"\n") + 1 for row in found]


def test_pieces_end_at_paragraphs_then_lines_then_blanks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one two\n\nthree four\nfive six seven eight nine\n" + b"x" * 20)
    assert [row.value for row in lenient(path, piece=16) if isinstance(row, RawRow)] == [
        "one two\n\n", "three four\n", "five six seven ", "eight nine\n", "x" * 16, "xxxx",
    ]  # fmt: skip


@same_folder
@given(data=st.binary(max_size=40))
def test_any_bytes_become_text_and_every_change_is_counted(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "a.txt", b"text " * 1000 + data)
    (row,) = lenient(path)
    assert isinstance(row, RawRow)
    changed = "NUL byte removed" in row.repairs or "byte read as Windows-1252" in row.repairs
    try:
        kept = (b"text " * 1000 + data).decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        assert changed
    else:
        assert changed == ("\0" in kept)
        assert row.value == kept.replace("\0", "").replace("\r\n", "\n")


def test_bytes_of_windows_1252_and_nuls_are_mended_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "caf\xe9 \x80\0 \xc3\xa9\x81"}\n{"text": "ok"}\n')
    mended, untouched = lenient(path)
    assert isinstance(mended, RawRow)
    assert isinstance(untouched, RawRow)
    assert mended.value == {"text": "café € é\x81"}
    assert mended.repairs == {"byte read as Windows-1252": 3, "NUL byte removed": 1}
    assert untouched.repairs == {}


@pytest.mark.parametrize(("document", "count"), [("file", 1), ("blank_line", 2), ("line", 3)])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_wide_encodings_are_read_by_their_mark(
    tmp_path: Path, document: Any, count: int, encoding: str
) -> None:
    path = write(tmp_path / "a.txt", "ä\nb\n\nc".encode(encoding))
    found = lenient(path, text_document=document)
    assert len(found) == count
    told = [dict(row.repairs) for row in found if isinstance(row, RawRow)]
    assert told == [{f"file read as {encoding.upper()}": 1}, {}, {}][:count]
    last = lenient(path, text_document=document, start=found[-1].offset, line=found[-1].line)
    assert [row.value for row in last if isinstance(row, RawRow)] == [getattr(found[-1], "value", None)]


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0", b"\x7fELF\x02\x01", b"a\0" * 50, b"\x01\x02\x03" * 99, b"PK\x03\x04"]
)
def test_a_binary_file_is_still_refused_by_name(tmp_path: Path, data: bytes) -> None:
    for name in ("a.txt", "a.jsonl", "a.json", "a.csv"):
        with pytest.raises(DataError, match="the file is binary") as caught:
            lenient(write(tmp_path / name, data))
        assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt"])
def test_a_row_that_is_too_long_is_named_with_its_length_and_never_held(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(b'{"text": "a"}\n{"text": "')
        for _ in range(300):
            file.write(b"x" * 100_000)
        file.write(b'"}\n{"text": "b"}\n')
    tracemalloc.start()
    first, bad, last = lenient(tmp_path / name, longest=1_000_000, text_document="line")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(bad, BadRow)
    assert "the row is too long: 30,000,013 bytes, at most 1,000,000 are read" in str(bad.error)
    assert bad.error.where == f"{tmp_path / name}:2"
    assert (first.line, last.line, last.offset) == (1, 3, 14 + 30_000_013)
    assert peak < 5_000_000


def test_a_paragraph_that_is_too_long_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"a\n\n" + b"line\n" * 100 + b"\nb\n")
    first, bad, last = lenient(path, longest=50, text_document="blank_line")
    assert isinstance(bad, BadRow)
    assert "too long: 500 bytes" in str(bad.error)
    assert (first.line, bad.line, last.line) == (1, 3, 104)


def test_reading_ends_before_a_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n')
    for end, count in ((14, 1), (15, 2), (28, 2), (29, 3)):
        assert len(list(reader_of(path)(path, ReadOptions(end=end)))) == count


@pytest.mark.parametrize("line", ['{"text": "a", "text": "b"}', '{"text": "a", "m": [{"k": 1, "k" : 2}]}'])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_key_that_stands_twice_is_a_bad_row(tmp_path: Path, line: str, name: str) -> None:
    text = f'[{line},\n{{"text": "b"}}]' if name == "a.json" else f'{line}\n{{"text": "b"}}\n'
    first, second = read_rows(write(tmp_path / name, text.encode()))
    assert isinstance(first, BadRow)
    key = "'k'" if "k" in line else "'text'"
    assert f"the key {key} stands twice in an object" in str(first.error)
    assert first.error.where == f"{tmp_path / name}:1"
    assert isinstance(second, RawRow)


class _Pairs(tuple[Any, ...]):
    """An object whose keys may stand twice."""


texts = st.text(st.sampled_from('ab":\\ {}'))
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
keys = st.text(st.sampled_from('ab":\\ é\n'), max_size=3)
values = st.recursive(
    st.none() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(keys, inner), max_size=3).map(_Pairs),
    max_leaves=6,
)


def _text(value: Any, colon: str) -> str:
    if isinstance(value, _Pairs):
        inner = ", ".join(f"{json.dumps(key)}{colon}{_text(each, colon)}" for key, each in value)
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(_text(each, colon) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _has_twice(value: Any) -> bool:
    if isinstance(value, _Pairs):
        names = [key for key, _ in value]
        return len(set(names)) < len(names) or any(_has_twice(each) for _, each in value)
    return isinstance(value, list) and any(map(_has_twice, value))


@same_folder
@given(
    pairs=st.lists(st.tuples(keys, values), max_size=4).map(_Pairs),
    colon=st.sampled_from([":", " : ", "\t:"]),
)
def test_rows_are_as_json_reads_them_and_doubled_keys_are_always_found(
    tmp_path: Path, pairs: Any, colon: str
) -> None:
    text = _text(pairs, colon)
    (row,) = read_rows(write(tmp_path / "a.jsonl", text.encode()))
    if _has_twice(pairs):
        assert isinstance(row, BadRow)
    else:
        assert isinstance(row, RawRow)
        assert repr(row.value) == repr(json.loads(text))


@pytest.mark.parametrize("ending", list(COMPRESS))
def test_compressed_files_are_read_and_rows_found_again(tmp_path: Path, ending: str) -> None:
    data = b"".join(b'{"text": "%d"}\n' % number for number in range(2000))
    packed = COMPRESS[ending](data[:9000]) + COMPRESS[ending](data[9000:])  # two frames, one stream
    path = write(tmp_path / f"a.jsonl{ending}", packed)
    found = list(read_rows(path))
    assert [row.value for row in found if isinstance(row, RawRow)] == [{"text": str(n)} for n in range(2000)]
    assert read_row_at(path, line=1500, offset=found[1499].offset) == found[1499]


@pytest.mark.parametrize("ending", list(COMPRESS))
@pytest.mark.parametrize("damage", ["cut", "plain", "flipped"])
def test_a_damaged_compressed_file_is_refused(tmp_path: Path, ending: str, damage: str) -> None:
    packed = bytearray(COMPRESS[ending](b'{"text": "a"}\n' * 100 + bytes(range(32, 127)) * 50))
    if damage == "flipped":
        packed[len(packed) // 2] ^= 0xFF
    data = {"cut": packed[:-9], "plain": b'{"text": "a"}\n', "flipped": packed}[damage]
    path = write(tmp_path / f"a.jsonl{ending}", bytes(data))
    if (ending, damage) == (".zst", "flipped"):
        return  # zstandard.compress writes no checksum: a changed literal is another text
    with pytest.raises(DataError, match="damaged or cut off") as caught:
        list(read_rows(path))
    assert " -t " in str(caught.value.hint)


def test_a_big_array_is_read_in_a_window(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write("[\n" + ",\n".join(json.dumps({"text": "ü" * 1000, "n": n}) for n in range(4000)) + "\n]")
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, peak < 6_000_000) == (4000, True)
    found = list(read_rows(path))
    assert [row.line for row in found] == list(range(2, 4002))
    assert read_row_at(path, line=3000, offset=found[2998].offset) == found[2998]
    damaged = path.read_bytes().replace(b'"n": 3500', b'"n": 35x0')
    with pytest.raises(json.JSONDecodeError) as reason:
        json.loads(damaged)
    told = f":3502: not valid JSON: Expecting ',' delimiter at column {reason.value.colno}"
    with pytest.raises(DataError, match=told):
        list(read_rows(write(path, damaged)))


def piped(data: bytes, code: str) -> str:
    program = f"from brahma.data import Dataset\ndata = Dataset.from_file('-')\n{code}"
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("ending", ["", *COMPRESS])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"text": "a"}\n{"text": "b"}\n', "text 2 stdin.jsonl"),
        (b'\n [ {"text": "a"} ]', "text 1 stdin.json"),
        (b"plain [text]", "text 1 stdin.txt"),
    ],
)
def test_standard_input_is_recognised_and_removed(data: bytes, told: str, ending: str) -> None:
    code = "print(data.format, len(data), data.sources[0].name, data.sources[0])"
    shown = piped(COMPRESS[ending](data) if ending else data, code).split()
    assert " ".join(shown[:3]) == f"{told}{ending}"
    assert not Path(shown[3]).exists()


def test_an_empty_standard_input_is_refused() -> None:
    assert "standard input is empty" in piped(b"", "")


def test_a_file_in_the_data_folder_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "my.jsonl", b'{"text": "placed"}\n')
    assert Dataset.from_file("my.jsonl").sources == (Path("data/my.jsonl"),)
    assert Dataset.from_file("*.jsonl").sources == (Path("data/my.jsonl"),)
    write(tmp_path / "my.jsonl", b'{"text": "direct"}\n')
    assert Dataset.from_file("my.jsonl")[0].text == "direct"
    with pytest.raises(DataError, match="no such file"):
        Dataset.from_file("other.jsonl")
