"""Equal keys of all tasks, found on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brahma.data.cleaning.duplicates.arrays import pieces
from brahma.data.cleaning.duplicates.keys import KeyFolder
from brahma.data.cleaning.duplicates.sorting import ENTRY, IN_MEMORY, Entries, entries_of, sorted_entries


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


def repeats(keys: KeyFolder, *, in_memory: int = IN_MEMORY) -> Iterator[Repeats]:
    """Every key that is equal to one before it, in pieces, in no particular order.

    Args:
        keys: of all tasks.
        in_memory: keys that are sorted at once.
    """
    held = np.empty(0, ENTRY)  # the first entry of the last group: the next piece may go on with it
    skipped = 0  # entries of that group after the held one, in the pieces before
    for entries in sorted_entries(_entries(keys), folder=keys.folder, in_memory=in_memory):
        found = np.concatenate([held, entries])
        same = (found["high"][1:] == found["high"][:-1]) & (found["low"][1:] == found["low"][:-1])
        again = np.flatnonzero(same) + 1
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        start = starts[np.searchsorted(starts, again, side="right") - 1]
        earlier = again - start + np.where(start == 0, skipped, 0)
        yield Repeats(found["position"][again], found["position"][start], earlier)
        last = int(starts[-1])
        skipped = len(found) - last - 1 + (skipped if last == 0 else 0)
        held = found[last : last + 1]


def _entries(keys: KeyFolder) -> Iterator[Entries]:
    for task in range(keys.tasks):
        found = keys.keys_of(task)
        for piece in pieces(len(found)):
            positions = np.arange(piece.start, piece.stop) + keys.first_key[task]
            yield entries_of(found[piece, 0], found[piece, 1], positions)
