"""Small shards for tests: every token of a source has an id of its own where the type allows it."""

from pathlib import Path
from typing import Any

import numpy as np

from brahma.data.packs import PackSource
from brahma.data.shards import ShardWriter, token_dtype

Document = tuple[list[int], list[int]]
"""Ids and mask."""


def numbered(lengths: list[int], prompts: list[int] | None = None, first: int = 0) -> list[Document]:
    """Documents whose ids count on; the first `prompts[i]` tokens of document i are not supervised."""
    documents = []
    for i, length in enumerate(lengths):
        prompt = prompts[i] if prompts else 0
        documents.append((list(range(first, first + length)), [0] * prompt + [1] * (length - prompt)))
        first += length
    return documents


def write_shard(folder: Path, documents: list[Document], vocab_size: int = 100_000) -> Path:
    folder.mkdir(parents=True)
    with ShardWriter(folder, token_dtype(vocab_size)) as writer:
        for row, (ids, mask) in enumerate(documents):
            writer.add(
                np.array(ids, np.int32),
                np.array(mask, np.uint8),
                source=0,
                row=row,
                line=row + 1,
                offset=100 * row,
                num_bytes=sum(mask[1:]),
                special=1,
                prompt_length=mask.index(1) if 1 in mask else len(mask),
            )
    return folder


def source(folder: Path, content: list[Document], **changes: Any) -> PackSource:
    """A PackSource of a new shard; running text unless `changes` say otherwise."""
    write_shard(folder, content)
    options: dict[str, Any] = {"path": f"{folder.name}.jsonl", "key": folder.name, "running_text": True}
    return PackSource(folder=folder, **(options | changes))
