"""Compressions that files of rows may have, by the ending of their names."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import PurePath
from typing import BinaryIO, Protocol

from brahma.core.suffixes import COMPRESSION_SUFFIXES

_BLOCK = 4096
"""Compressed bytes read at a time: what they become has to fit into memory."""
_WINDOW = 1 << 31
"""Bytes that a zstd file may look back at most: `zstd --long=31` makes such files."""


class Compressor(Protocol):
    """What all the libraries' compressors are."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def _zstd() -> Compressor:
    import zstandard

    compressor: Compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return compressor


_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    ".gz": lambda: zlib.compressobj(wbits=31),  # 31: with the header of gzip, without a time
    ".zst": _zstd,
    ".bz2": bz2.BZ2Compressor,
    ".xz": lzma.LZMACompressor,
}


def compressor(ending: str) -> Compressor:
    """A fresh compressor for an ending of `COMPRESSION_SUFFIXES`."""
    return _COMPRESSORS[ending]()


def split_ending(name: str) -> tuple[str, str]:
    """`(".jsonl", ".gz")` of `rows.jsonl.gz`; lower case, either may be empty."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in COMPRESSION_SUFFIXES:
        return suffix, ""
    return PurePath(PurePath(name).stem).suffix.lower(), suffix


class PulledStream(io.RawIOBase):
    """Bytes that come block by block, forwards only; `_pull` gives the next one, None at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there is something."""
        while not self._held:
            if (block := self._pull()) is None:
                return 0
            self._held = memoryview(block)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def _pull(self) -> bytes | None:
        raise NotImplementedError


class ZstdFile(PulledStream):
    """The bytes of a Zstandard file, frame after frame.

    The library's own stream reader ends quietly where a file is cut off; this one does not.
    """

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        super().__init__()
        self._file = file
        self._error = zstandard.ZstdError
        self._context = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        self._frame = self._context.decompressobj()
        self._in_frame = False

    def _pull(self) -> bytes | None:
        data = b""
        if self._frame.eof:
            data = self._frame.unused_data
            self._frame, self._in_frame = self._context.decompressobj(), False
        data = data or self._file.read(_BLOCK)
        if not data and not self._in_frame:
            return None
        if not data:
            raise EOFError("the file ends within a frame")
        self._in_frame = True
        try:
            return self._frame.decompress(data)
        except self._error as error:
            raise EOFError(str(error)) from error
