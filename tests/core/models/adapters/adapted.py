"""Small base models on disk, and adapters of them that do something."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.config.sections import Choice, LoraSection, QuantizationSection
from brahma.core.models import PACKED, load_model
from brahma.core.models.adapters import (
    Adapter,
    AdapterRecord,
    attach,
    read_record,
    stacked,
    write_record,
)
from brahma.core.models.base_config import computing_values
from brahma.core.models.quantization import choose_quantizer, load_quantized
from brahma.core.models.weight_files import weights_sha256
from tests.core.models.tiny import VOCAB, llama

NF4: dict[str, Any] = {"bits": 4, "group_size": 32, "quantizer": Choice(name="bitsandbytes")}
INT8: dict[str, Any] = {"bits": 8, "quantizer": Choice(name="bitsandbytes")}
HQQ: dict[str, Any] = {"bits": 4, "group_size": 32, "quantizer": Choice(name="hqq")}
"""`llama` is 32 wide, so that no layer needs another group."""


def base_model(folder: Path, dtype: torch.dtype = torch.float32, **changes: Any) -> Path:
    """A Llama with biases in its attention, as transformers saves it."""
    model: Any = llama(**{"attention_bias": True, "intermediate_size": 64, **changes})
    model.to(dtype).save_pretrained(folder)
    return folder


def adapted(
    base: Path,
    *,
    new_rows: int = 0,
    stack: Sequence[Path] = (),
    dtype: torch.dtype | None = None,
    quantization: dict[str, Any] | None = None,
    seed: int = 7,
    attention: str = PACKED,
    **section: Any,
) -> tuple[Adapter, AdapterRecord]:
    """An adapter on a base, all of whose tensors are moved away from where they begin, and its record."""
    kept = None
    if quantization is None:
        model = load_model(base, dtype=dtype, attention=attention)
    else:
        chosen = choose_quantizer(QuantizationSection(**quantization), "cpu")
        model, _ = load_quantized(base, chosen, dtype=dtype or torch.float32, attention=attention)
        kept = chosen.section.model_dump(mode="json")
    first = max([VOCAB, *(read_record(each).rows or 0 for each in stack)])
    size = first + new_rows
    if size > VOCAB:
        model.resize_token_embeddings(size, mean_resizing=False)
    rows = list(range(first, size))
    adapter = attach(
        model, LoraSection(**section), base_model=str(base), seed=seed, new_rows=rows, stack=stack
    )
    disturb(adapter, seed)
    record = AdapterRecord(
        base_model=str(base),
        base_sha256=weights_sha256(base),
        base_config=computing_values(base),
        dtype=str(model.dtype).removeprefix("torch."),
        rows=size if size > VOCAB else None,
        quantization=kept,
        stack=tuple(stacked(each) for each in stack),
    )
    return adapter, record


def disturb(adapter: Adapter, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for tensor in adapter.tensors().values():
        tensor.add_((0.1 * torch.randn(tensor.shape, generator=generator)).to(tensor.dtype))


def store(adapter: Adapter, record: AdapterRecord, folder: Path) -> Path:
    """As a checkpoint of a run holds it."""
    folder.mkdir(parents=True)
    adapter.write_config(folder)
    write_record(record, folder)
    tensors = {name: tensor.contiguous() for name, tensor in adapter.tensors().items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


def stored(base: Path, folder: Path, **options: Any) -> tuple[Path, Adapter]:
    adapter, record = adapted(base, **options)
    return store(adapter, record, folder), adapter


def ids(rows: int = VOCAB) -> Tensor:
    """[2, 12], the last rows among them."""
    found = torch.randint(rows, (2, 12), generator=torch.Generator().manual_seed(5))
    found[:, 3] = rows - 1
    return found


@torch.no_grad()
def logits(model: nn.Module | PreTrainedModel, given: Tensor) -> Tensor:
    """float32 [B, T, V], row by row, without dropout."""
    model.eval()
    config: Any = getattr(model, "config", None)
    rows = []
    for row in given:
        extra: dict[str, Any] = {}
        if config is not None and config._attn_implementation == PACKED:
            extra = {"cu_seqlens": torch.tensor([0, len(row)], dtype=torch.int32), "max_length": len(row)}
        rows.append(model(input_ids=row[None], use_cache=False, **extra).logits[0].float())
    return torch.stack(rows)


def largest_difference(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())
