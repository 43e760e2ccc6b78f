"""The input cut into tasks, and documents on disk between passes."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data.cleaning import tasks
from brahma.data.cleaning.spool import Record, SpoolWriter, read_records, read_spool
from brahma.data.cleaning.tasks import Source, cut, task_bytes
from brahma.data.readers import ReadOptions, TextDocument, reader_of
from brahma.data.rows import RawRow

LINES = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40), min_size=1, max_size=60
)


@pytest.fixture(scope="module", autouse=True)
def _small_tasks() -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(tasks, "TASK_BYTES", 256)


def _values(path: Path, options: ReadOptions) -> list[tuple[int, object]]:
    """Line and value of every row."""
    rows = reader_of(path)(path, options)
    return [(row.line, row.value) for row in rows if isinstance(row, RawRow)]


def _read(source: Source, text_document: TextDocument) -> list[tuple[int, object]]:
    """Line and value of every row, read part by part."""
    found = []
    for task in cut([source], text_document):
        for part in task:
            options = ReadOptions(text_document, part.start, part.line, part.end, lenient=True)
            found += _values(source.path, options)
    return found


@settings(max_examples=40, deadline=None)
@given(
    lines=LINES, end=st.sampled_from(["\n", "\r\n"]), document=st.sampled_from(["file", "blank_line", "line"])
)
def test_parts_hold_every_document_once_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, document: TextDocument
) -> None:
    path = tmp_path_factory.mktemp("cut") / "in.txt"
    path.write_bytes(end.join(lines).encode())
    source = Source(path, "in.txt", path.stat().st_size, document == "file")
    rows = _values(path, ReadOptions(document, lenient=True))
    found = _read(source, document)
    if document == "file":
        assert "".join(str(value) for _, value in found) == "".join(str(value) for _, value in rows)
    else:
        assert found == rows


def test_rows_of_json_lines_are_cut_at_rows(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": "x" * n}) + "\n" for n in range(100)))
    source = Source(path, "in.jsonl", path.stat().st_size, False)
    parts = cut([source], "file")
    assert len(parts) > 5
    assert sum(task_bytes(task, [source]) for task in parts) == source.size
    assert [line for line, _ in _read(source, "file")] == list(range(1, 101))


def test_small_files_share_a_task(tmp_path: Path) -> None:
    sources = []
    for number in range(20):
        path = tmp_path / f"{number}.jsonl"
        path.write_text('{"text": "one"}\n' * 4)
        sources.append(Source(path, path.name, path.stat().st_size, False))
    found = cut(sources, "file")
    assert [part.source for task in found for part in task] == list(range(20))
    assert len(found) == 5


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(VALUES, max_size=20))
def test_a_spool_gives_back_what_was_put_in(
    tmp_path_factory: pytest.TempPathFactory, values: list[object]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "0.spool"
    records = [Record(n, 0, n + 1, "text", value, "\n") for n, value in enumerate(values)]
    with SpoolWriter(path) as spool:
        for record in records:
            spool.add(record, 1 << 19)
    assert list(read_records(path)) == records
    assert [each.name for each in path.parent.iterdir()] == ["0.spool"]


class Stranger:
    """What no table holds."""


def test_a_spool_holds_what_tables_hold_and_makes_nothing_else(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=2))
    berlin = datetime(2020, 1, 2, tzinfo=ZoneInfo("Europe/Berlin"))
    values = [berlin, datetime(2020, 1, 2, tzinfo=zone), date(2020, 1, 2), Decimal("1.50"), b"bytes"]
    with SpoolWriter(tmp_path / "0.spool") as spool:
        spool.add(tuple(values), 4)
    assert list(read_spool(tmp_path / "0.spool")) == [tuple(values)]
    with SpoolWriter(tmp_path / "1.spool") as spool:
        spool.add((Stranger(),), 4)
    with pytest.raises(DataError, match="damaged") as caught:
        list(read_spool(tmp_path / "1.spool"))
    assert "Stranger has no place" in str(caught.value)


def test_a_spool_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AttributeError), SpoolWriter(tmp_path / "0.spool") as spool:
        spool.add((1, lambda: 1), 4)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_spool_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0.spool"
    with SpoolWriter(path) as spool:
        spool.add((1, "text" * 50), 4)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged") as caught:
        list(read_records(path))
    assert "--overwrite" in str(caught.value)
