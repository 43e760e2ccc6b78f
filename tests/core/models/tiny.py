"""Tiny models and packed documents, and the same computed the plain way: one dense block-diagonal mask."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from brahma.core.models import PACKED, Inputs, register_packed_attention

VOCAB = 61


def llama(kv_heads: int = 2, *, attention: str = PACKED, **changes: Any) -> LlamaForCausalLM:
    """Two layers of hidden size 32 with four heads; weights large enough for a leak to show."""
    register_packed_attention()
    torch.manual_seed(3)
    keys: dict[str, Any] = {
        "vocab_size": VOCAB,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": 1024,
        "initializer_range": 0.2,
    }
    config = LlamaConfig(**{**keys, **changes})
    config._attn_implementation = attention
    return LlamaForCausalLM(config)


@cache
def evaluated_llama(kv_heads: int) -> LlamaForCausalLM:
    """One that no test may change."""
    model = llama(kv_heads)
    model.train(False)
    return model


def borders_of(lengths: Sequence[int]) -> Tensor:
    """int32 [S+1]."""
    return F.pad(torch.tensor(lengths).cumsum(0), (1, 0)).to(torch.int32)


def documents(lengths: Sequence[int], *, seed: int = 0, vocab: int = VOCAB, masked: float = 0.0) -> Inputs:
    """Random documents end to end; of the labels a part is masked."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)
    ids, labels = torch.randint(0, vocab, (2, total), generator=generator)
    labels[torch.rand(total, generator=generator) < masked] = -100
    positions = torch.cat([torch.arange(n) for n in lengths])
    return Inputs(ids[None], labels, positions[None], borders_of(lengths), max(lengths, default=0))


def dense_mask(lengths: Sequence[int]) -> Tensor:
    """Additive float32 [1, 1, N, N]: causal, and -inf between documents."""
    document = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    total = len(document)
    seen = (document[:, None] == document[None]) & torch.ones(total, total, dtype=torch.bool).tril()
    return torch.zeros(total, total).masked_fill(~seen, float("-inf"))[None, None]


def dense_logits(model: PreTrainedModel, inputs: Inputs, lengths: Sequence[int]) -> Tensor:
    """[N, V], by transformers' own eager attention over one dense mask."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        logits: Tensor = model(
            input_ids=inputs.input_ids,
            position_ids=inputs.position_ids,
            attention_mask=dense_mask(lengths).to(model.dtype),
            use_cache=False,
        ).logits[0]
    finally:
        model.set_attn_implementation(before)
    return logits


def packed_logits(model: PreTrainedModel, inputs: Inputs) -> Tensor:
    """[N, V]."""
    logits: Tensor = model(
        input_ids=inputs.input_ids,
        position_ids=inputs.position_ids,
        cu_seqlens=inputs.cu_seqlens,
        max_length=inputs.max_length,
        use_cache=False,
    ).logits[0]
    return logits


def gradients(model: PreTrainedModel, loss: Tensor) -> dict[str, Tensor]:
    """By parameter name; the model's are cleared."""
    model.zero_grad()
    torch.autograd.backward(loss)
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def relative_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The largest, over parameters, of |found - expected| / |expected|."""
    assert found.keys() == expected.keys()
    return max(float((found[n] - e).norm() / e.norm().clamp_min(1e-12)) for n, e in expected.items())
