"""One packed batch through a causal language model, to its exact loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from brahma.core.models.heads import head_of
from brahma.core.models.inputs import IGNORE_INDEX, Inputs, PackedBatch, decoder_of, run, to_device
from brahma.core.models.loss import chunked_loss

__all__ = ["Inputs", "PackedBatch", "decoder_of", "packed_loss", "summed_loss", "to_device"]


def packed_loss(
    model: PreTrainedModel,
    inputs: Inputs,
    *,
    scale: float = 1.0,
    decoder: Callable[..., Any] | None = None,
) -> tuple[Tensor, Tensor]:
    """The summed negative log-likelihood of the supervised tokens.

    Args:
        scale: factor of the loss to differentiate; 1 / (supervised tokens of the global batch) in training.
        decoder: a compiled `decoder_of(model)`.

    Returns:
        (scaled loss to call backward on, plain sum in nats); float32 scalars.
    """
    head = head_of(model)
    if head is None:
        return _loss_by_logits(model, inputs, scale)
    decoder = decoder if decoder is not None else decoder_of(model)  # a compiled one has no truth value
    hidden_NH = run(decoder, inputs).last_hidden_state[0]
    supervised = inputs.labels != IGNORE_INDEX
    labels = inputs.labels
    if not bool(supervised.all()):
        hidden_NH, labels = hidden_NH[supervised], labels[supervised]
    return chunked_loss(hidden_NH, head, labels, scale=scale)


def summed_loss(model: PreTrainedModel, batch: PackedBatch) -> Tensor:
    """The plain sum, in nats, for a batch of arrays; runs on the model's device."""
    return packed_loss(model, to_device(batch, model.device))[1]


def _loss_by_logits(model: PreTrainedModel, inputs: Inputs, scale: float) -> tuple[Tensor, Tensor]:
    """All logits at once, by the model's own code, for a head that `head_of` cannot take apart."""
    supervised = inputs.labels != IGNORE_INDEX
    logits_NV = run(model, inputs).logits[0][supervised].float()
    total = F.cross_entropy(logits_NV, inputs.labels[supervised], reduction="sum")
    return total * scale, total.detach()
