"""A micro-batch as a model takes it: flat arrays without padding, documents told apart by their borders.

Legend of shapes: N slots of the batch, S segments (pieces of documents) in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IGNORE_INDEX = -100
"""The label of a slot that is no training target; the value torch's cross-entropy ignores."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch.

    Attributes:
        input_ids: int64 [N].
        labels: int64 [N], already shifted: `labels[i]` is the token after `input_ids[i]`, or IGNORE_INDEX.
        position_ids: int64 [N], 0, 1, 2, … in each segment.
        cu_seqlens: int32 [S+1], where segments begin; the last value is N. A slot sees its own segment only.
        max_length: slots of the longest segment.
        supervised: labels that are not IGNORE_INDEX.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    cu_seqlens: NDArray[np.int32]
    max_length: int
    supervised: int

    def __len__(self) -> int:
        """Slots, N."""
        return len(self.input_ids)


def spread(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of all ranges `[start, start + length)` in a row: `spread([5, 0], [2, 1])` is `[5, 6, 0]`."""
    begins = np.cumsum(lengths) - lengths
    return np.repeat(starts - begins, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)


def make_batch(input_ids: NDArray[np.int64], labels: NDArray[np.int64], lengths: NDArray[np.int64]) -> Batch:
    """A batch of consecutive segments, `lengths` [S] with sum N; positions and borders follow from them."""
    borders = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=borders[1:])
    return Batch(
        input_ids=input_ids,
        labels=labels,
        position_ids=spread(np.zeros(len(lengths), np.int64), lengths),
        cu_seqlens=borders,
        max_length=int(lengths.max(initial=0)),
        supervised=int(np.count_nonzero(labels != IGNORE_INDEX)),
    )


def pad_batch(batch: Batch, slots: int, *, pad_id: int, seq_length: int) -> Batch:
    """`batch` filled up to `slots` for shapes that never change.

    The padding is made of segments of its own, each of at most `seq_length`, so that no document sees it
    and `max_length` keeps its bound. Its labels are IGNORE_INDEX.

    Raises:
        ValueError: the batch has more slots already.
    """
    missing = slots - len(batch)
    if missing < 0:
        raise ValueError(f"a batch of {len(batch)} slots cannot be padded to {slots}")
    lengths = np.diff(batch.cu_seqlens).astype(np.int64)
    whole, rest = divmod(missing, seq_length)
    padding = np.array([seq_length] * whole + [rest] * (rest > 0), np.int64)
    return make_batch(
        np.concatenate([batch.input_ids, np.full(missing, pad_id, np.int64)]),
        np.concatenate([batch.labels, np.full(missing, IGNORE_INDEX, np.int64)]),
        np.concatenate([lengths, padding]),
    )
