"""Writers: rows become a file, whole or not at all.

    with open_writer(Path("clean.jsonl.zst")) as write:
        for value in values:
            write(value)

The ending says the format: `.txt`, `.jsonl`, `.ndjson`, `.json`, `.csv`, `.tsv` (these also with `.gz`,
`.zst`, `.bz2` or `.xz`) and `.parquet`. A file is written beside its place, flushed to the disk and renamed
when the block ends well; an error or Ctrl-C removes it, and what was there before stays. What a format cannot
hold is a RowError that names the row by its number; nothing is left out in silence.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from brahma.core.disk import flush
from brahma.core.errors import DataError
from brahma.core.suffixes import COMPRESSION_SUFFIXES, DATA_SUFFIXES
from brahma.data._compression import Compressor, compressor, split_ending
from brahma.data._row_text import ROW_TEXTS, RowText
from brahma.data.layouts import Value
from brahma.data.readers import TextDocument

_BUFFER = 1 << 20  # bytes gathered before they are compressed and written

Write = Callable[[Value], None]


class _Sink(Protocol):
    def write(self, value: Value) -> None: ...
    def finish(self) -> None: ...


@contextmanager
def open_writer(
    output: str | Path | None, *, ending: str = ".jsonl", text_document: TextDocument = "blank_line"
) -> Iterator[Write]:
    """A function that writes one row: plain text, or an object.

    Args:
        output: the file; None for standard output.
        ending: the format of standard output, such as `.csv` or `.jsonl.gz`; a file's own name says it.
        text_document: of `.txt`: `blank_line` puts a blank line between documents, `line` writes one a line
            (both without the line ends around them), `file` writes the pieces of one text exactly as
            they come.

    Raises:
        DataError: an ending that nothing writes; the file cannot be written, or the disk is full.
        RowError: a row that the format cannot hold; also later, as rows are gathered before they are written.
    """
    if output is None:
        with _written_through(sys.stdout.buffer, Path("<stdout>"), ending, text_document) as write:
            yield write
        return
    path = Path(os.path.realpath(output))
    if _is_special(path):  # a pipe or device: there is nothing to put in its place
        with (
            path.open("wb", buffering=0) as file,
            _written_through(file, path, _ending(path, ending), text_document) as write,
        ):
            yield write
        return
    check_ending(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with _sink(part, path, text_document) as sink:
            yield sink.write
            sink.finish()
        with writing(path):
            flush(part)
            os.replace(part, path)
            flush(path.parent)
    finally:
        with suppress(OSError):  # its folder may be gone; the error that is under way says more
            part.unlink(missing_ok=True)


def check_output(
    output: str | Path | None, *, inputs: Iterable[str | Path] = (), overwrite: bool = False
) -> None:
    """Refuse an output before any work is done for it. Standard output (None) is always right.

    Args:
        inputs: the files that are read.
        overwrite: an existing file may be replaced.

    Raises:
        DataError: an ending that nothing writes; a folder, or one of the inputs; a file that exists; a folder
            that is not there or cannot be written into.
    """
    if output is None:
        return
    path = Path(output)
    if path.is_dir():
        raise DataError("the output is a folder", where=str(path), hint=f"Name a file: {path / 'rows.jsonl'}")
    if _is_special(path):
        return
    check_ending(path)
    if any(os.path.realpath(path) == os.path.realpath(each) for each in inputs):
        raise DataError(
            "the output is also an input", where=str(path), hint="Write to another file; the input stays"
        )
    if path.is_file() and not overwrite:
        raise DataError("the output exists already", where=str(path), hint="Name another, or add --overwrite")
    _check_folder(Path(os.path.realpath(path)).parent)


def check_apart(path: Path, others: Iterable[str | Path], what: str) -> None:
    """Refuse a second file that would replace the first.

    Raises:
        DataError: the path is one of the others.
    """
    if os.path.realpath(path) in map(os.path.realpath, others):
        raise DataError(f"{what} would replace the output", where=str(path), hint="Name another file")


def check_ending(output: Path) -> None:
    """Refuse a name whose ending nothing writes.

    Raises:
        DataError: an unknown ending, or a compressed `.parquet`.
    """
    ending, compression = split_ending(output.name)
    if ending == ".parquet" and compression:
        raise DataError(
            "a .parquet file compresses itself",
            where=str(output),
            hint=f"Leave {compression} out of the name",
        )
    if ending not in DATA_SUFFIXES:
        raise DataError(
            f"no writer for files that end in {output.suffix or output.name!r}",
            where=str(output),
            hint=f"Endings: {', '.join(DATA_SUFFIXES)}; also with {', '.join(COMPRESSION_SUFFIXES)}",
        )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            "the folder of the output is not there", where=str(folder), hint=f"Make it: mkdir -p {folder}"
        )
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Failures of the disk within, as errors of this output."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def _sink(part: Path, path: Path, text_document: TextDocument) -> Iterator[_Sink]:
    """What rows of the file go into; it is closed after the block."""
    if path.suffix.lower() == ".parquet":
        from brahma.data._parquet import ParquetSink

        with ParquetSink(part, path) as table:
            yield table
        return
    with writing(path):
        file = part.open("wb", buffering=0)
    with file:
        yield _Lines(file, path.name, text_document, path=path)


@contextmanager
def _written_through(
    file: BinaryIO, place: Path, ending: str, text_document: TextDocument
) -> Iterator[Write]:
    """Rows go straight into standard output, a pipe or a device."""
    check_ending(Path(f"rows{ending}"))
    if ending == ".parquet":
        raise DataError(
            "a .parquet file cannot be written into a stream",
            where=str(place),
            why="its index stands at the end and is read first",
            hint="Name a file, or write .jsonl",
        )
    sink = _Lines(file, f"rows{ending}", text_document)
    yield sink.write
    sink.finish()
    file.flush()


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def _ending(path: Path, otherwise: str) -> str:
    """The ending of a pipe's name; most have none."""
    ending, compression = split_ending(path.name)
    return ending + compression if ending in DATA_SUFFIXES else otherwise


class _Lines:
    """Rows of a format that is text, compressed as the name says.

    Args:
        name: its ending says the format and the compression.
        path: for errors of the disk; None leaves them as they are (a closed pipe ends a program quietly).
    """

    def __init__(
        self, file: BinaryIO, name: str, text_document: TextDocument, *, path: Path | None = None
    ) -> None:
        ending, compression = split_ending(name)
        self._file, self._path = file, path
        self._rows: RowText = ROW_TEXTS[ending](name, text_document)
        self._compressor: Compressor | None = compressor(compression) if compression else None
        self._held = bytearray()

    def write(self, value: Value) -> None:
        """Write one row."""
        self._held += self._rows.row(value)
        if len(self._held) >= _BUFFER:
            self._flush()

    def finish(self) -> None:
        """Write what is held and what ends the file."""
        self._held += self._rows.end()
        self._flush()
        if self._compressor is not None:
            self._put(self._compressor.flush())

    def _flush(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        self._put(held if self._compressor is None else self._compressor.compress(held))

    def _put(self, data: bytes) -> None:
        if self._path is None:
            _write_all(self._file, data)
            return
        with writing(self._path):
            _write_all(self._file, data)


def _write_all(file: BinaryIO, data: bytes) -> None:
    """A file without a buffer may take less than it was given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        "the output cannot be written",
        where=str(path),
        why=error.strerror or str(error),
        hint="Check the folder's permissions and the free space, or name another place",
    )
