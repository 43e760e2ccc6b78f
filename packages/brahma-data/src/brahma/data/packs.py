"""The pack table: which tokens are trained on together, worked out ahead of time and kept on disk.

A pack holds up to T = `seq_length` pairs of an input token and its target. A document of n tokens has n - 1
pairs; a segment is a run of consecutive pairs of one document. Attention never leaves a segment.

    concat     running text: the stream of all documents' pairs, cut every T pairs
    best_fit   examples: whole documents, best-fit decreasing
    off        one document a pack

Because the table exists before training, the supervised tokens of any future batch are known without
communication, a resume opens it in constant time, and the rows behind any step can be listed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from brahma.data._packing import SEGMENT as SEGMENT
from brahma.data._table import CUT, OnLongRow, PackOptions, PackSource, Table
from brahma.data.batches import IGNORE_INDEX, Batch, make_batch, pad_batch, spread
from brahma.data.cache import DamagedDataError, build_once, read_manifest
from brahma.data.ledger import PackLedger, TokenCounts
from brahma.data.shards import Shard

PACKS_VERSION = 1
"""Raised when the same documents would make other packs."""

Packing = Literal["auto", "concat", "best_fit", "off"]


class RowRef(NamedTuple):
    """Where a piece of a pack comes from: file, 1-based line, byte offset, document of the file."""

    source: str
    line: int
    offset: int
    document: int


class Packs:
    """An open pack table; its arrays are memory-mapped.

    Attributes:
        seq_length: T, pairs that a pack holds.
        segments: SEGMENT [segments], pack after pack.
        offsets: int64 [P+1], the first segment of each pack.
        supervised: int32 [P], supervised tokens of each pack, never 0.
        fingerprint: of the content: tokens, options and selection, not of paths.
        num_bytes: UTF-8 bytes of the supervised text.
        counts: what became of each source's tokens, in the order of the sources.
        ledger: of the packs.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.seq_length: int = manifest["seq_length"]
        self.fingerprint: str = manifest["fingerprint"]
        self.counts = [TokenCounts(**source["counts"]) for source in manifest["sources"]]
        self.num_bytes = sum(counts.bytes for counts in self.counts)
        self.ledger = PackLedger(**manifest["ledger"])
        self.segments: NDArray[Any] = np.load(folder / "segments.npy", mmap_mode="r", allow_pickle=False)
        self.offsets: NDArray[np.int64] = np.load(folder / "offsets.npy", mmap_mode="r", allow_pickle=False)
        self.supervised: NDArray[np.int32] = np.load(
            folder / "supervised.npy", mmap_mode="r", allow_pickle=False
        )
        self._pad_id: int = manifest["pad_id"]
        self._paths: list[str] = [source["path"] for source in manifest["sources"]]
        self._folders = [folder / source["folder"] for source in manifest["sources"]] + [folder / CUT]
        self._shard = cache(lambda number: Shard(self._folders[number]))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a table that was built before, in constant time.

        Raises:
            DamagedDataError: it is missing or damaged.
        """
        manifest = read_manifest(folder)
        if manifest is None:
            raise DamagedDataError(
                "a pack table is missing or damaged",
                where=str(folder),
                hint="prepare the data again: the same data gives the same packs",
            )
        return cls(folder, manifest)

    @classmethod
    def build(
        cls,
        sources: Sequence[PackSource],
        directory: Path,
        *,
        seq_length: int,
        packing: Packing = "auto",
        on_long_row: OnLongRow = "error",
        running_text: bool,
        pad_id: int = 0,
    ) -> Self:
        """Pack `sources`, or open the table if the same packing was built in `directory` before.

        `auto` is concat for running text and best_fit for examples. `on_long_row` says what happens to an
        example with more than `seq_length` pairs where documents are kept whole (best_fit and off):

            error        raise, naming the row
            cut_prompt   cut from the left of the prompt (a bos before it stays), never into the answer
            split        into segments of at most T pairs; those without a supervised token are dropped
            drop         leave the document out

        Running text is split whatever the policy.

        Raises:
            RowError: an over-long row, or an answer that is over-long by itself under cut_prompt.
            DataError: nothing is left to train on, or the table cannot be written.
        """
        if packing == "auto":
            packing = "concat" if running_text else "best_fit"
        options = PackOptions(seq_length, packing, on_long_row, running_text)
        fixed = {"version": PACKS_VERSION, "pad_id": pad_id, **asdict(options)}
        fingerprint = _digest([fixed, [_identity(source) for source in sources]])
        folder = directory / _digest([fingerprint, [[source.path, str(source.folder)] for source in sources]])

        def write(building: Path) -> dict[str, Any]:
            return {**fixed, "fingerprint": fingerprint, **Table(sources, building, options).write()}

        return cls(folder, build_once(folder, write))

    def __len__(self) -> int:
        """Packs, P."""
        return len(self.supervised)

    def __repr__(self) -> str:
        supervised = int(self.supervised.sum())
        return f"Packs({len(self):,} × {self.seq_length:,} tokens, {supervised:,} of them supervised)"

    def batch(self, indices: Sequence[int] | NDArray[np.int64], *, pad_to: int | None = None) -> Batch:
        """The packs of these numbers as one flat batch, in this order.

        Args:
            indices: pack numbers, [B].
            pad_to: slots to fill the batch up to, for shapes that never change (B × seq_length holds any).
        """
        segments = self.segments_of(np.asarray(indices, np.int64))
        lengths = segments["length"].astype(np.int64)
        inputs, labels = self._gather(segments["shard"], spread(segments["start"], lengths), lengths)
        batch = make_batch(inputs, labels, lengths)
        if pad_to is None:
            return batch
        return pad_batch(batch, pad_to, pad_id=self._pad_id, seq_length=self.seq_length)

    def rows(self, index: int) -> list[RowRef]:
        """The rows behind a pack, in the order of its segments."""
        return [
            self.row(int(shard), int(start))
            for shard, start, _ in self.segments_of(np.array([index], np.int64)).tolist()
        ]

    def tokens(self, shard: int, start: int, stop: int) -> NDArray[np.integer[Any]]:
        """The token ids `[start, stop)` of a shard, as segments number them."""
        return self._shard(shard).tokens[start:stop]

    def segments_of(self, packs: NDArray[np.int64]) -> NDArray[Any]:
        """The segments of these packs, SEGMENT, pack after pack."""
        begins = self.offsets[packs]
        return self.segments[spread(begins, self.offsets[packs + 1] - begins)]

    def documents_of(self, shard: int, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the shard's documents that these tokens belong to, [len(tokens)]."""
        return np.searchsorted(self._shard(shard).starts, tokens, side="right") - 1

    def _gather(
        self, shards: NDArray[np.int32], tokens: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and labels at the token indices `tokens` [N]; segment i lies in `shards[i]`."""
        inputs, labels = np.empty(len(tokens), np.int64), np.empty(len(tokens), np.int64)
        numbers = np.unique(shards).tolist()
        for number in numbers:
            shard = self._shard(number)
            slots = slice(None) if len(numbers) == 1 else np.repeat(shards == number, lengths)
            at = tokens[slots]
            inputs[slots] = shard.tokens[at]
            targets = shard.tokens[at + 1].astype(np.int64)
            labels[slots] = (
                targets if shard.mask is None else np.where(shard.mask[at + 1], targets, IGNORE_INDEX)
            )
        return inputs, labels

    def row(self, number: int, token: int) -> RowRef:
        """The row that a token of a shard comes from."""
        shard = self._shard(number)
        document = shard.find(token)
        record = shard.documents[document]
        source = int(record["source"]) if number == len(self._paths) else number
        return RowRef(self._paths[source], int(record["line"]), int(record["offset"]), int(record["row"]))


def _identity(source: PackSource) -> list[Any]:
    chosen = source.documents
    selection = None if chosen is None else hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()
    return [source.key, selection]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
