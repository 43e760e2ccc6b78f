"""Arrays on disk that are larger than memory may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brahma.core.disk import flush

_ROWS = 1 << 20


def aside(path: Path) -> Path:
    """Where a file is written before it has its name."""
    return path.with_name(f"{path.name}.partial")


@contextmanager
def new_array(path: Path, length: int) -> Iterator[NDArray[np.int64]]:
    """An int64 array `[length]` to write to; the file appears when the block ends without an error.

    Zeros are written first: a full disk is an OSError here, and not a signal later on.
    """
    try:
        with aside(path).open("wb") as file:
            for piece in pieces(length):
                file.write(bytes(8 * (piece.stop - piece.start)))
        array = opened(aside(path), np.dtype(np.int64), mode="r+")
        yield array
        if isinstance(array, np.memmap):
            array.flush()
        flush(aside(path))
        aside(path).replace(path)
    finally:
        aside(path).unlink(missing_ok=True)


@contextmanager
def new_identity(path: Path, length: int) -> Iterator[NDArray[np.int64]]:
    """As `new_array`; at first each number stands at its own place."""
    with new_array(path, length) as array:
        for piece in pieces(length):
            array[piece] = np.arange(piece.start, piece.stop)
        yield array


def opened(path: Path, dtype: np.dtype[Any], *, mode: str = "r") -> NDArray[Any]:
    """The records of a file, mapped; an empty file cannot be."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype)
    return np.memmap(path, dtype, mode)  # type: ignore[call-overload,no-any-return]


def integers(path: Path) -> NDArray[np.int64]:
    """What `new_array` or `new_identity` left."""
    return opened(path, np.dtype(np.int64))


def pieces(length: int) -> Iterator[slice]:
    """Slices that cover so many rows, each small enough to be copied."""
    for start in range(0, length, _ROWS):
        yield slice(start, min(start + _ROWS, length))
