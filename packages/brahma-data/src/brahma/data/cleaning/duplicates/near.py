"""`near_duplicates`: of documents that share most of their runs of words, the longest stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import rensa
import xxhash
from numpy.typing import NDArray
from pydantic import Field

from brahma.core.config.sections import Count, Section
from brahma.data.cleaning.contract import Document, Dropped, Verdict
from brahma.data.cleaning.duplicates.again import Found, verdict_of_each
from brahma.data.cleaning.duplicates.arrays import integers, new_array, new_identity, pieces
from brahma.data.cleaning.duplicates.clusters import flatten, unite
from brahma.data.cleaning.duplicates.grouping import repeats
from brahma.data.cleaning.duplicates.keys import KeyFolder, as_keys
from brahma.data.cleaning.duplicates.sorting import Entries, entries_of, sorted_entries
from brahma.data.cleaning.words import WordHashes, run_hashes

_DECIDED, _CLUSTERS, _SIZES = "decided", "clusters", "sizes"
_MOST_CHARACTERS = 2**63
_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # odd: spreads small numbers over 64 bits, each to one of its own


class NearDuplicatesOptions(Section):
    """Options of `near_duplicates`.

    Two documents that share a fraction s of their runs of words are found with probability
    1 - (1 - s^rows)^bands: with 14 bands of 8 rows that is 0.05 at s = 0.5, a half at 0.69, 0.92 at 0.8.
    """

    bands: Count = 14
    """Parts of the signature; more find more."""
    rows: Count = 8
    """Hashes in a band, all of which must agree; more find only what is more alike."""
    ngram: Count = 5
    """Words in a run. A document with fewer is compared as a whole."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    """Of the hashes."""
    chains: bool = False
    """Also drop a document that is like one that is like the one that stays."""


class NearDuplicates:
    """MinHash with bands (https://ekzhu.com/datasketch/lsh.html; Broder, 1997): equal bands are the keys.

    Documents that share a band hang together in clusters. In each, the longest document stays (of equally
    long ones the first in reading order) and drops those that share a band with it; the longest of the rest
    stays too, and so on, so that no document goes for one that it was not found to be like.
    A document without words is never a duplicate.
    """

    def __init__(self, options: NearDuplicatesOptions) -> None:
        self._options = options
        self._hashes = WordHashes()

    def keys(self, document: Document) -> NDArray[np.uint64]:
        """A key for each band, `[bands, 2]`; none when the document has no words."""
        words = self._hashes.words(document.joined)
        if len(words) == 0:
            return as_keys([])
        bands, rows = self._options.bands, self._options.rows
        runs = run_hashes(words, min(self._options.ngram, len(words)))
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
            runs, [0, len(runs)], bands * rows, self._options.seed
        )
        signature = np.array(matrix.to_rows()[0], np.uint32).tobytes()
        width = rows * 4
        return as_keys(
            [xxhash.xxh3_128_digest(signature[band * width :][:width], seed=band) for band in range(bands)]
        )

    def decide(self, folder: Path, *, tasks: int) -> None:
        """For each document the one that stays for it, and how many each stands for."""
        keys = KeyFolder(folder, tasks=tasks)
        with new_identity(folder / _CLUSTERS, keys.num_documents) as roots:
            for found in repeats(keys):
                unite(roots, keys.documents_at(found.again), keys.documents_at(found.first))
            flatten(roots)
        with (
            new_array(folder / _SIZES, keys.num_documents) as sizes,
            new_identity(folder / _DECIDED, keys.num_documents) as kept,
        ):
            for index, stays in self._choices(keys):
                kept[index] = stays
                sizes[stays] += 1

    def _choices(self, keys: KeyFolder) -> Iterator[tuple[int, int]]:
        """Each document of a cluster and the one that stays for it, by cluster and falling length."""
        cluster, longest, holders = -1, -1, dict[bytes, int]()
        for entries in sorted_entries(_members(keys), folder=keys.folder):
            for this, index in zip(entries["high"].tolist(), entries["position"].tolist(), strict=True):
                if this != cluster:
                    cluster, longest, holders = this, index, {}
                yield index, longest if self._options.chains else _held(keys.keys_at(index), index, holders)

    def verdicts(self, folder: Path, *, task: int) -> Callable[[Document], Verdict]:
        """Drops all for which another one stays; the detail says which and why that one."""
        keys, kept, sizes = KeyFolder(folder), integers(folder / _DECIDED), integers(folder / _SIZES)

        def judge(_: Document, found: Found) -> Verdict:
            stays = int(kept[found.document])
            detail = f"of {keys.where(stays)}, kept as the longest of {int(sizes[stays])}"
            return stays == found.document or Dropped("near-duplicate", detail)

        return verdict_of_each(keys, task=task, judge=judge)


def _held(keys: NDArray[np.uint64], index: int, holders: dict[bytes, int]) -> int:
    """The document that stays and shares most bands with this one; itself, which then holds its bands."""
    bands = [band.tobytes() for band in keys]
    shared = [holders[band] for band in bands if band in holders]
    if not shared:
        holders.update(dict.fromkeys(bands, index))
    return max(shared, key=shared.count, default=index)


def _members(keys: KeyFolder) -> Iterator[Entries]:
    """The documents of clusters of two or more, to be sorted by cluster, falling length, reading order."""
    roots = integers(keys.folder / _CLUSTERS)
    counts = _counts(keys.folder / "counts", roots)
    for piece in pieces(len(roots)):
        found = np.array(roots[piece])
        inside = counts[found] > 1
        members = np.flatnonzero(inside) + piece.start
        clusters = found[inside].astype(np.uint64) * _SCATTER
        yield entries_of(clusters, _MOST_CHARACTERS - keys.characters_of(members), members)


def _counts(path: Path, roots: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each root how many documents hang on it, itself included; on disk."""
    with new_array(path, len(roots)) as counts:
        for piece in pieces(len(roots)):
            found, times = np.unique(roots[piece], return_counts=True)
            counts[found] += times
    return integers(path)
