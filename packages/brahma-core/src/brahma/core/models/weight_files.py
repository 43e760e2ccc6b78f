"""The safetensors files of a model, and what identifies the weights in them."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from brahma.core.errors import ModelError
from brahma.core.hub import reachable_source
from brahma.core.model_files import ADAPTER_WEIGHTS, MODEL_CONFIG, MODEL_INDEX, MODEL_WEIGHTS
from brahma.core.progress import progress

_PIECE = 16 * 2**20  # bytes read at a time


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies on the disk.

    Attributes:
        dtype: as safetensors writes it, such as `BF16`.
        start, size: bytes in the file.
    """

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


def weight_files(path: str | Path) -> list[Path]:
    """The safetensors files of a model's or adapter's folder or hub id, by name.

    Raises:
        ModelError: there are none.
    """
    from transformers.utils.hub import cached_file

    source = reachable_source(path)
    for name in (MODEL_WEIGHTS, MODEL_INDEX, ADAPTER_WEIGHTS):
        found = cached_file(source, name, _raise_exceptions_for_missing_entries=False)
        if found is None:
            continue
        if name != MODEL_INDEX:
            return [Path(found)]
        names = sorted(set(json.loads(Path(found).read_bytes())["weight_map"].values()))
        return [Path(str(cached_file(source, each))) for each in names]
    raise ModelError(
        "the model holds no safetensors",
        where=str(path),
        hint=f"name a folder with {MODEL_CONFIG} and {MODEL_WEIGHTS}; weights in pickle files (.bin) are not "
        "loaded",
    )


def stored_tensors(files: list[Path]) -> dict[str, StoredTensor]:
    """The tensors of safetensors files by name; format: https://github.com/huggingface/safetensors#format

    Raises:
        ModelError: a file is damaged.
    """
    found: dict[str, StoredTensor] = {}
    for file in files:
        header, begin = _header(file)
        for name, row in header.items():
            start, stop = row["data_offsets"]
            found[name] = StoredTensor(file, row["dtype"], tuple(row["shape"]), begin + start, stop - start)
    return found


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """The header, and where the data begins."""
    whole = file.stat().st_size
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header: dict[str, Any] = json.loads(stream.read(min(length, whole)))
        header.pop("__metadata__", None)
        if 8 + length + max((row["data_offsets"][1] for row in header.values()), default=0) > whole:
            raise ValueError("it is cut short")
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            "the weights are damaged", where=str(file), why=str(error), hint="copy or download them again"
        ) from error
    return header, 8 + length


def weights_sha256(path: str | Path) -> str:
    """A SHA-256 over names, shapes and bytes of all tensors: the same however they are cut into files.

    Files that have not changed since this process read them are not read again.

    Raises:
        ModelError: there are no safetensors, or they are damaged.
    """
    return _sha256(tuple((file, _identity(file)) for file in weight_files(path)))


def _identity(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=64)
def _sha256(files: tuple[tuple[Path, tuple[int, ...]], ...]) -> str:
    tensors = stored_tensors([file for file, _ in files])
    digest = hashlib.sha256()
    with progress("reading the base model's weights"):
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{name} {tensor.dtype} {tensor.shape}\n".encode())
            with tensor.file.open("rb", buffering=0) as stream:
                for start in range(0, tensor.size, _PIECE):
                    piece = os.pread(stream.fileno(), min(_PIECE, tensor.size - start), tensor.start + start)
                    digest.update(piece)
    return digest.hexdigest()
