"""How fast the machine is and how much of it the training uses.

MFU (model FLOP/s utilisation, https://arxiv.org/abs/2204.02311, appendix B) is the arithmetic that the model
needs, over what the machine does at its best. Both conventions for the former are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class FlopsPerToken:
    """FLOPs to train on one token, forward and backward.

    Attributes:
        causal: 6·(N − input embedding) + 6·L·h·s. What `rate/mfu` uses.
        full: 6·N + 12·L·h·s, the convention that counts the masked half of the attention too.
    """

    causal: float
    full: float


def flops_per_token(
    *, parameters: int, input_embedding: int, layers: int, width: int, seq_length: float
) -> FlopsPerToken:
    """FLOPs per trained token of a decoder.

    Args:
        parameters: N, every weight counted once for each matrix product it takes part in or look-up it
            serves; so tied embeddings count twice here, once as the input and once as the head.
        input_embedding: weights of the input embedding, which is looked up and not multiplied.
        layers: L.
        width: h, heads × head size of the attention.
        seq_length: s, tokens that a token's document holds: for packs, the mean weighted by tokens.
    """
    attention = 6 * layers * width * seq_length
    return FlopsPerToken(
        causal=6 * (parameters - input_embedding) + attention, full=6 * parameters + 2 * attention
    )


def model_flops_per_token(model: PreTrainedModel, seq_length: float) -> FlopsPerToken:
    """`flops_per_token` of a transformers model."""
    config = model.config.get_text_config()
    embedding = cast("torch.nn.Embedding", model.get_input_embeddings()).weight
    head = cast("torch.nn.Linear | None", model.get_output_embeddings())
    tied = head is not None and head.weight is embedding
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return flops_per_token(
        parameters=sum(p.numel() for p in model.parameters()) + tied * embedding.numel(),
        input_embedding=embedding.numel(),
        layers=config.num_hidden_layers,
        width=heads * head_size,
        seq_length=seq_length,
    )


def mfu(tokens_per_second: float, flops: float, peak: float) -> float:
    """Share of the machine's rate that training uses, 0 to 1.

    Args:
        tokens_per_second: tokens through the model, masked ones included.
        flops: FLOPs per token, of `FlopsPerToken`.
        peak: FLOP/s, of `measure_matrix_rate` or a data sheet.
    """
    return tokens_per_second * flops / peak
