"""Small shards for tests: every token of a source has an id of its own where the type allows it."""

from pathlib import Path

import numpy as np

from brahma.data._table import PackSource
from brahma.data.rows import EncodedDocument
from brahma.data.shards import ShardWriter, token_dtype

BOS = 99_999
"""A document that begins with it has a bos."""

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
            has_bos = ids[0] == BOS
            document = EncodedDocument(
                ids=np.array(ids, np.int32),
                mask=np.array([0, *mask[1:]], np.uint8),
                num_bytes=sum(mask[1:]),
                num_special=1,
                prompt_length=max(0, mask.index(1) - has_bos) if 1 in mask else len(mask) - has_bos,
                has_bos=has_bos,
            )
            writer.add(document, row=row, line=row + 1, offset=100 * row)
    return folder


def source(folder: Path, content: list[Document], documents: list[int] | None = None) -> PackSource:
    """A PackSource of a new shard."""
    write_shard(folder, content)
    chosen = None if documents is None else np.array(documents, np.int64)
    return PackSource(f"{folder.name}.jsonl", folder.name, folder, chosen)
