"""A packed batch as tensors, and how it goes through a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

IGNORE_INDEX = -100


class PackedBatch(Protocol):
    """What is read of a `brahma.data.batches.Batch`: flat arrays over N slots."""

    @property
    def input_ids(self) -> NDArray[np.int64]: ...
    @property
    def labels(self) -> NDArray[np.int64]: ...
    @property
    def position_ids(self) -> NDArray[np.int64]: ...
    @property
    def cu_seqlens(self) -> NDArray[np.int32]: ...
    @property
    def max_length(self) -> int: ...


class Inputs(NamedTuple):
    """A batch as tensors on a device.

    Attributes:
        input_ids: [1, N]; position_ids likewise.
        labels: [N], shifted already, -100 where there is no target.
        cu_seqlens: int32 [S+1].
        max_length: the longest document, or a bound on it.
    """

    input_ids: Tensor
    labels: Tensor
    position_ids: Tensor
    cu_seqlens: Tensor
    max_length: int


def to_device(batch: PackedBatch, device: torch.device | str) -> Inputs:
    """The batch's arrays as tensors on `device`."""
    ids, labels, positions, borders = (
        torch.from_numpy(x).to(device, non_blocking=True)
        for x in (batch.input_ids, batch.labels, batch.position_ids, batch.cu_seqlens)
    )
    return Inputs(ids[None], labels, positions[None], borders, batch.max_length)


def decoder_of(model: PreTrainedModel) -> nn.Module:
    """The model without its head."""
    decoder = model.get_decoder()
    if decoder is model.get_output_embeddings():  # a head that is called `decoder`, as of ModernBERT
        decoder = model.base_model
    assert isinstance(decoder, nn.Module)
    return decoder


def run(module: Callable[..., Any], inputs: Inputs) -> Any:
    """What a model or its decoder gives for packed documents.

    `use_cache=False` always: with a cache transformers' masks forget the borders of documents.
    """
    return module(
        input_ids=inputs.input_ids,
        position_ids=inputs.position_ids,
        cu_seqlens=inputs.cu_seqlens,
        max_length=inputs.max_length,
        use_cache=False,
    )


def made_up(model: PreTrainedModel, lengths: Sequence[int]) -> Inputs:
    """Made-up documents of those lengths; one of a given length always holds the same ids."""
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    vocab = weight.shape[0]
    ids = torch.cat([torch.arange(n) * 31 % vocab for n in lengths]).to(model.device)
    positions = torch.cat([torch.arange(n) for n in lengths]).to(model.device)
    borders = torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32, device=model.device)
    return Inputs(ids[None], ids, positions[None], borders, max(lengths))
