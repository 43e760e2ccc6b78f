"""Model sizes by name.

`tiny` to `xxl` are the guide's: layers, hidden size and heads stand in its table; head size, intermediate
size and key-value heads are chosen so that the parameters at vocabulary 32,000 are within 5 % of the label.
`nano` and `micro` are for laptops, tests and the quickstart, meant at vocabulary 8,192; they tie the
embeddings, which would otherwise take 4.2M of nano's 7.1M and 8.4M of micro's 34.1M parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _shape(
    layers: int, hidden: int, heads: int, kv_heads: int, head_dim: int, intermediate: int
) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "intermediate_size": intermediate,
    }


_SMALL = {"vocab_size": 8192, "max_position_embeddings": 2048, "tie_word_embeddings": True}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "nano": _shape(4, 256, 4, 2, 64, 704) | _SMALL,
    "micro": _shape(8, 512, 8, 8, 64, 1408) | _SMALL,
    # 16 layers of hidden size 1024 reach 1B only by wide feed-forward layers and heads.
    "tiny": _shape(16, 1024, 16, 8, 128, 16896),
    # 2048 / 24 is no whole number: heads of 128, the size that attention kernels are fastest at.
    "small": _shape(24, 2048, 24, 8, 128, 16640),
    "medium": _shape(32, 4096, 32, 32, 128, 11008),  # the guide's own example; Llama 7B
    "large": _shape(40, 5120, 40, 40, 128, 13824),  # Llama 13B
    "xl": _shape(60, 6144, 48, 8, 128, 22016),
    "xxl": _shape(80, 8192, 64, 8, 128, 28672),  # Llama 2 70B
}

DEFAULTS: Mapping[str, Any] = {
    "vocab_size": 32000,
    "hidden_act": "silu",
    "max_position_embeddings": 4096,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-6,
    "use_cache": True,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "mlp_bias": False,
}
"""What an architecture has when neither the preset nor the user says: the guide's example."""
