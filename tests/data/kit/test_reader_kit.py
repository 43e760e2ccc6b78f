"""The kit of readers: each check is failed by a reader that breaks its promise, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from brahma.core.kit import checks_of, run_kit
from brahma.core.plugins import get_plugins
from tests.kit_site import failed, installed, outcomes

NAMES = (
    "good",
    "bytes_",
    "elsewhere",
    "nothing",
    "once",
    "wrong_line",
    "no_seek",
    "trips",
    "nowhere",
    "empty",
)
ENTRIES = f"""
    from brahma.core.entries import ReaderEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_readers():
        for name in {NAMES}:
            yield ReaderEntry(
                name=name, target=f"trial_readers:{{name}}", suffixes=(f".{{name}}",),
                sample="one\\ntwo\\nthree\\n", summary="Of a test",
            )
        yield ReaderEntry(
            name="taken", target="trial_readers:good2", suffixes=(".x.taken",),
            sample="a\\n", summary="Of a test",
        )
        yield ReaderEntry(name="bare", target="trial_readers:good", suffixes=(".bare",), summary="Of a test")
        yield ReaderEntry(
            name="taker", target="trial_readers:good", suffixes=("sample.x.taken",), summary="Of a test"
        )
"""
READERS = """
    from pathlib import Path
    from brahma.core.errors import DataError
    from brahma.data.rows import RawRow

    def good(path, options, value=lambda text: text):
        with path.open("rb") as file:
            file.seek(options.start)
            line = options.line
            while part := file.readline():
                offset = file.tell() - len(part)
                try:
                    text = part.decode("utf-8").rstrip("\\n")
                except UnicodeDecodeError as error:
                    raise DataError("no text", where=f"{path}:{line}", why=str(error), hint="x") from None
                yield RawRow(path, line, offset, value(text))
                line += 1

    def good2(path, options):
        yield from good(path, options)

    def bytes_(path, options):
        yield from good(path, options, lambda text: text.encode())

    def elsewhere(path, options):
        for row in good(path, options):
            yield RawRow(Path(path.name), row.line, row.offset, row.value)

    def nothing(path, options):
        return iter(())

    seen = []

    def once(path, options):
        for row in good(path, options):
            if options.start == 0:
                seen.append(row)
            yield row if "sample" not in path.name or options.start or len(seen) % 2 else RawRow(
                path, row.line, row.offset, row.value + "!"
            )

    def wrong_line(path, options):
        for row in good(path, options):
            yield RawRow(path, row.line + 1, row.offset, row.value)

    def no_seek(path, options):
        for row in good(path, options):
            yield RawRow(path, row.line, 0 if row.line > 1 else row.offset, row.value)

    def trips(path, options):
        path.read_text("utf-8")
        yield from good(path, options)

    def nowhere(path, options):
        try:
            yield from good(path, options)
        except DataError:
            raise DataError("something is wrong", hint="x") from None

    def empty(path, options):
        rows = list(good(path, options))
        if not rows:
            rows = [RawRow(path, 1, 0, "nothing")]
        yield from rows
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from brahma.data.readers import _readers_by_suffix

    folder = tmp_path / "site"
    folder.mkdir()
    _readers_by_suffix.cache_clear()
    with installed(folder, monkeypatch, ENTRIES, {"trial_readers.py": READERS}):
        yield
    _readers_by_suffix.cache_clear()


def test_a_reader_that_keeps_its_promises_passes() -> None:
    assert {outcome for outcome, _ in outcomes("reader", "good").values()} == {"passed"}


CASES = [
    ("bytes_", "yields rows", "wanted: a text, or keys and values"),
    ("elsewhere", "yields rows", "not the path that was given"),
    ("nothing", "yields rows", "the sample gives no row"),
    ("wrong_line", "says where each row stands", "comes nothing"),
    ("no_seek", "says where each row stands", "from offset 0, line 2 comes"),
    ("trips", "names a file that is something else", "UnicodeDecodeError"),
    ("nowhere", "names a file that is something else", "the error does not say where"),
    ("empty", "takes an empty file", "an empty file gives"),
    ("taken", "is found by the ending of a file", "are read by another reader"),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check(name: str, check: str, message: str) -> None:
    found = failed("reader", name)
    assert list(found) == [check]
    assert message in found[check]


def test_a_reader_that_reads_otherwise_each_time_finds_no_row_again_either() -> None:
    found = failed("reader", "once")
    assert list(found) == ["reads the same again", "says where each row stands"]
    assert "the second time" in found["reads the same again"]


def test_each_check_is_failed_by_a_reader_here() -> None:
    assert {check for _, check, _ in CASES} | {"reads the same again"} == {
        each.name for each in checks_of("reader")
    }


def test_a_reader_without_a_sample_is_said_to_have_none() -> None:
    assert "its entry gives no sample" in outcomes("reader", "bare")["yields rows"][1]


@pytest.mark.parametrize("name", ["text", "jsonl", "json", "csv"])
def test_the_readers_of_our_own_pass(name: str) -> None:
    found = outcomes("reader", name)
    assert {outcome for outcome, _ in found.values()} == {"passed"}


def test_the_reader_of_parquet_passes_with_a_file() -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    file = BytesIO()
    parquet.write_table(pa.table({"text": ["one", "two"]}), file)
    (registration,) = [each for each in get_plugins().of_kind("reader") if each.entry.name == "parquet"]
    entry: Any = registration.entry
    found = list(run_kit(replace(registration, entry=replace(entry, sample=file.getvalue()))))
    assert {each.outcome for each in found} == {"passed"}, found
