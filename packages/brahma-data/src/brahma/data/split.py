"""Holding out whole documents for validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import DataError
from brahma.data.order import permute

SPLIT_EPOCH = 1 << 63
"""Stands for the epoch in the permutation that the split is drawn with: no run gets there."""


def split_documents(
    counts: Sequence[int], fraction: float, seed: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Choose a fraction of all documents for validation.

    The choice depends on the seed and the number of documents alone; at least one document is on each side.

    Args:
        counts: documents of each source, in the order of the data set.
        fraction: of all documents, between 0 and 1.

    Returns:
        For training and for validation: the document numbers of each source, int64 ascending.

    Raises:
        DataError: the fraction is not between 0 and 1, or there are fewer than two documents.
    """
    if not 0 < fraction < 1:
        raise DataError(
            f"a validation fraction must lie between 0 and 1, not be {fraction}",
            where="data_config.validation",
            hint="0.01 holds out one document in a hundred",
        )
    total = sum(counts)
    if total < 2:
        raise DataError(
            f"a validation fraction needs at least 2 documents, the data has {total}",
            where="data_config.validation",
            why="whole documents are held out, and a .txt file is one unless text_document says otherwise",
            hint='give validation a path, or set text_document to "blank_line" or "line"',
        )
    held_out = min(max(1, round(total * fraction)), total - 1)
    is_held_out = np.zeros(total, bool)
    is_held_out[permute(np.arange(held_out, dtype=np.int64), total, seed=seed, epoch=SPLIT_EPOCH)] = True
    parts = np.split(is_held_out, np.cumsum(counts)[:-1])
    return [np.flatnonzero(~part) for part in parts], [np.flatnonzero(part) for part in parts]
