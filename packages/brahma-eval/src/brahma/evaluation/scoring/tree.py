"""Texts laid flat so that each beginning that several share is there once. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brahma.evaluation.scoring.layout import Laid, targets_of
from brahma.evaluation.scoring.requests import Text


class TreeBatches:
    """Texts in the order of their ids: those that share a beginning are neighbours."""

    def __init__(self, texts: Sequence[Text]) -> None:
        keys = [text.ids.astype(">u4").tobytes() for text in texts]
        self.order = sorted(range(len(texts)), key=keys.__getitem__)
        self._texts = [texts[number] for number in self.order]
        self._lengths = np.array([len(text.ids) for text in self._texts], np.int64)
        self._shared = shared_lengths([text.ids for text in self._texts])

    def end(self, start: int, budget: int) -> int:
        """Of the last half of the places where it could end, the one where the least is shared.

        What is shared there is computed again in the next batch.
        """
        new = self._lengths[start:] - self._shared[start:]
        new[0] = self._lengths[start]  # nothing of it has been computed in this batch
        total = np.cumsum(new)
        most = max(1, int(np.searchsorted(total, budget, side="right")))
        if most == len(total):
            return start + most
        least = min(most, 1 + int(np.searchsorted(total, budget / 2)))
        costs = self._shared[start + least : start + most + 1]
        return start + most - int(costs[::-1].argmin())

    def lay(self, start: int, end: int) -> Laid:
        """The batch, depth first."""
        return lay_tree(self._texts[start:end], self._shared[start:end])


def shared_lengths(texts: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
    """int64 [texts]: how many first ids each has in common with the one before it; the first one 0."""
    found = np.zeros(len(texts), np.int64)
    for number in range(1, len(texts)):
        before, ids = texts[number - 1], texts[number]
        count = min(len(before), len(ids))
        differ = before[:count] != ids[:count]
        first = int(differ.argmax())
        found[number] = first if differ[first] else count
    return found


def lay_tree(texts: Sequence[Text], shared: NDArray[np.int64]) -> Laid:
    """Texts, neighbours sharing their beginnings, as flat tokens.

    Args:
        shared: of each with the one before it; that of the first one does not count.
    """
    lengths = np.array([len(text.ids) for text in texts], np.int64)
    common = np.array(shared, np.int64)
    common[0] = 0
    starts = np.concatenate([[0], np.cumsum(lengths - common)])
    total = int(starts[-1])
    ids, depths = np.empty(total, np.int64), np.empty(total, np.int64)
    ends = np.full(total, total, np.int64)
    way = np.empty(int(lengths.max()), np.int64)  # flat tokens from the beginning of a text to its end
    slots = []
    before = 0
    for number, text in enumerate(texts):
        first, length, start, stop = (int(x[number]) for x in (common, lengths, starts, starts[1:]))
        ends[way[first:before]] = start
        way[first:length] = np.arange(start, stop)
        ids[start:stop] = text.ids[first:]
        depths[start:stop] = np.arange(first, length)
        slots.append(way[length - len(text.targets) : length].copy())
        before = length
    return Laid(ids, np.concatenate(slots), *targets_of(texts), depths, ends)
