"""Tokens on disk: the Megatron indexed format, with our mask and document table beside it.

A shard is a folder:

    tokens.bin          the token ids of all documents, one after the other (uint16 or int32)
    tokens.idx          MMIDIDX version 1, the index that Megatron-LM, GPT-NeoX and datatrove read
    tokens.mask.bin     uint8 a token, 1 where it is supervised as a target; absent when every target is
    documents.npy       DOCUMENT records: where each document came from

The layout of `.idx` (little endian) is that of Megatron-LM's `megatron/core/datasets/indexed_dataset.py`:
`MMIDIDX\\0\\0`, version u64, data type code u8, sequences u64, documents u64, then for each sequence its
length int32 and its first byte in `.bin` int64, then for each document its first sequence int64 and, last,
the number of sequences. One document is one sequence here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from brahma.data.cache import DamagedDataError
from brahma.data.rows import EncodedDocument

TOKENS, INDEX, MASK, DOCUMENTS = "tokens.bin", "tokens.idx", "tokens.mask.bin", "documents.npy"

DOCUMENT = np.dtype(
    [
        ("source", "<i4"),  # number of the source in the list that stands beside the shard
        ("row", "<i8"),  # row of the source, 0-based, skipped rows not counted
        ("line", "<i8"),  # 1-based
        ("offset", "<i8"),  # bytes before the row in the (decompressed) source
        ("bytes", "<i8"),  # supervised UTF-8 bytes
        ("special", "<i4"),  # tokens that were added, not read: bos, eos, the template's own
        ("prompt_length", "<i4"),  # masked tokens after bos and before the first supervised one
        ("has_bos", "?"),
    ]
)

Place = tuple[int, int, int, int]
"""The first four fields of a DOCUMENT: source, row, line, offset."""

_MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<9sQBQQ")
_CODES: dict[int, np.dtype[Any]] = {8: np.dtype("<u2"), 4: np.dtype("<i4")}


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest type that holds every id below `vocab_size`: uint16 below 65,536 ids, else int32."""
    return _CODES[8] if vocab_size < 65_536 else _CODES[4]


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """Documents as they stand in a shard, one after the other.

    Attributes:
        tokens: [tokens], of the shard's type.
        mask: uint8 [tokens], 0 at each document's first token; None when every other token is supervised.
        lengths: int32 [documents].
        table: DOCUMENT [documents].
    """

    tokens: NDArray[np.integer[Any]]
    mask: NDArray[np.uint8] | None
    lengths: NDArray[np.int32]
    table: NDArray[Any]

    @classmethod
    def of(cls, documents: Sequence[EncodedDocument], places: Sequence[Place], dtype: np.dtype[Any]) -> Self:
        """Put documents together.

        Args:
            places: `(source, row, line, offset)` of each, see DOCUMENT.
            dtype: of the tokens.
        """
        tokens = np.concatenate([np.empty(0, dtype), *(each.ids for each in documents)]).astype(dtype)
        masks = [np.empty(0, np.uint8), *(each.mask for each in documents)]
        everything = all(each.mask[1:].all() for each in documents)
        table = [
            (*place, each.num_bytes, each.num_special, each.prompt_length, each.has_bos)
            for each, place in zip(documents, places, strict=True)
        ]
        lengths = np.array([len(each.ids) for each in documents], np.int32)
        return cls(tokens, None if everything else np.concatenate(masks), lengths, np.array(table, DOCUMENT))


class ShardWriter:
    """Writes one shard; it is complete once the `with` block ends without error.

    Args:
        folder: an existing folder.
        dtype: of the tokens, see `token_dtype`.
    """

    def __init__(self, folder: Path, dtype: np.dtype[Any]) -> None:
        self.folder = folder
        self.dtype = dtype
        self._lengths: list[NDArray[np.int32]] = []
        self._tables: list[NDArray[Any]] = []
        self._tokens: BinaryIO = (folder / TOKENS).open("wb")
        self._mask: BinaryIO | None = None

    def add(self, document: EncodedDocument, *, row: int, line: int, offset: int, source: int = 0) -> None:
        """Append a document; see DOCUMENT for where it comes from."""
        self.extend(Documents.of([document], [(source, row, line, offset)], self.dtype))

    def extend(self, documents: Documents, *, rows: int = 0) -> None:
        """Append documents whose numbers of rows begin `rows` earlier than in the shard."""
        if documents.mask is not None and self._mask is None:
            self._mask = (self.folder / MASK).open("wb")
            for lengths in self._lengths:
                self._mask.write(_all_supervised(lengths).data)
        self._tokens.write(documents.tokens.data)
        if self._mask is not None:
            mask = documents.mask if documents.mask is not None else _all_supervised(documents.lengths)
            self._mask.write(mask.data)
        documents.table["row"] += rows
        self._lengths.append(documents.lengths)
        self._tables.append(documents.table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write_index()
            self._write_documents()
        self._tokens.close()
        if self._mask is not None:
            self._mask.close()

    def _write_index(self) -> None:
        lengths = np.concatenate([np.empty(0, "<i4"), *self._lengths]).astype("<i4")
        ends = np.cumsum(lengths, dtype="<i8") * self.dtype.itemsize
        starts = ends - lengths.astype("<i8") * self.dtype.itemsize
        code = next(code for code, dtype in _CODES.items() if dtype == self.dtype)
        with (self.folder / INDEX).open("wb") as file:
            file.write(_HEADER.pack(_MAGIC, 1, code, len(lengths), len(lengths) + 1))
            file.write(lengths.data)
            file.write(starts.data)
            file.write(np.arange(len(lengths) + 1, dtype="<i8").data)

    def _write_documents(self) -> None:
        table = np.concatenate([np.empty(0, DOCUMENT), *self._tables])
        np.save(self.folder / DOCUMENTS, table, allow_pickle=False)


def _all_supervised(lengths: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The mask of documents in which every token is supervised but the first of each."""
    mask = np.ones(int(lengths.sum()), np.uint8)
    mask[(np.cumsum(lengths) - lengths)[lengths > 0]] = 0
    return mask


class Shard:
    """A memory-mapped shard; opening it reads the index's header and nothing else.

    Attributes:
        tokens: ids of all documents, [tokens].
        mask: uint8 [tokens], or None when every target is supervised.
        lengths: int32 [documents], tokens of each.
        starts: int64 [documents], first token of each.
        documents: DOCUMENT [documents].

    Raises:
        DamagedDataError: a file is missing, cut short or of another format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.dtype, count = _read_header(folder / INDEX)
            self.lengths: NDArray[np.int32] = _map(folder / INDEX, "<i4", _HEADER.size, count)
            self._pointers: NDArray[np.int64] = _map(folder / INDEX, "<i8", _HEADER.size + 4 * count, count)
            self.tokens: NDArray[np.integer[Any]] = _map(folder / TOKENS, self.dtype)
            self.mask: NDArray[np.uint8] | None = (
                _map(folder / MASK, np.uint8) if (folder / MASK).exists() else None
            )
            self.documents: NDArray[Any] = np.load(folder / DOCUMENTS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, struct.error) as error:
            raise DamagedDataError(
                "a tokenised shard is missing or damaged",
                where=str(folder),
                why=str(error),
                hint="delete this folder; it is built again from the source",
            ) from error

    def __len__(self) -> int:
        """Documents."""
        return len(self.lengths)

    @property
    def starts(self) -> NDArray[np.int64]:
        return self._pointers // self.dtype.itemsize

    def find(self, token: int) -> int:
        """The document that the token at this index belongs to."""
        return int(np.searchsorted(self._pointers, token * self.dtype.itemsize, side="right")) - 1


def _read_header(path: Path) -> tuple[np.dtype[Any], int]:
    with path.open("rb") as file:
        magic, version, code, sequences, documents = _HEADER.unpack(file.read(_HEADER.size))
    if (magic, version) != (_MAGIC, 1) or code not in _CODES or documents != sequences + 1:
        raise ValueError(f"{path.name} is no index of ours")
    return _CODES[code], sequences


def _map(path: Path, dtype: Any, offset: int = 0, count: int | None = None) -> NDArray[Any]:
    if count == 0 or path.stat().st_size == 0:  # nothing of zero length can be mapped
        return np.empty(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=None if count is None else (count,))
