"""The documents of a task, as they come again, and their places among the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from brahma.core.errors import DataError
from brahma.data.cleaning.contract import Document, Verdict
from brahma.data.cleaning.duplicates.arrays import pieces
from brahma.data.cleaning.duplicates.keys import KeyFolder


class Found(NamedTuple):
    """A document among those that had keys.

    Attributes:
        document: its index in the whole corpus.
        first_key: position of its first key.
        last_key: position after its last key.
    """

    document: int
    first_key: int
    last_key: int


def verdict_of_each(
    keys: KeyFolder, *, task: int, judge: Callable[[Document, Found], Verdict]
) -> Callable[[Document], Verdict]:
    """Finds each document of a task among those that had keys, in their order, and judges it.

    Raises:
        DataError: a document was not there when the keys were made.
    """
    known = _known(keys, task)

    def verdict(document: Document) -> Verdict:
        for number, found in known:
            if number == document.number:
                return judge(document, found)
        raise DataError(
            "a document was not there when duplicates were searched",
            where=document.where,
            why="the input has changed since",
            hint="Remove the job's folder and start the cleaning again",
        )

    return verdict


def _known(keys: KeyFolder, task: int) -> Iterator[tuple[int, Found]]:
    """Number and place of each document of a task."""
    documents = keys.documents_of(task)
    index, position = int(keys.first_document[task]), int(keys.first_key[task])
    for piece in pieces(len(documents)):
        for number, count in documents[piece][["number", "keys"]].tolist():
            yield number, Found(index, position, position + count)
            index, position = index + 1, position + count
