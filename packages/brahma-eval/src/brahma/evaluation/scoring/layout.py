"""Texts as one batch of a model. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brahma.evaluation.scoring.requests import Text


@dataclass(frozen=True)
class Laid:
    """Texts as one batch.

    Attributes:
        ids: int64 [N] flat tokens, or [B, L] rows that are padded on the right.
        slots: int64 [S], the flat tokens (of rows: of all slots) that predict the targets.
        targets: int64 [S], text by text.
        counts: int64 [texts], how many targets each has.
        depths, ends: int64 [N], how the flat tokens share beginnings (see `TokenTree`); None for rows.
    """

    ids: NDArray[np.int64]
    slots: NDArray[np.int64]
    targets: NDArray[np.int64]
    counts: NDArray[np.int64]
    depths: NDArray[np.int64] | None = None
    ends: NDArray[np.int64] | None = None


class Batches(Protocol):
    """Texts in an order that is good for their batches.

    Attributes:
        order: their numbers.
    """

    order: list[int]

    def end(self, start: int, budget: int) -> int:
        """Where the batch ends that begins at `start` and may hold so many tokens; one text at least."""
        ...

    def lay(self, start: int, end: int) -> Laid:
        """The batch."""
        ...


def targets_of(texts: Sequence[Text]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The targets text by text, int64 [S], and how many each has, int64 [texts]."""
    targets = np.concatenate([text.targets for text in texts]).astype(np.int64)
    return targets, np.array([len(text.targets) for text in texts], np.int64)
