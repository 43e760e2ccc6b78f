"""The architectures that the tests hold, tiny and random; `docs/reference/architectures.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

VOCAB = 61
WINDOW = 16

# Sizes under all the names that architectures have for them.
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim"), 64),
    **dict.fromkeys(("intermediate_size", "ffn_dim"), 128),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_key_value_heads"), 4),
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("n_group", "topk_group", "first_k_dense_replace"), 1),
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
    "head_dim": 16,
    "rotary_dim": 8,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.2,
}

_QKVO = ("k_proj", "o_proj", "q_proj", "v_proj")
_QKV_OUT = ("k_proj", "out_proj", "q_proj", "v_proj")
_GATED = ("down_proj", "gate_proj", "up_proj")


@dataclass(frozen=True)
class Architecture:
    """One of transformers' architectures.

    Attributes:
        known: models of this kind that people know.
        attention, mlp: what it calls the layers that adapters learn on, sorted.
        changes: of its configuration.
        has: what is more to it than plain causal attention and a plain head.
        quantized: whether its linear layers can be.
        chunked: its head runs on chunks of tokens, and never gives all logits at once.
    """

    known: str
    attention: tuple[str, ...] = _QKVO
    mlp: tuple[str, ...] = _GATED
    changes: Mapping[str, Any] = field(default_factory=dict)
    has: str = ""
    quantized: bool = True
    chunked: bool = True


TRAINED: dict[str, Architecture] = {
    "llama": Architecture("Llama 2 and 3, SmolLM, TinyLlama, Yi", changes={"num_key_value_heads": 2}),
    "mistral": Architecture("Mistral 7B, Nemo", changes={"sliding_window": WINDOW}, has="a sliding window"),
    "ministral": Architecture(
        "Ministral",
        changes={"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
        has="a sliding window in some layers",
    ),
    "qwen2": Architecture(
        "Qwen 2 and 2.5",
        changes={"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
        has="a sliding window in some layers, where it is switched on",
    ),
    "qwen3": Architecture("Qwen 3", has="norms of queries and keys"),
    "gemma": Architecture("Gemma", has="scaled embeddings, a tied head"),
    "gemma2": Architecture(
        "Gemma 2",
        changes={"sliding_window": WINDOW, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0},
        has="a sliding window in every other layer, bent scores and logits, scaled embeddings, a tied head",
    ),
    "gemma3_text": Architecture(
        "Gemma 3 1B",
        changes={"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
        has="a sliding window in most layers, norms of queries and keys, scaled embeddings, a tied head",
    ),
    "phi": Architecture(
        "Phi 1.5 and 2",
        attention=("dense", "k_proj", "q_proj", "v_proj"),
        mlp=("fc1", "fc2"),
        has="a head with a bias",
    ),
    "phi3": Architecture(
        "Phi 3, 3.5 and 4",
        attention=("o_proj", "qkv_proj"),
        mlp=("down_proj", "gate_up_proj"),
        changes={"sliding_window": WINDOW},
        has="a sliding window",
    ),
    "gpt2": Architecture(
        "GPT-2, DistilGPT2",
        attention=("attn.c_proj", "c_attn"),
        mlp=("c_fc", "mlp.c_proj"),
        has="learned positions, a tied head, layers of its own kind (`Conv1D`)",
        quantized=False,
    ),
    "gpt_bigcode": Architecture(
        "StarCoder, SantaCoder",
        attention=("attn.c_proj", "c_attn"),
        mlp=("c_fc", "mlp.c_proj"),
        has="learned positions, one key for all heads, a tied head",
    ),
    "gpt_neox": Architecture(
        "Pythia, GPT-NeoX",
        attention=("dense", "query_key_value"),
        mlp=("dense_4h_to_h", "dense_h_to_4h"),
    ),
    "opt": Architecture(
        "OPT", attention=_QKV_OUT, mlp=("fc1", "fc2"), has="learned positions that begin at 2, a tied head"
    ),
    "stablelm": Architecture("StableLM 2"),
    "starcoder2": Architecture(
        "StarCoder 2", mlp=("c_fc", "c_proj"), changes={"sliding_window": WINDOW}, has="a sliding window"
    ),
    "nemotron": Architecture("Nemotron 4, Minitron", mlp=("down_proj", "up_proj")),
    "olmo2": Architecture("OLMo 2", has="norms of queries and keys"),
    "granite": Architecture(
        "Granite 3",
        changes={"logits_scaling": 8.0, "embedding_multiplier": 12.0, "residual_multiplier": 0.22},
        has="scaled logits and embeddings",
    ),
    "smollm3": Architecture("SmolLM 3", changes={"no_rope_layers": [1, 0]}, has="layers without positions"),
    "cohere": Architecture("Command R", has="scaled logits, a tied head"),
    "cohere2": Architecture(
        "Command R7B",
        changes={"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
        has="a sliding window in most layers, scaled logits, a tied head",
    ),
    "glm4": Architecture("GLM 4", mlp=("down_proj", "gate_up_proj")),
    "mixtral": Architecture("Mixtral", mlp=(), has="experts, which get no adapter"),
    "qwen2_moe": Architecture(
        "Qwen 1.5 and 2 MoE",
        mlp=("down_proj", "gate_proj", "shared_expert_gate", "up_proj"),
        has="experts, of which the shared ones get adapters",
    ),
    "qwen3_moe": Architecture("Qwen 3 MoE", mlp=(), has="experts, which get no adapter"),
    "gpt_oss": Architecture(
        "gpt-oss",
        mlp=(),
        changes={"sliding_window": WINDOW},
        has="attention sinks, a sliding window in every other layer, experts, which get no adapter",
    ),
    "deepseek_v3": Architecture(
        "DeepSeek V3 and R1",
        attention=("kv_a_proj_with_mqa", "kv_b_proj", "o_proj", "q_a_proj", "q_b_proj"),
        changes={
            "q_lora_rank": 32,
            "kv_lora_rank": 32,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 16,
            "v_head_dim": 16,
        },
        has="compressed keys and values, experts, of which the shared ones get adapters",
    ),
    "modernbert-decoder": Architecture(
        "Ettin decoders",
        attention=("attn.Wo", "k_proj", "q_proj", "v_proj"),
        mlp=("Wi", "mlp.Wo"),
        changes={"local_attention": WINDOW},
        has="a sliding window in most layers, a head of several layers",
        chunked=False,
    ),
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "bloom": ("BLOOM", {}, "its attention is its own code"),
    "falcon": ("Falcon", {}, "its code knows no attention called"),
    "mpt": ("MPT", {}, "its attention is its own code"),
    "gptj": ("GPT-J", {}, "its code knows no attention called"),
    "codegen": ("CodeGen", {}, "its attention is its own code"),
    "mamba": ("Mamba", {}, "it carries a state from token to token"),
    "jamba": ("Jamba", {}, "it carries a state from token to token"),
    "rwkv": ("RWKV 4", {}, "it carries a state from token to token"),
    "llama4_text": ("Llama 4, beyond one chunk", {"attention_chunk_size": 32}, "by chunks of a fixed length"),
    "bert": ("BERT and other encoders", {}, "do not follow the documents' borders"),
}
"""What is not trained on packs: models of it, changes of its configuration, and the reason that is given."""


def saved(folder: Path, model_type: str, changes: Mapping[str, Any] | None = None) -> Path:
    """A model of that architecture with random weights, as a folder to load."""
    if changes is None:
        changes = TRAINED[model_type].changes
    kind = type(AutoConfig.for_model(model_type))
    known = {*kind.__dataclass_fields__, *kind.attribute_map}
    torch.manual_seed(0)
    config = kind(**{key: value for key, value in SIZES.items() if key in known} | dict(changes))
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
