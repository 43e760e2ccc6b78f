"""What a run has trained on up to a step: not its files, but what of them its packs held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brahma.data.order import Order
from brahma.data.packs import Packs, RowRef

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

STRETCH = np.dtype([("shard", "<i4"), ("start", "<i8"), ("stop", "<i8")])
"""The tokens `[start, stop)` of a shard; all of one document."""

_WINDOW = 1 << 16  # tokens that are turned into text at once
_BATCH = 1 << 18  # tokens of texts that are given at once


class ConsumedText(NamedTuple):
    """A text that was trained on, and the tokens of a shard that it was: the first, and how many."""

    text: str
    shard: int
    start: int
    tokens: int


@dataclass(frozen=True)
class Consumed:
    """What the positions `[0, positions)` of a run hold.

    Attributes:
        packs: of the run.
        order: in which they are taken.
        positions: how many were.
    """

    packs: Packs
    order: Order
    positions: int

    @cached_property
    def stretches(self) -> NDArray[Any]:
        """STRETCH, ascending; each token is in one of them at most, however many epochs saw it.

        What follows on another in the same document is joined to it: a text that straddles two packs was
        seen if both packs were.
        """
        size = len(self.packs)
        chosen = np.arange(size) if self.positions >= size else self.order.packs(0, self.positions)
        segments = self.packs.segments_of(chosen)
        segments = segments[np.lexsort((segments["start"], segments["shard"]))]
        starts = segments["start"].astype(np.int64)
        lasts = starts + segments["length"]  # the last target is one further than the last input
        begins = np.ones(len(segments), np.bool_)
        begins[1:] = (starts[1:] > lasts[:-1]) | (segments["shard"][1:] != segments["shard"][:-1])
        first = np.flatnonzero(begins)
        found = np.empty(len(first), STRETCH)
        found["shard"], found["start"] = segments["shard"][first], starts[first]
        found["stop"] = lasts[np.append(first[1:], len(segments)) - 1] + 1 if len(first) else 0
        return found

    @property
    def tokens(self) -> int:
        """Different tokens that were seen."""
        return int((self.stretches["stop"] - self.stretches["start"]).sum())

    @cached_property
    def rows(self) -> int:
        """Different rows that were seen, or a part of them."""
        return sum(
            len(np.unique(self.packs.documents_of(number, self.stretches["start"][of_shard])))
            for number, of_shard in self._shards()
        )

    def row(self, shard: int, token: int) -> RowRef:
        """The row that a token comes from."""
        return self.packs.row(shard, token)

    def texts(
        self, tokenizer: PreTrainedTokenizerBase, *, overlap: int = 1024
    ) -> Iterator[list[ConsumedText]]:
        """All that was seen as text, some hundred kilobytes at a time; what special tokens part stays apart.

        Args:
            tokenizer: the run's, a fast one.
            overlap: tokens by which the pieces of a long document overlap, so that what stands on a border
                is whole in one of them.
        """
        special = _special_ids(tokenizer)
        for group in self._windows(overlap):
            # plain arrays: to cut up memory maps takes as long as all the rest
            ids = [np.asarray(self.packs.tokens(shard, start, stop)) for shard, start, stop in group]
            texts = _decoded(tokenizer, ids, special)
            yield [
                ConsumedText(text, shard, start, stop - start)
                for text, (shard, start, stop) in zip(texts, group, strict=True)
            ]

    def _windows(self, overlap: int) -> Iterator[list[tuple[int, int, int]]]:
        group: list[tuple[int, int, int]] = []
        tokens = 0
        for shard, start, stop in self.stretches.tolist():
            for begin in range(start, max(start + 1, stop - overlap), _WINDOW):
                end = min(begin + _WINDOW + overlap, stop)
                group.append((shard, begin, end))
                tokens += end - begin
                if tokens >= _BATCH:
                    yield group
                    group, tokens = [], 0
        if group:
            yield group

    def _shards(self) -> Iterator[tuple[int, slice]]:
        at = 0
        for number, members in groupby(self.stretches["shard"].tolist()):
            count = sum(1 for _ in members)
            yield number, slice(at, at + count)
            at += count


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.bool_]:
    """Whether an id is that of a special token, [largest id + 1]."""
    added = tokenizer.added_tokens_decoder.items()
    special = {*tokenizer.all_special_ids, *(number for number, token in added if token.special)}
    is_special = np.zeros(max([*tokenizer.get_vocab().values(), *special]) + 1, np.bool_)
    is_special[sorted(special)] = True
    return is_special


def _decoded(
    tokenizer: PreTrainedTokenizerBase, documents: list[NDArray[Any]], special: NDArray[np.bool_]
) -> list[str]:
    """The text of each, with a blank for each special token."""
    pieces: list[list[int]] = []
    counts = []
    for ids in documents:
        borders = np.flatnonzero(special[ids])
        parts = [part[special[part[:1]].sum() :] for part in np.split(ids, borders)]
        pieces += [part.tolist() for part in parts]
        counts.append(len(parts))
    texts = iter(tokenizer.backend_tokenizer.decode_batch(pieces, skip_special_tokens=False))
    return [" ".join(next(texts) for _ in range(count)) for count in counts]
