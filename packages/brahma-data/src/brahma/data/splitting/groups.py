"""Which rows must stay together, and which groups of rows are held out.

Rows are known by the 64-bit hashes of their texts and keys, and all of those are held in memory, about 100
bytes a row with what is computed of them. Two things that share a hash by chance only stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brahma.data.order import permute
from brahma.data.split import SPLIT_EPOCH


def groups_of(keys: Sequence[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """The group of each row: rows that share a key of any kind, also by way of others, are of one group.

    Args:
        keys: uint64 [n] of each kind, at least one kind.

    Returns:
        int64 [n]: the number of the first row of its group.
    """
    kinds = [np.unique(each, return_inverse=True)[1] for each in keys]
    labels = np.arange(len(keys[0]), dtype=np.int64)
    while True:
        before = labels
        for kind in kinds:
            least = np.full(int(kind.max(initial=-1)) + 1, len(labels), np.int64)
            np.minimum.at(least, kind, labels)
            labels = least[kind]
        if np.array_equal(before, labels):
            return labels


def held_out(
    groups: NDArray[np.int64], strata: NDArray[np.int64], sizes: Sequence[int | float], *, seed: int
) -> NDArray[np.int8]:
    """Draw the parts that are held out, group by group.

    Rows are gone through in the order in which `data_config.validation` draws them, so without groups and
    strata it is the same rows; a row brings all of its group, and a group that would make the part larger
    than asked for is passed over.

    Args:
        groups: int64 [n] from `groups_of`.
        strata: int64 [n]: each part takes its share of the rows of each.
        sizes: of each part, a fraction of all rows below 1 or a number of rows.

    Returns:
        int8 [n]: 0 for training, k for the k-th part.
    """
    total = len(groups)
    drawn = permute(np.arange(total, dtype=np.int64), total, seed=seed, epoch=SPLIT_EPOCH)
    order = groups[drawn]
    firsts = order[np.sort(np.unique(order, return_index=True)[1])]  # each group where it is drawn first
    counts = np.bincount(groups, minlength=total)
    part_of_group = np.zeros(total, np.int8)
    for stratum in np.unique(strata):
        left = firsts[strata[firsts] == stratum]
        rows = int(np.count_nonzero(strata == stratum))
        for number, size in enumerate(sizes, 1):
            taken = _fill(counts[left], _share(size, rows, total))
            part_of_group[left[taken]] = number
            left = left[~taken]
    return part_of_group[groups]


def _share(size: int | float, rows: int, total: int) -> int:
    """Rows of a part among `rows` of all `total`: at least one, and never all."""
    wanted = round(size * rows if size < 1 else size * rows / total)
    return min(max(1, wanted), rows - 1)


def _fill(counts: NDArray[np.int64], wanted: int) -> NDArray[np.bool_]:
    """Which groups, in their order, make up at most so many rows; bool, one for each."""
    taken = np.cumsum(counts) <= wanted
    filled = int(counts[taken].sum())
    for number in np.flatnonzero(~taken):
        if filled >= wanted:
            break
        if filled + counts[number] <= wanted:
            taken[number] = True
            filled += int(counts[number])
    return taken
