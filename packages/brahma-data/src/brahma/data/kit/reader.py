"""What a reader of a file format does (`brahma.data.readers`)."""

from __future__ import annotations

import random
from pathlib import Path
from typing import cast

from brahma.core.entries import ReaderEntry
from brahma.core.errors import BrahmaError
from brahma.core.kit.checks import Check, CheckFailedError, CheckSkippedError, Subject, expect
from brahma.data.readers import Reader, ReadOptions
from brahma.data.rows import BadRow, RawRow


def yields_rows(subject: Subject) -> None:
    """Rows of texts or of objects, each with the file that it is from."""
    path = _sample(subject)
    rows = _rows(subject, path)
    expect(bool(rows), "the sample gives no row")
    for row in rows:
        if not isinstance(row, RawRow):
            raise CheckFailedError(f"it yields {row!r:.120}; wanted: RawRow")
        expect(row.source == path, f"a row's `source` is {row.source!r}, not the path that was given")
        is_text = isinstance(row.value, str)
        is_object = isinstance(row.value, dict) and all(isinstance(key, str) for key in row.value)
        expect(
            is_text or is_object, f"a row's `value` is {row.value!r:.80}; wanted: a text, or keys and values"
        )


def reads_again(subject: Subject) -> None:
    """The same rows, each time."""
    path = _sample(subject)
    first, second = _rows(subject, path), _rows(subject, path)
    expect(first == second, f"the first time {first!r:.200}, the second time {second!r:.200}")


def finds_each_row(subject: Subject) -> None:
    """Line and offset of a row lead back to it."""
    path = _sample(subject)
    rows = _rows(subject, path)
    size = path.stat().st_size
    for row in rows:
        expect(row.line >= 1 and row.offset >= 0, f"line {row.line}, offset {row.offset}: out of range")
        expect(row.offset < max(1, size), f"a row's offset is {row.offset}, the file has {size} bytes")
    lines = [row.line for row in rows]
    expect(lines == sorted(lines), f"the lines are {lines}: not in the order of the file")
    for row in rows:
        options = ReadOptions(start=row.offset, line=row.line)
        found = next((each for each in _reader(subject)(path, options) if each.line == row.line), None)
        shown = "nothing" if found is None else f"{found!r:.160}"
        expect(found == row, f"from offset {row.offset}, line {row.line} comes {shown}; wanted: {row!r:.160}")


def names_a_bad_file(subject: Subject) -> None:
    """Of a file that is something else, rows, bad rows, or an error that names the file."""
    suffix = _suffix(subject)
    noise = random.Random(0).randbytes(4096)
    for name, content in (
        ("noise", noise),
        ("zeros", bytes(4096)),
        ("half", _sample(subject).read_bytes()[:-7] + b"\xff\x00\xfe"),
    ):
        path = subject.folder / f"{name}{suffix}"
        path.write_bytes(content)
        try:
            for row in _reader(subject)(path, ReadOptions()):
                expect(
                    isinstance(row, RawRow | BadRow),
                    f"{name}: it yields {row!r:.80}; wanted: RawRow or BadRow",
                )
        except BrahmaError as error:
            expect(path.name in str(error.where), f"{name}: the error does not say where: {error.message}")


def takes_an_empty_file(subject: Subject) -> None:
    """No rows, or an error that names the file."""
    path = subject.folder / f"empty{_suffix(subject)}"
    path.touch()
    try:
        rows = _rows(subject, path)
    except BrahmaError as error:
        expect(path.name in str(error.where), f"the error does not say where: {error.message}")
    else:
        texts = [row for row in rows if isinstance(row, RawRow) and row.value]
        expect(not texts, f"an empty file gives {texts!r:.120}")


def is_found_by_the_ending(subject: Subject) -> None:
    """A data set of the sample reads by this reader."""
    from brahma.data.readers import reader_of

    path = _sample(subject)
    expect(
        reader_of(path) == subject.load(), f"files that end in {_suffix(subject)} are read by another reader"
    )


def _reader(subject: Subject) -> Reader:
    return cast(Reader, subject.load())


def _rows(subject: Subject, path: Path) -> list[RawRow | BadRow]:
    return list(_reader(subject)(path, ReadOptions()))


def _suffix(subject: Subject) -> str:
    return cast(ReaderEntry, subject.entry).suffixes[0]


def _sample(subject: Subject) -> Path:
    """The entry's sample as a file.

    Raises:
        CheckSkippedError: it has none.
    """
    content = cast(ReaderEntry, subject.entry).sample
    if not content:
        raise CheckSkippedError("its entry gives no sample of the format; --sample FILE gives one")
    path = subject.folder / f"sample{_suffix(subject)}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


CHECKS = (
    Check("yields rows", yields_rows),
    Check("reads the same again", reads_again),
    Check("says where each row stands", finds_each_row),
    Check("names a file that is something else", names_a_bad_file),
    Check("takes an empty file", takes_an_empty_file),
    Check("is found by the ending of a file", is_found_by_the_ending),
)
