"""Union-find over an array on disk: which documents hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brahma.data.cleaning.duplicates.arrays import pieces

Indices = NDArray[np.int64]


def unite(parents: Indices, one: Indices, other: Indices) -> None:
    """Join what each pair stands for; the smallest index of a cluster is its root.

    Args:
        parents: int64 `[n]`, each its own parent at first; changed.
        one: int64 `[pairs]`.
        other: int64 `[pairs]`.
    """
    pairs = np.unique(np.stack([roots_of(parents, one), roots_of(parents, other)], axis=1), axis=0)
    for a, b in pairs[pairs[:, 0] != pairs[:, 1]].tolist():
        a, b = _root(parents, a), _root(parents, b)
        parents[max(a, b)] = min(a, b)


def roots_of(parents: Indices, indices: Indices) -> Indices:
    """The root of each, `[n]`; they point to it directly afterwards."""
    roots = np.array(parents[indices])
    while not np.array_equal(above := np.array(parents[roots]), roots):
        roots = above
    parents[indices] = roots
    return roots


def flatten(parents: Indices) -> None:
    """Let everything point to its root."""
    for piece in pieces(len(parents)):
        roots_of(parents, np.arange(piece.start, piece.stop))


def _root(parents: Indices, index: int) -> int:
    while (above := int(parents[index])) != index:
        parents[index] = parents[above]
        index = above
    return index
