"""What a model is known by, so that its responses can be kept: a hash of everything that makes them.

Files are hashed once, and again when size, modification time or inode have changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.environment import installed_version
from brahma.core.model_files import ADAPTER_RECORD, is_adapter
from brahma.data.stamps import SourceIndex

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RESPONSES_VERSION = 1
"""Raised when the same request would be answered otherwise by this package."""

_LIBRARIES = ("torch", "transformers", "tokenizers")
_ENDINGS = (".json", ".jinja", ".txt", ".model", ".tiktoken", ".py")
"""Of configuration, tokenizer, chat template and code, beside the weights."""
_NOT_THE_MODEL = ("manifest.json", "trainer_state.json", ADAPTER_RECORD)
"""A record's base is hashed itself: its path may change."""


def identity_of_files(source: str | Path, hashes: Path, **settings: object) -> str:
    """Of a model's folder or hub id, as it is loaded with these settings.

    Args:
        source: where it lies; an adapter's base, and the adapters below it, are found by its record.
        hashes: a file that remembers the hashes of files.
        settings: what else changes its responses: dtype, kind of device, length.

    Raises:
        ModelError: it holds no weights.
    """
    index = SourceIndex(hashes)
    return _digest([_contents(source, index), settings, _versions()])


def identity_in_memory(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, **settings: object) -> str:
    """Of a model that is in memory, whatever was done to it: all its tensors are read."""
    import torch
    import xxhash

    tensors: list[tuple[Any, ...]] = []
    for name, value in sorted(model.state_dict().items()):
        if isinstance(value, torch.Tensor):
            raw = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
            tensors.append((name, str(value.dtype), tuple(value.shape), xxhash.xxh3_128_hexdigest(raw)))
        else:
            tensors.append((name, repr(value)))
    words = tokenizer.get_vocab(), tokenizer.chat_template, tokenizer.init_kwargs
    return _digest([tensors, model.config.to_dict(), words, settings, _versions()])


def _contents(source: str | Path, index: SourceIndex) -> list[Any]:
    """Names and hashes of the files that make the model; of an adapter, those of its base too."""
    from brahma.core.models.weight_files import weight_files

    weights = weight_files(source)
    folder = weights[0].parent  # of a hub id, the copy in the hub's cache
    small = (path for path in sorted(folder.iterdir()) if path.suffix in _ENDINGS and path.is_file())
    files = [*weights, *(path for path in small if path.name not in _NOT_THE_MODEL)]
    found: list[Any] = [(path.name, index.stamp(path).content) for path in files]
    if is_adapter(folder):
        found += _below(folder, index)
    return found


def _below(folder: Path, index: SourceIndex) -> Iterator[Any]:
    """What an adapter stands on, and how that is prepared."""
    from brahma.core.models.adapters import read_record

    record = read_record(folder)
    yield record.dtype, record.rows, record.quantization
    for source in (*(each.path for each in record.stack), record.base_model):
        yield _contents(source, index)


def _versions() -> dict[str, Any]:
    libraries = {name: installed_version(name) for name in _LIBRARIES}
    return {"responses": RESPONSES_VERSION, **libraries}


def _digest(parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
