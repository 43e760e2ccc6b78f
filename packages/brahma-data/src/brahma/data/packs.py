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
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import DataError, RowError
from brahma.data._packing import SEGMENT, best_fit, cut_documents, cut_stream, supervised_counts
from brahma.data.batches import IGNORE_INDEX, Batch, make_batch, pad_batch, spread
from brahma.data.cache import build_once, read_manifest
from brahma.data.ledger import PackLedger, TokenCounts
from brahma.data.shards import Shard, ShardWriter

PACKS_VERSION = 1
"""Raised when the same documents would make other packs."""

Packing = Literal["auto", "concat", "best_fit", "off"]
OnLongRow = Literal["error", "cut_prompt", "split", "drop"]

_ITEM = np.dtype([*SEGMENT.descr, ("source", "<i4")])
_CUT = "cut"


class RowRef(NamedTuple):
    """Where a piece of a pack comes from: file, 1-based line, byte offset, document of the file."""

    source: str
    line: int
    offset: int
    document: int


@dataclass(frozen=True)
class PackSource:
    """The documents of one tokenised source that are packed.

    Attributes:
        path: of the source, for errors and provenance.
        key: of its cache entry: the content.
        folder: of its shard.
        running_text: text, which may be cut anywhere, or examples, which may not.
        bos_id: kept at the front of a document whose prompt is cut.
        documents: int64, the numbers of those to pack, ascending; None for all.
    """

    path: str
    key: str
    folder: Path
    running_text: bool
    bos_id: int | None = None
    documents: NDArray[np.int64] | None = None


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
        self._folders = [folder / source["folder"] for source in manifest["sources"]] + [folder / _CUT]
        self._shard = cache(lambda number: Shard(self._folders[number]))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a table that was built before, in constant time.

        Raises:
            DataError: it, or a shard it refers to, is missing or damaged.
        """
        manifest = read_manifest(folder)
        if manifest is None:
            raise DataError(
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
        options = {
            "version": PACKS_VERSION,
            "seq_length": seq_length,
            "packing": packing,
            "on_long_row": on_long_row,
            "pad_id": pad_id,
        }
        fingerprint = _digest([options, [_identity(source) for source in sources]])
        key = _digest([fingerprint, [[source.path, str(source.folder)] for source in sources]])

        def write(folder: Path) -> dict[str, Any]:
            table = _Table(sources, folder, seq_length, packing, on_long_row)
            return {**options, "fingerprint": fingerprint, **table.write()}

        return cls(directory / key, build_once(directory / key, write))

    def __len__(self) -> int:
        """Packs, P."""
        return len(self.supervised)

    def batch(self, indices: Sequence[int] | NDArray[np.int64], *, pad_to: int | None = None) -> Batch:
        """The packs of these numbers as one flat batch, in this order.

        Args:
            indices: pack numbers, [B].
            pad_to: slots to fill the batch up to, for shapes that never change (B × seq_length holds any).
        """
        segments = self._segments_of(np.asarray(indices, np.int64))
        lengths = segments["length"].astype(np.int64)
        inputs, labels = self._gather(segments["shard"], spread(segments["start"], lengths), lengths)
        batch = make_batch(inputs, labels, lengths)
        if pad_to is None:
            return batch
        return pad_batch(batch, pad_to, pad_id=self._pad_id, seq_length=self.seq_length)

    def rows(self, index: int) -> list[RowRef]:
        """The rows behind a pack, in the order of its segments."""
        return [
            self._row(int(shard), int(start))
            for shard, start, _ in self._segments_of(np.array([index], np.int64)).tolist()
        ]

    def _segments_of(self, packs: NDArray[np.int64]) -> NDArray[Any]:
        begins = self.offsets[packs]
        return self.segments[spread(begins, self.offsets[packs + 1] - begins)]

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

    def _row(self, number: int, start: int) -> RowRef:
        shard = self._shard(number)
        document = shard.find(start)
        record = shard.documents[document]
        source = int(record["source"]) if number == len(self._paths) else number
        return RowRef(self._paths[source], int(record["line"]), int(record["offset"]), int(record["row"]))


class _Table:
    """Builds the arrays of one pack table."""

    def __init__(
        self,
        sources: Sequence[PackSource],
        folder: Path,
        seq_length: int,
        packing: Packing,
        on_long_row: OnLongRow,
    ) -> None:
        self.sources = sources
        self.folder = folder
        self.seq_length = seq_length
        self.packing = packing
        self.on_long_row = on_long_row
        self.shards = [Shard(source.folder) for source in sources]
        self.truncated = np.zeros(len(sources), np.int64)  # targets, by source
        self.dropped = np.zeros(len(sources), np.int64)
        self.dropped_bytes = np.zeros(len(sources), np.int64)

    def write(self) -> dict[str, Any]:
        """Write the arrays; return the rest of the manifest."""
        items, pack_of = self._pack()
        supervised = self._supervised(items)
        per_pack = np.bincount(pack_of, supervised, minlength=0).astype(np.int64)
        kept = per_pack[pack_of] > 0
        self._drop(items[~kept])
        items, supervised, pack_of = items[kept], supervised[kept], pack_of[kept]
        if not len(items):
            raise DataError(
                "nothing is left to train on",
                where=", ".join(source.path for source in self.sources),
                why="every row was dropped, or is too short to have a target",
                hint="`brahma data inspect` shows what became of each row",
            )
        per_pack = per_pack[per_pack > 0]
        offsets = np.concatenate([np.flatnonzero(np.diff(pack_of, prepend=-1)), [len(items)]])
        np.save(self.folder / "segments.npy", items[list(SEGMENT.names or ())].astype(SEGMENT))
        np.save(self.folder / "offsets.npy", offsets.astype("<i8"))
        np.save(self.folder / "supervised.npy", per_pack.astype("<i4"))
        return self._manifest(items, supervised, len(per_pack))

    def _manifest(self, items: NDArray[Any], supervised: NDArray[np.int64], packs: int) -> dict[str, Any]:
        number = len(self.sources)
        pairs = np.bincount(items["source"], items["length"], minlength=number).astype(np.int64)
        trained = np.bincount(items["source"], supervised, minlength=number).astype(np.int64)
        inputs = int(pairs.sum())
        slots = packs * self.seq_length
        return {
            "sources": [
                {
                    "path": source.path,
                    "key": source.key,
                    "folder": os.path.relpath(source.folder, self.folder),
                    "counts": asdict(self._counts(i, int(pairs[i]), int(trained[i]))),
                }
                for i, source in enumerate(self.sources)
            ],
            "ledger": asdict(PackLedger(packs, slots, inputs, slots - inputs)),
        }

    def _counts(self, number: int, pairs: int, trained: int) -> TokenCounts:
        chosen = self._chosen(number)
        records = self.shards[number].documents[chosen]
        return TokenCounts(
            documents=len(records),
            tokens=int(self.shards[number].lengths[chosen].sum(dtype=np.int64)),
            special=int(records["special"].sum(dtype=np.int64)),
            bytes=int(records["bytes"].sum()) - int(self.dropped_bytes[number]),
            trained=trained,
            masked=pairs - trained,
            starts=len(records),
            truncated=int(self.truncated[number]),
            dropped=int(self.dropped[number]),
        )

    def _chosen(self, number: int) -> Any:
        documents = self.sources[number].documents
        return slice(None) if documents is None else documents

    def _pack(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """All segments in pack order, and the pack of each; packs that train on nothing still among them."""
        streamed = [i for i, source in enumerate(self.sources) if self._streams(source)]
        whole = [i for i, source in enumerate(self.sources) if not self._streams(source)]
        stream = self._documents(streamed)
        stream = _cut(stream, cut_stream(stream["length"].astype(np.int64), self.seq_length))
        lengths = stream["length"].astype(np.int64)
        stream_packs = (np.cumsum(lengths) - lengths) // self.seq_length
        fitted = self._fit_length(self._documents(whole))
        if self.packing == "off":
            fitted_packs = np.arange(len(fitted), dtype=np.int64)
        else:
            fitted_packs, _ = best_fit(fitted["length"].astype(np.int64), self.seq_length)
        first = int(stream_packs[-1]) + 1 if len(stream_packs) else 0
        order = np.argsort(fitted_packs, kind="stable")
        return (
            np.concatenate([stream, fitted[order]]),
            np.concatenate([stream_packs, first + fitted_packs[order]]),
        )

    def _streams(self, source: PackSource) -> bool:
        return self.packing == "concat" or (self.packing == "auto" and source.running_text)

    def _documents(self, numbers: Sequence[int]) -> NDArray[Any]:
        """One item for each whole document that has a pair."""
        pieces = [np.empty(0, _ITEM)]
        for number in numbers:
            shard, chosen = self.shards[number], self._chosen(number)
            items = np.empty(len(shard.lengths[chosen]), _ITEM)
            items["shard"] = items["source"] = number
            items["start"] = shard.starts[chosen]
            items["length"] = shard.lengths[chosen] - 1
            pieces.append(items[items["length"] > 0])
        return np.concatenate(pieces)

    def _fit_length(self, items: NDArray[Any]) -> NDArray[Any]:
        """Items of at most `seq_length` pairs: what the policy makes of the others."""
        long = items["length"] > self.seq_length
        if not long.any():
            return items
        text = np.array([source.running_text for source in self.sources])[items["source"]]
        rows = items[long & ~text]
        split = items[long & text]
        if self.on_long_row == "split":
            rows, split = rows[:0], items[long]
        pieces = _cut(split, cut_documents(split["length"].astype(np.int64), self.seq_length))
        untrained = self._supervised(pieces) == 0
        self._drop(pieces[untrained])
        return np.concatenate([items[~long], pieces[~untrained], self._shorten(rows)])

    def _shorten(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Over-long examples by the policy error, drop or cut_prompt."""
        if not len(rows):
            return rows
        if self.on_long_row == "error":
            raise self._too_long(rows)
        if self.on_long_row == "drop":
            self._drop(rows)
            for row in rows:
                self.dropped_bytes[row["source"]] += self._record(row)["bytes"]
            return rows[:0]
        return self._cut_prompts(rows)

    def _cut_prompts(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The shortened documents, in a shard of the table's own: a bos stays in front of what is left."""
        (self.folder / _CUT).mkdir()
        with ShardWriter(self.folder / _CUT, self.shards[0].dtype) as writer:
            for row in rows:
                self._cut_prompt(row, writer)
        cut = np.empty(len(rows), _ITEM)
        cut["shard"] = len(self.sources)
        cut["start"] = np.arange(len(rows), dtype=np.int64) * (self.seq_length + 1)
        cut["length"] = self.seq_length
        cut["source"] = rows["source"]
        np.add.at(self.truncated, rows["source"], rows["length"].astype(np.int64) - self.seq_length)
        return cut

    def _cut_prompt(self, row: Any, writer: ShardWriter) -> None:
        source, shard, record = self.sources[row["source"]], self.shards[row["source"]], self._record(row)
        start, length = int(row["start"]), int(row["length"]) + 1
        prompt = int(record["prompt_length"])
        if length - prompt > self.seq_length:
            raise RowError(
                f"the answer alone has {length - prompt:,} tokens, more than seq_length {self.seq_length:,}",
                where=f"{source.path}:{record['line']}",
                why="on_long_row cut_prompt shortens prompts only",
                hint='raise seq_length, or set on_long_row to "split" or "drop"',
            )
        bos = int(shard.tokens[start] == source.bos_id)
        cut = length - self.seq_length - 1  # tokens that go
        kept = np.r_[start : start + bos, start + bos + cut : start + length]
        ones = np.ones(len(kept), np.uint8)
        writer.add(
            shard.tokens[kept],
            ones if shard.mask is None else shard.mask[kept],
            source=int(row["source"]),
            row=int(record["row"]),
            line=int(record["line"]),
            offset=int(record["offset"]),
            num_bytes=int(record["bytes"]),
            special=int(record["special"]),
            prompt_length=prompt - cut,
        )

    def _too_long(self, rows: NDArray[Any]) -> RowError:
        row = rows[0]
        others = f" (and {len(rows) - 1:,} other rows)" if len(rows) > 1 else ""
        return RowError(
            f"the row has {row['length'] + 1:,} tokens, seq_length {self.seq_length:,} holds "
            f"{self.seq_length + 1:,}{others}",
            where=f"{self.sources[row['source']].path}:{self._record(row)['line']}",
            why="an answer that is cut off would teach the model to stop in mid-sentence",
            hint='raise seq_length, or set on_long_row to "cut_prompt", "split" or "drop"',
        )

    def _record(self, row: Any) -> Any:
        shard = self.shards[row["source"]]
        return shard.documents[shard.find(int(row["start"]))]

    def _drop(self, items: NDArray[Any]) -> None:
        np.add.at(self.dropped, items["source"], items["length"].astype(np.int64))

    def _supervised(self, items: NDArray[Any]) -> NDArray[np.int64]:
        """Supervised targets of each item."""
        counts = np.empty(len(items), np.int64)
        for number in np.unique(items["shard"]).tolist():
            here = items["shard"] == number
            shard = self.shards[number] if number < len(self.shards) else Shard(self.folder / _CUT)
            counts[here] = supervised_counts(
                shard.mask, items["start"][here], items["length"][here].astype(np.int64)
            )
        return counts


def _cut(
    items: NDArray[Any], cuts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[Any]:
    """The pieces of `items` that `cut_stream` or `cut_documents` found."""
    document, first, lengths = cuts
    pieces = items[document]
    pieces["start"] += first
    pieces["length"] = lengths
    return pieces


def _identity(source: PackSource) -> list[Any]:
    chosen = source.documents
    selection = None if chosen is None else hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()
    return [source.key, source.running_text, source.bos_id, selection]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
