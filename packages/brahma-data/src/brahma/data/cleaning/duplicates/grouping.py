"""Equal keys found on disk: split by their leading bits until a part fits into memory, then sorted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brahma.data.cleaning.duplicates.arrays import opened, pieces
from brahma.data.cleaning.duplicates.keys import KeyFolder

_ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("position", "<i8")])
_IN_MEMORY = 1 << 20
"""Entries sorted at once: 24 MB, and about four times that while they are."""
_SPLIT_BITS = 8

Entries = NDArray[Any]
"""_ENTRY `[n]`, equal keys in the order of their positions."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Keys that occurred before.

    Attributes:
        again: int64 `[n]`, their positions.
        first: int64 `[n]`, the position of the first key equal to it.
        earlier: int64 `[n]`, how many equal keys stand before it; at least 1.
    """

    again: NDArray[np.int64]
    first: NDArray[np.int64]
    earlier: NDArray[np.int64]


def repeats(keys: KeyFolder, *, in_memory: int = _IN_MEMORY) -> Iterator[Repeats]:
    """Every key that is equal to one before it, in pieces, in no particular order.

    Args:
        keys: of all tasks.
        in_memory: entries that are sorted at once.
    """
    with TemporaryDirectory(dir=keys.folder, prefix="grouping-") as scratch:
        yield from _grouped(_entries(keys), keys.num_keys, 0, Path(scratch), in_memory)


def _entries(keys: KeyFolder) -> Iterator[Entries]:
    for task in range(keys.tasks):
        found = keys.keys_of(task)
        for piece in pieces(len(found)):
            entries = np.empty(piece.stop - piece.start, _ENTRY)
            entries["high"], entries["low"] = found[piece, 0], found[piece, 1]
            entries["position"] = np.arange(piece.start, piece.stop) + keys.first_key[task]
            yield entries


def _grouped(
    entries: Iterable[Entries], count: int, bits: int, folder: Path, in_memory: int
) -> Iterator[Repeats]:
    """Args: bits: leading bits that all these keys share."""
    if count <= in_memory:
        yield from map(_sorted, [np.concatenate([np.empty(0, _ENTRY), *entries])])
        return
    for part in _split(entries, bits, folder):
        found = opened(part, _ENTRY)
        chunks = (found[piece] for piece in pieces(len(found)))
        if len(found) > in_memory and _is_one_key(found):
            yield from _one_group(chunks)
        else:
            yield from _grouped(chunks, len(found), bits + _SPLIT_BITS, folder, in_memory)
        part.unlink()


def _split(entries: Iterable[Entries], bits: int, folder: Path) -> list[Path]:
    """Files with the entries, by the next bits of their keys; each keeps its order."""
    word, shift = ("high", 56 - bits) if bits < 64 else ("low", 120 - bits)
    parts: dict[int, Path] = {}
    for chunk in entries:
        leading = (chunk[word] >> np.uint64(shift)).astype(np.uint8)
        order = np.argsort(leading, kind="stable")
        values, starts = np.unique(leading[order], return_index=True)
        for value, part in zip(values.tolist(), np.split(chunk[order], starts[1:]), strict=True):
            path = parts.setdefault(value, folder / f"{bits:03d}-{value:03d}")
            with path.open("ab") as file:
                file.write(part.tobytes())
    return list(parts.values())


def _sorted(entries: Entries) -> Repeats:
    entries = entries[np.lexsort((entries["low"], entries["high"]))]
    same = (entries["high"][1:] == entries["high"][:-1]) & (entries["low"][1:] == entries["low"][:-1])
    again = np.flatnonzero(same) + 1
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    start = starts[np.searchsorted(starts, again, side="right") - 1]
    return Repeats(entries["position"][again], entries["position"][start], again - start)


def _is_one_key(entries: Entries) -> bool:
    first = entries[0]
    return all(
        bool(np.all((entries["high"][piece] == first["high"]) & (entries["low"][piece] == first["low"])))
        for piece in pieces(len(entries))
    )


def _one_group(chunks: Iterable[Entries]) -> Iterator[Repeats]:
    """Of entries that all have the same key, however many."""
    first, passed = None, 0
    for chunk in chunks:
        positions = chunk["position"]
        first = positions[0] if first is None else first
        earlier = np.arange(passed, passed + len(positions))
        again = earlier > 0
        yield Repeats(positions[again], np.full(int(again.sum()), first), earlier[again])
        passed += len(positions)
