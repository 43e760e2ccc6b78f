"""Bytes of a file, decompressed, as lines with their offsets; and what is wrong with them."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from brahma.core.errors import DataError, RowError
from brahma.data._compression import PulledStream, ZstdFile, split_ending
from brahma.data.readers import ReadOptions
from brahma.data.rows import place

_BUFFER = 1 << 17
_HEAD = 1 << 16
"""Bytes that tell whether a file is text."""
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"PK\x03\x04", b"\x7fELF", b"PAR1", b"SQLite format 3\0")
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # but tab, line ends, form feed, escape
_ESCAPED = re.compile("[\udc80-\udcff]")
_TOOLS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
_OPENERS: dict[str, Callable[[BinaryIO], object]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".zst": ZstdFile,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}


@contextmanager
def open_stream(path: Path, start: int = 0, encoding: str | None = None) -> Iterator[BinaryIO]:
    """The file's bytes from `start`, decompressed when its name says so.

    Args:
        encoding: of the text, as `sniffed` told; then the bytes are those of the same text in UTF-8.

    Raises:
        DataError: it cannot be opened, or, inside the `with`, not be read to its end.
    """
    try:
        with path.open("rb", _BUFFER) as file, _decompressed(file, path, encoding) as stream:
            if stream is file:
                stream.seek(start)
            else:
                _skip(stream, start)
            yield stream
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # of gzip or bz2, not of the system
            raise _damaged(path, error) from error
        raise DataError(
            "the file cannot be read",
            where=str(path),
            why=error.strerror,
            hint="Check the path and its permissions",
        ) from error


def _decompressed(file: BinaryIO, path: Path, encoding: str | None) -> BinaryIO:
    _, compression = split_ending(path.name)
    stream = file
    if compression:
        stream = cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, _OPENERS[compression](file)), _BUFFER))
    if encoding:
        stream = cast(BinaryIO, io.BufferedReader(_Transcoded(stream, encoding), _BUFFER))
    return stream


class _Transcoded(PulledStream):
    """Text of another encoding, as UTF-8; what cannot be decoded becomes U+FFFD."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ended = False

    def _pull(self) -> bytes | None:
        if self._ended:
            return None
        data = self._stream.read(_HEAD)
        self._ended = not data
        return self._decoder.decode(data, final=not data).encode()


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0 and (data := stream.read(min(count, _BUFFER))):
        count -= len(data)


def _damaged(path: Path, error: Exception) -> DataError:
    tool = _TOOLS.get(path.suffix.lower(), "file")
    return DataError(
        "the compressed file is damaged or cut off",
        where=str(path),
        why=str(error),
        hint=f"Check it with `{tool} -t {path}`, then fetch or make it again",
    )


def sniffed(path: Path) -> str | None:
    """`utf-16` or `utf-32` where a mark says so; None for what is to be read as UTF-8.

    Raises:
        DataError: as `open_stream`, or the file is binary: a known mark, or many NULs or control characters.
    """
    with open_stream(path) as stream:
        head = stream.read(_HEAD)
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    nuls, controls = head.count(b"\0"), len(_CONTROL.findall(head))
    if encoding is None and (
        head.startswith(_MAGIC) or nuls > max(16, len(head) // 100) or controls > max(16, len(head) // 50)
    ):
        raise binary_file(path, head, head.find(b"\0"))
    return encoding


def read_all(path: Path, start: int = 0) -> tuple[bytes, int]:
    """The bytes from `start` without a byte-order mark, and the offset of the first of them.

    Raises:
        DataError: as `open_stream`, or the file is binary.
    """
    with open_stream(path, start) as stream:
        data = stream.read()
    if b"\0" in data:
        raise binary_file(path, data, start + data.index(b"\0"))
    mark = _mark(data, start)
    return data[mark:], start + mark


def lines(
    path: Path, options: ReadOptions, encoding: str | None = None, *, keep_ends: bool = False
) -> Iterator[tuple[int, int, bytes | RowError]]:
    """`(line, offset, bytes)` of each line from `options.start`, without its end (LF or CRLF) if not asked.

    A byte-order mark at the start of the file is passed over. Lenient reading lets NULs pass, and has an
    error in place of a line that is too long.

    Raises:
        DataError: as `open_stream`, or the file is binary.
    """
    offset = options.start
    with open_stream(path, options.start, encoding) as stream:
        found = _limited(stream, options.longest) if options.lenient else stream
        for line, raw in enumerate(found, options.line):
            if options.end is not None and offset >= options.end:
                return
            if isinstance(raw, int):
                yield line, offset, too_long(path, line, raw, options.longest)
                offset += raw
                continue
            if not options.lenient and b"\0" in raw:
                raise binary_file(path, raw, offset + raw.index(b"\0"))
            mark = _mark(raw, offset)
            data = raw[mark:] if keep_ends else raw[mark:].removesuffix(b"\n").removesuffix(b"\r")
            yield line, offset + mark, data
            offset += len(raw)


def _limited(stream: BinaryIO, longest: int) -> Iterator[bytes | int]:
    """The lines; of one that is too long only how many bytes it has."""
    while raw := stream.readline(longest + 2):  # the line and its end
        if len(raw) <= longest or len(raw.rstrip(b"\r\n")) <= longest:
            yield raw
            continue
        length = len(raw)
        while not raw.endswith(b"\n") and (raw := stream.readline(_BUFFER)):
            length += len(raw)
        yield length


def too_long(path: Path, line: int, length: int, longest: int) -> RowError:
    """What to say about a row that would fill the memory."""
    return RowError(
        f"the row is too long: {length:,} bytes, at most {longest:,} are read",
        where=place(path, line),
        hint="Cut it into documents, or take it out",
    )


def pieces(path: Path, options: ReadOptions, encoding: str | None = None) -> Iterator[tuple[int, int, bytes]]:
    """`(line, offset, bytes)` of stretches of running text, `options.piece` bytes each at most.

    They end after a paragraph, else a line, else a space, else a character; joined they are the text. With
    `options.end`, which must be the start of a piece, the last one ends there.

    Raises:
        DataError: as `open_stream`.
    """
    line, offset = options.line, options.start
    held, is_first = b"", True
    left = sys.maxsize if options.end is None else options.end - offset
    with open_stream(path, options.start, encoding) as stream:
        while block := stream.read(min(options.piece, left)):
            held, left = held + block, left - len(block)
            if is_first and (mark := _mark(held, offset)):
                held, offset = held[mark:], offset + mark
            is_first = False
            while len(held) > options.piece:
                at = _border(held, options.piece)
                yield line, offset, held[:at]
                line, offset, held = line + held.count(b"\n", 0, at), offset + at, held[at:]
    if held or is_first:
        yield line, offset, held


def _border(data: bytes, size: int) -> int:
    """Where to cut within the first `size` bytes."""
    for end in (b"\n\n", b"\n\r\n", b"\n", b" "):
        if (at := data.rfind(end, size // 2, size)) >= 0:
            return at + len(end)
    at = size
    while at > size - 3 and at > 1 and data[at] & 0xC0 == 0x80:  # inside of a character
        at -= 1
    return at - 1 if at > 1 and data[at - 1 : at + 1] == b"\r\n" else at


def _mark(data: bytes, offset: int) -> int:
    """Bytes of a byte-order mark that the file begins with."""
    return len(codecs.BOM_UTF8) if offset == 0 and data.startswith(codecs.BOM_UTF8) else 0


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
            hint="Save the file as UTF-8, for example `iconv -f latin1 -t utf-8 old > new`; "
            "`brahma data clean` mends it",
        )


def mended(data: bytes) -> tuple[str, dict[str, int]]:
    """The bytes as text whatever they are, and what was mended how often.

    NULs go; a byte that is no UTF-8 is read as Windows-1252, or Latin-1 where that has no character.
    """
    repairs: dict[str, int] = {}
    if nuls := data.count(b"\0"):
        data = data.replace(b"\0", b"")
        repairs["NUL byte removed"] = nuls
    try:
        return data.decode(), repairs
    except UnicodeDecodeError:
        text, count = _ESCAPED.subn(_windows, data.decode("utf-8", "surrogateescape"))
        return text, repairs | {"byte read as Windows-1252": count}


def _windows(escaped: re.Match[str]) -> str:
    byte = bytes([ord(escaped[0]) - 0xDC00])
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        return byte.decode("latin-1")


def binary_file(path: Path, data: bytes, offset: int) -> DataError:
    """What to say about a file that is no text; `offset` of its first NUL, negative where it has none."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        hint = "It looks like UTF-16: `iconv -f utf-16 -t utf-8 old > new`; `brahma data clean` reads it"
    else:
        hint = "Give a text file; take this one out of the folder or list"
    why = f"byte {offset} is NUL" if offset >= 0 else "its first bytes are no text"
    return DataError("the file is binary", where=str(path), why=why, hint=hint)
