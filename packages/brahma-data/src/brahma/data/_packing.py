"""How segments are put into packs: pure functions on arrays.

A segment is a run of (input, target) pairs of one document; `lengths` count pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEGMENT = np.dtype([("shard", "<i4"), ("start", "<i8"), ("length", "<i4")])
"""`length` pairs of a shard from token `start`: inputs `[start, start + length)`, targets one further."""

Integers = NDArray[np.int64]


def cut_stream(lengths: Integers, capacity: int) -> tuple[Integers, Integers, Integers]:
    """Cut the stream of all pairs of all documents every `capacity` pairs.

    Args:
        lengths: pairs of each document, in stream order.

    Returns:
        For each resulting piece, in stream order: its document, its first pair within the document, and its
        pairs. Piece borders are document ends and the multiples of `capacity`.
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    borders = np.union1d(ends, np.arange(0, total, capacity, dtype=np.int64))
    borders = np.union1d(borders, np.array([0, total], np.int64))
    begins, stops = borders[:-1], borders[1:]
    document = np.searchsorted(ends, begins, side="right").astype(np.int64)
    return document, begins - (ends - lengths)[document], stops - begins


def cut_documents(lengths: Integers, capacity: int) -> tuple[Integers, Integers, Integers]:
    """Cut each document by itself into pieces of `capacity` pairs, the last one shorter; as `cut_stream`."""
    pieces = -(-lengths // capacity)
    document = np.repeat(np.arange(len(lengths), dtype=np.int64), pieces)
    number = np.arange(int(pieces.sum()), dtype=np.int64) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = number * capacity
    return document, first, np.minimum(lengths[document] - first, capacity)


def best_fit(lengths: Integers, capacity: int) -> tuple[Integers, int]:
    """Best-fit decreasing: the longest first, each into the fullest pack that still holds it.

    Items of one length are placed together. After one of them went into a pack with `free` room, that pack
    stays the fullest that fits until none fits, so it takes `free // length` of them at once; that makes the
    cost O(n log n) for the sort plus one step for each different (length, free) that occurs. Ties go to the
    pack that reached its room last: the result depends on `lengths` and `capacity` alone.
    (Johnson 1973; used for packing by https://arxiv.org/abs/2404.10830.)

    Args:
        lengths: of each item, 1 … capacity.

    Returns:
        The pack of each item, and the number of packs.
    """
    order = np.argsort(-lengths, kind="stable")
    kinds, counts = np.unique(lengths, return_counts=True)
    pack_of = np.empty(len(lengths), np.int64)
    room = _Room(capacity)
    placed = 0
    for length, count in zip(kinds[::-1].tolist(), counts[::-1].tolist(), strict=True):
        end = placed + count
        while placed < end:
            packs, each = room.take(length, end - placed)
            filled = np.repeat(np.array(packs, np.int64), each)[: end - placed]
            pack_of[order[placed : placed + len(filled)]] = filled
            placed += len(filled)
            room.give_back(packs, each, length, len(filled))
    return pack_of, room.opened


class _Room:
    """Packs by the room left in them; a bit set of the rooms that occur finds the best fit."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.opened = 0
        self._by_room: list[list[int]] = [[] for _ in range(capacity + 1)]
        self._rooms = 0  # bit r is set when some pack has room r
        self._taken = 0

    def take(self, length: int, count: int) -> tuple[list[int], int]:
        """Packs for up to `count` items of `length`, and how many items each of them takes."""
        fitting = self._rooms >> length
        if not fitting:
            self._taken = self.capacity
            each = self.capacity // length
            first, self.opened = self.opened, self.opened - (-count // each)
            return list(range(first, self.opened)), each
        self._taken = length + (fitting & -fitting).bit_length() - 1
        each = self._taken // length
        stack = self._by_room[self._taken]
        needed = min(len(stack), -(-count // each))
        packs = stack[-needed:]
        del stack[-needed:]
        if not stack:
            self._rooms ^= 1 << self._taken
        return packs, each

    def give_back(self, packs: list[int], each: int, length: int, items: int) -> None:
        """Put back the packs just taken, with the room they have now; the last may hold fewer items."""
        in_last = items - each * (len(packs) - 1)
        self._put(packs[:-1], self._taken - each * length)
        self._put(packs[-1:], self._taken - in_last * length)

    def _put(self, packs: list[int], room: int) -> None:
        if packs and room:
            self._by_room[room].extend(packs)
            self._rooms |= 1 << room


def supervised_counts(
    mask: NDArray[np.uint8] | None, starts: Integers, lengths: Integers, *, block: int = 1 << 24
) -> Integers:
    """Supervised targets of each segment of one shard.

    Args:
        mask: the shard's, or None when every target is supervised.
        starts, lengths: the segments; they do not overlap.
        block: tokens looked at in one go, which bounds the memory.
    """
    if mask is None:
        return lengths.copy()
    counts = np.empty(len(starts), np.int64)
    order = np.argsort(starts, kind="stable")
    begins, ends = starts[order] + 1, (starts + lengths)[order] + 1
    done = 0
    while done < len(order):
        stop = max(done + 1, int(np.searchsorted(ends, begins[done] + block, side="right")))
        base = int(begins[done])
        seen = np.zeros(int(ends[stop - 1]) - base + 1, np.int64)
        np.cumsum(mask[base : ends[stop - 1]], dtype=np.int64, out=seen[1:])
        counts[order[done:stop]] = seen[ends[done:stop] - base] - seen[begins[done:stop] - base]
        done = stop
    return counts
