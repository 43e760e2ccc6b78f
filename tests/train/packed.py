"""Small pack tables of real shards, made once a process."""

from __future__ import annotations

import atexit
import random
import tempfile
from functools import cache
from pathlib import Path

from brahma.data.packs import Packs
from tests.data.shard_factory import Document, source

VOCAB = 53


@cache
def _folder() -> Path:
    held = tempfile.TemporaryDirectory()
    atexit.register(held.cleanup)
    return Path(held.name)


@cache
def uneven_packs(documents: int, *, seq_length: int = 24, vocab: int = VOCAB) -> Packs:
    """Examples of uneven length and prompt, so that packs differ in supervised tokens."""
    chance = random.Random(documents)
    rows: list[Document] = []
    for _ in range(documents):
        length = chance.randint(2, seq_length)
        prompt = chance.randint(0, length - 1)
        rows.append(
            ([chance.randrange(3, vocab) for _ in range(length)], [0] * prompt + [1] * (length - prompt))
        )
    return _built(rows, f"uneven-{documents}-{seq_length}-{vocab}", seq_length, "best_fit")


@cache
def single_packs(count: int) -> Packs:
    """`count` packs of one document each; document i stands in line i + 1 and has i % 5 + 1 targets."""
    rows: list[Document] = [(list(range(3, 5 + i % 5)), [1] * (2 + i % 5)) for i in range(count)]
    return _built(rows, f"single-{count}", 8, "off")


def _built(rows: list[Document], name: str, seq_length: int, packing: str) -> Packs:
    return Packs.build(
        [source(_folder() / name, rows)],
        _folder() / "packs",
        seq_length=seq_length,
        packing=packing,  # type: ignore[arg-type]
        running_text=False,
    )
