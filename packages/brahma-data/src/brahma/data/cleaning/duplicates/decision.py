"""Which document stays for which: written once by a step's `decide`, read by its `verdicts`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import DataError
from brahma.data.cleaning.contract import Document, Verdict
from brahma.data.cleaning.duplicates.arrays import new_identity, opened
from brahma.data.cleaning.duplicates.keys import KeyFolder

_DECIDED = "decided"


def new_decision(folder: Path, length: int) -> AbstractContextManager[NDArray[np.int64]]:
    """An int64 array `[length]` on disk in which each stands for itself, to be changed in the block."""
    return new_identity(folder / _DECIDED, length)


def decision(folder: Path) -> NDArray[np.int64]:
    """What `new_decision` left."""
    return opened(folder / _DECIDED, np.dtype(np.int64))


def verdict_of_each(
    keys: KeyFolder, *, task: int, judge: Callable[[Document, int], Verdict]
) -> Callable[[Document], Verdict]:
    """Finds the index of each document of a task, in their order, and judges it.

    Args:
        keys: of all tasks.
        task: the task whose documents are asked for.
        judge: gets a document and its index.

    Raises:
        DataError: when a document comes that had no place among the keys, or out of order.
    """
    numbers = keys.documents_of(task)["number"]
    first, row = int(keys.first_document[task]), 0

    def verdict(document: Document) -> Verdict:
        nonlocal row
        while row < len(numbers) and numbers[row] < document.number:
            row += 1
        if row == len(numbers) or numbers[row] != document.number:
            raise DataError(
                "a document was not there when duplicates were searched",
                where=document.where,
                why="the input has changed since",
                hint="Remove the job's folder and start the cleaning again",
            )
        return judge(document, first + row)

    return verdict
