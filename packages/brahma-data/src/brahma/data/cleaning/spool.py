"""Documents between two passes, on disk: frames of marshalled records, compressed by zstd at level 1.

`marshal` rather than pickle: 2.8 GB/s instead of 0.4 when measured, every JSON value comes back exactly, and
reading a file that a stranger laid there runs no code. It is not portable between versions of Python, which
the job's fingerprint holds.

It does not know dates and decimal numbers, which tables hold: a frame with such is pickled, and read by an
unpickler that knows these alone.

A frame: `M` or `P`, 4 bytes, the length of what follows; then zstd of a list of records.
"""

from __future__ import annotations

import io
import marshal
import os
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from brahma.core.errors import DataError
from brahma.data.layouts import Layout

_FRAME = 1 << 20  # characters of text after which a frame is closed
_ASIDE = ".partial"
_HEAD = struct.Struct("<cI")
_KNOWN = {("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")} | {
    ("decimal", "Decimal"),
    ("zoneinfo", "ZoneInfo"),
}
_VERSION = 2  # of marshal: the later ones look for objects that occur twice, which costs a third


class Record(NamedTuple):
    """A document between two passes.

    Attributes:
        number: within its task.
        source: number of the input file.
        line: 1-based, on which the row starts.
        layout: of the row.
        value: the row as it is now, or plain text.
        tail: what follows the text in its file: blanks and line ends, of plain text.
    """

    number: int
    source: int
    line: int
    layout: Layout
    value: Any
    tail: str = ""


class SpoolWriter:
    """Writes tuples; the file appears, whole, when the `with` ends without an error."""

    def __init__(self, path: Path) -> None:
        from zstandard import ZstdCompressor

        self._path = path
        self._aside = path.with_name(path.name + _ASIDE)
        self._compressor = ZstdCompressor(level=1)
        self._records: list[tuple[Any, ...]] = []
        self._size = 0

    def __enter__(self) -> Self:
        self._file = self._aside.open("wb")
        return self

    def add(self, record: tuple[Any, ...], size: int) -> None:
        """One more record, of about so many characters."""
        self._records.append(tuple(record))
        self._size += size
        if self._size >= _FRAME:
            self._close_frame()

    def _close_frame(self) -> None:
        if self._records:
            kind, data = _dumped(self._records)
            frame = self._compressor.compress(data)
            self._file.write(_HEAD.pack(kind, len(frame)))
            self._file.write(frame)
        self._records, self._size = [], 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file as file:
                if error is None:
                    self._close_frame()
                    file.flush()
                    os.fsync(file.fileno())
            if error is None:
                self._aside.replace(self._path)
        finally:
            self._aside.unlink(missing_ok=True)


def read_spool(path: Path) -> Iterator[Any]:
    """The tuples of a spool, in order, a frame at a time in memory.

    Raises:
        DataError: it is not whole.
    """
    from zstandard import ZstdDecompressor, ZstdError

    decompressor = ZstdDecompressor()
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            try:
                kind, length = _HEAD.unpack(head)
                yield from _loaded(kind, decompressor.decompress(file.read(length)))
            except (
                ZstdError,
                struct.error,
                EOFError,
                ValueError,
                TypeError,
                pickle.UnpicklingError,
            ) as error:
                raise DataError(
                    "a file of the cleaning is damaged",
                    where=str(path),
                    why=str(error),
                    hint="Start anew: --overwrite, or remove the folder",
                ) from error


def _dumped(records: list[tuple[Any, ...]]) -> tuple[bytes, bytes]:
    try:
        return b"M", marshal.dumps(records, _VERSION)
    except ValueError:  # a date, say
        buffer = io.BytesIO()
        _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(records)
        return b"P", buffer.getvalue()


def _loaded(kind: bytes, data: bytes) -> Any:
    return marshal.loads(data) if kind == b"M" else _Unpickler(io.BytesIO(data)).load()


class _Pickler(pickle.Pickler):
    """Writes time zones by their names; their own way would need `getattr` to be read."""

    def reducer_override(self, value: Any) -> Any:
        return (ZoneInfo, (value.key,)) if isinstance(value, ZoneInfo) else NotImplemented


class _Unpickler(pickle.Unpickler):
    """Makes nothing but dates, times and decimal numbers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a spool")
        return super().find_class(module, name)


def read_records(path: Path) -> Iterator[Record]:
    """The documents of a spool."""
    return map(Record._make, read_spool(path))
