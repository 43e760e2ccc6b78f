"""Bytes of a file, decompressed, as lines with their offsets; and what is wrong with them."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from brahma.core.errors import DataError, RowError
from brahma.data.readers import ReadOptions
from brahma.data.rows import place

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextmanager
def open_stream(path: Path, start: int = 0) -> Iterator[BinaryIO]:
    """The file's bytes from `start`, decompressed when its name ends in `.gz`.

    Raises:
        DataError: it cannot be opened, or, inside the `with`, not be read to its end.
    """
    try:
        with cast(BinaryIO, gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")) as stream:
            stream.seek(start)
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            "the compressed file is damaged or cut off",
            where=str(path),
            why=str(error),
            hint=f"Check it with `gzip -t {path}`, then fetch or make it again",
        ) from error
    except OSError as error:
        raise DataError(
            "the file cannot be read",
            where=str(path),
            why=error.strerror,
            hint="Check the path and its permissions",
        ) from error


def read_all(path: Path, start: int = 0) -> tuple[bytes, int]:
    """The bytes from `start` without a byte-order mark, and the offset of the first of them.

    Raises:
        DataError: as `open_stream`, or the file is binary.
    """
    with open_stream(path, start) as stream:
        data = stream.read()
    if b"\0" in data:
        raise binary_file(path, data, start + data.index(b"\0"))
    if start == 0 and data.startswith(codecs.BOM_UTF8):
        return data.removeprefix(codecs.BOM_UTF8), len(codecs.BOM_UTF8)
    return data, start


def lines(path: Path, options: ReadOptions) -> Iterator[tuple[int, int, bytes]]:
    """`(line, offset, bytes)` of each line from `options.start`, without its end (LF or CRLF).

    A byte-order mark at the start of the file is passed over.

    Raises:
        DataError: as `open_stream`, or the file is binary.
    """
    offset = options.start
    with open_stream(path, options.start) as stream:
        for line, raw in enumerate(stream, options.line):
            if b"\0" in raw:
                raise binary_file(path, raw, offset + raw.index(b"\0"))
            mark = len(codecs.BOM_UTF8) if offset == 0 and raw.startswith(codecs.BOM_UTF8) else 0
            yield line, offset + mark, raw[mark:].removesuffix(b"\n").removesuffix(b"\r")
            offset += len(raw)


def decoded(path: Path, line: int, offset: int, data: bytes) -> str | RowError:
    """The bytes as text, or an error that names the first byte that is not UTF-8.

    Args:
        line: the line on which `data` starts.
        offset: the byte of the stream at which `data` starts.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return RowError(
            "not valid UTF-8",
            where=place(path, line + data.count(b"\n", 0, error.start)),
            why=f"byte {offset + error.start} of the text is 0x{data[error.start]:02x}",
            hint="Save the file as UTF-8, for example `iconv -f latin1 -t utf-8 old > new`",
        )


def binary_file(path: Path, data: bytes, offset: int) -> DataError:
    """What to say about a file with a NUL byte, which no text has."""
    if data.startswith(_UTF16_MARKS):
        hint = "It looks like UTF-16: `iconv -f utf-16 -t utf-8 old > new`"
    else:
        hint = "Give a text file; take this one out of the folder or list"
    return DataError("the file is binary", where=str(path), why=f"byte {offset} is NUL", hint=hint)
