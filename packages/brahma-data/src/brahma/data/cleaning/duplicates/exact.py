"""`exact_documents`: of documents with the same text, the first stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from brahma.core.config.sections import Section
from brahma.data.cleaning.contract import Document, Dropped, Verdict
from brahma.data.cleaning.duplicates.again import Found, verdict_of_each
from brahma.data.cleaning.duplicates.arrays import integers, new_identity
from brahma.data.cleaning.duplicates.grouping import repeats
from brahma.data.cleaning.duplicates.keys import KeyFolder, as_keys

_DECIDED = "decided"
_BETWEEN = "\0"  # ("a b",) and ("a", "b") are not the same document


class ExactDocumentsOptions(Section):
    """Options of `exact_documents`."""

    ignore_whitespace: bool = False
    """Texts that differ only in white space are the same too. White space at the ends never counts."""


class ExactDocuments:
    """Drops each document whose text stands earlier in the corpus, by its 128-bit hash (xxh3).

    A conversation is the same when all its turns are. An empty document is never a duplicate.
    """

    def __init__(self, options: ExactDocumentsOptions) -> None:
        self._options = options

    def keys(self, document: Document) -> NDArray[np.uint64]:
        """One key, `[1, 2]`; none when the document is empty."""
        text = _BETWEEN.join(document.texts).strip()
        if self._options.ignore_whitespace:
            text = " ".join(text.split())
        return as_keys([xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass"))] if text else [])

    def decide(self, folder: Path, *, tasks: int) -> None:
        """For each document the first one with its text."""
        keys = KeyFolder(folder, tasks=tasks)
        with new_identity(folder / _DECIDED, keys.num_documents) as decided:
            for found in repeats(keys):
                decided[keys.documents_at(found.again)] = keys.documents_at(found.first)

    def verdicts(self, folder: Path, *, task: int) -> Callable[[Document], Verdict]:
        """Drops all but the first; the detail names its place."""
        keys, decided = KeyFolder(folder), integers(folder / _DECIDED)

        def judge(_: Document, found: Found) -> Verdict:
            kept = int(decided[found.document])
            return kept == found.document or Dropped("exact duplicate", f"of {keys.where(kept)}")

        return verdict_of_each(keys, task=task, judge=judge)
