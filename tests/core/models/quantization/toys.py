"""Small models with Gaussian weights, on disk and in memory, and quantizers for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from brahma.core.config.sections import Choice, QuantizationSection
from brahma.core.models.quantization import ChosenQuantizer, choose_quantizer
from tests.core.models.tiny import documents, llama, packed_logits


def saved(folder: Path, *, shards: str = "5GB", **changes: Any) -> Path:
    """A Llama of two layers: hidden 128, inside 192, which 128 does not divide."""
    sizes = {"hidden_size": 128, "intermediate_size": 192, "head_dim": 32, "initializer_range": 0.05}
    llama(**{**sizes, **changes}).save_pretrained(folder, max_shard_size=shards)
    return folder


def chosen(quantizer: str = "hqq", **keys: Any) -> ChosenQuantizer:
    options = {"optimize": False} if quantizer == "hqq" else {}
    choice = Choice(name=quantizer, **options)
    return choose_quantizer(QuantizationSection(quantizer=choice, **keys), "cpu")


@torch.no_grad()
def logits(model: PreTrainedModel) -> Tensor:
    """[N, V] for two packed documents."""
    return packed_logits(model, documents([9, 14])).float()


def apart(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())
