"""Sorting of records with 128-bit keys on disk, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brahma.data.cleaning.duplicates.arrays import opened, pieces

ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("position", "<i8")])
IN_MEMORY = 1 << 20
"""Entries that are sorted at once: 24 MB, and about four times that while they are."""
_SPLIT_BITS = 8

Entries = NDArray[Any]
"""ENTRY `[n]`"""


def entries_of(high: NDArray[Any], low: NDArray[Any], position: NDArray[Any]) -> Entries:
    """Columns `[n]` as records."""
    entries = np.empty(len(position), ENTRY)
    entries["high"], entries["low"], entries["position"] = high, low, position
    return entries


def sorted_entries(
    entries: Iterable[Entries], *, folder: Path, in_memory: int = IN_MEMORY
) -> Iterator[Entries]:
    """All entries by key, in pieces; those with equal keys keep the order in which they came.

    Split by the leading bits of the keys until a part fits into memory, or is all one key.

    Args:
        entries: in pieces that fit into memory.
        folder: where files are made, and removed in the end.
        in_memory: entries that are sorted at once.
    """
    entries, held = iter(entries), [np.empty(0, ENTRY)]
    while sum(map(len, held)) <= in_memory:
        if (chunk := next(entries, None)) is None:  # all of them fit: no file is needed
            yield _in_order(np.concatenate(held))
            return
        held.append(chunk)
    with TemporaryDirectory(dir=folder, prefix="sorting-") as scratch:
        yield from _sorted(chain(held, entries), 0, Path(scratch), in_memory)


def _sorted(entries: Iterable[Entries], bits: int, folder: Path, in_memory: int) -> Iterator[Entries]:
    """Args: bits: leading ones that all these keys share."""
    for part in _split(entries, bits, folder):
        found = opened(part, ENTRY)
        if len(found) <= in_memory:
            yield _in_order(found)
        elif _is_one_key(found):
            yield from _copies(found)
        else:
            yield from _sorted(_copies(found), bits + _SPLIT_BITS, folder, in_memory)
        part.unlink()


def _in_order(entries: Entries) -> Entries:
    return entries[np.lexsort((entries["low"], entries["high"]))]


def _split(entries: Iterable[Entries], bits: int, folder: Path) -> list[Path]:
    """Files with the entries by the next bits of their keys, in the order of those bits."""
    word, shift = ("high", 56 - bits) if bits < 64 else ("low", 120 - bits)
    parts: dict[int, Path] = {}
    for chunk in filter(len, entries):
        leading = (chunk[word] >> np.uint64(shift)).astype(np.uint8)
        order = np.argsort(leading, kind="stable")
        values, starts = np.unique(leading[order], return_index=True)
        for value, part in zip(values.tolist(), np.split(chunk[order], starts[1:]), strict=True):
            path = parts.setdefault(value, folder / f"{bits:03d}-{value:03d}")
            with path.open("ab") as file:
                file.write(part.tobytes())
    return [path for _, path in sorted(parts.items())]


def _copies(entries: Entries) -> Iterator[Entries]:
    return (np.array(entries[piece]) for piece in pieces(len(entries)))


def _is_one_key(entries: Entries) -> bool:
    first = entries[0]
    return all(
        bool(np.all((chunk["high"] == first["high"]) & (chunk["low"] == first["low"])))
        for chunk in _copies(entries)
    )
