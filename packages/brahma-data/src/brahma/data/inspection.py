"""What is in a data set: rows, lengths, one example with its trained tokens, and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brahma.core.progress import progress
from brahma.data._table import OnLongRow
from brahma.data._work import encode_row
from brahma.data.dataset import Dataset
from brahma.data.encode import Encoder
from brahma.data.example import Example, example_of_tokens
from brahma.data.ledger import FileLedger, Ledger, SkippedRow
from brahma.data.packs import Packing
from brahma.data.prepare import prepare
from brahma.data.rows import ROWS_IN_MEMORY, BadRow, EncodedDocument, Row
from brahma.data.shards import Shard

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Inspection:
    """What a data set holds.

    Attributes:
        kind: text, chat or completion.
        files: rows of each file; their tokens too, when a tokenizer was given.
        characters: of each accepted row.
        tokens: of each accepted row; None without a tokenizer.
        example: the first row; None without a tokenizer.
        ledger: None without a tokenizer.
        layout: of the rows as they stand in their files, see `brahma.data.layouts`.
    """

    kind: str
    files: tuple[FileLedger, ...]
    characters: NDArray[np.int64]
    tokens: NDArray[np.int64] | None = None
    example: Example | None = None
    ledger: Ledger | None = None
    layout: str = ""


def inspect_rows(dataset: Dataset) -> Inspection:
    """Read every row. Bad rows are listed, whatever the data set does with them.

    Raises:
        DataError: a damaged file, or rows of more than one format.
    """
    accepted: dict[Path, int] = dict.fromkeys(dataset.sources or (ROWS_IN_MEMORY,), 0)
    skipped: dict[Path, list[SkippedRow]] = {source: [] for source in accepted}
    characters = []
    for row in _scanned(dataset):
        if isinstance(row, BadRow):
            skipped[row.source].append(SkippedRow(row.line, row.error.message))
        else:
            accepted[row.source] += 1
            characters.append(sum(len(text) for text in row.texts()))
    files = [
        FileLedger(str(source), count + len(skipped[source]), count, tuple(skipped[source]))
        for source, count in accepted.items()
    ]
    lengths = np.array(characters, np.int64)
    return Inspection(dataset.format, tuple(files), lengths, layout=dataset.layout)


def _scanned(dataset: Dataset) -> Iterator[Row | BadRow]:
    """Every row, with the progress over the bytes of the files."""
    sizes = [source.stat().st_size for source in dataset.sources]
    with progress("reading", sum(sizes), "bytes") as task:
        before = 0
        for source, size in zip(dataset.sources or (None,), sizes or (0,), strict=True):
            for row in dataset.scan(source):
                task.update(before + row.offset)
                yield row
            before += size
            task.update(before)


def inspect_tokens(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    seq_length: int,
    template: str | Path | None = None,
    packing: Packing = "auto",
    on_long_row: OnLongRow = "error",
) -> Inspection:
    """As `inspect_rows`, and prepare the data in a temporary folder, as a run would.

    Args:
        dataset: with `on_bad_row="skip"`, else the first bad row is raised.
        tokenizer, template, seq_length, packing: as for `prepare`.
        on_long_row: as for `prepare`; for `error`, long rows are split, so that all of them are seen.

    Raises:
        BrahmaError: as `inspect_rows` and `prepare`.
    """
    rows = inspect_rows(dataset)
    with TemporaryDirectory(prefix="brahma-inspect-") as directory:
        prepared = prepare(
            dataset,
            tokenizer=tokenizer,
            template=template,
            seq_length=seq_length,
            packing=packing,
            on_long_row="split" if on_long_row == "error" else on_long_row,
            directory=Path(directory),
        )
        tokens = np.concatenate([Shard(entry).lengths for entry in prepared.entries]).astype(np.int64)
    example = _example(dataset, Encoder(tokenizer, template or dataset.template), tokenizer)
    return Inspection(
        rows.kind, prepared.ledger.files, rows.characters, tokens, example, prepared.ledger, rows.layout
    )


def _example(dataset: Dataset, encoder: Encoder, tokenizer: PreTrainedTokenizerBase) -> Example:
    """The first row that is trained on."""
    encoded = ((row, encode_row(encoder, row)) for row in dataset.scan())
    row, document = next(
        (row, made) for row, made in encoded if isinstance(row, Row) and isinstance(made, EncodedDocument)
    )
    return example_of_tokens(row, document, tokenizer)
