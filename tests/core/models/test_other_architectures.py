"""Any causal model of transformers is either trained rightly on packs, or refused with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoConfig, AutoModelForCausalLM

from brahma.core.errors import ModelError
from brahma.core.models import check_packable, load_model, packed_loss
from tests.core.models.tiny import VOCAB, documents

# Sizes under all the names that architectures have for them.
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim"), 48),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_key_value_heads"), 4),
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("n_group", "topk_group", "first_k_dense_replace"), 1),
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "head_dim": 8,
    "rotary_dim": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.3,
}
TRAINED: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 32},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"attn_logit_softcapping": None},
    "gemma3_text": {},
    "granite": {"logits_scaling": 5.0},
    "phi3": {},
    "gpt2": {},
    "gpt_neox": {},
    "opt": {},
    "mixtral": {},
    "qwen3_moe": {},
    "deepseek_v3": {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "v_head_dim": 12},
    "modernbert-decoder": {},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "gpt_oss": ({}, "other logits for packed documents"),  # attention sinks
    "bloom": ({}, "other logits for packed documents"),  # attends by itself
    "mamba": ({}, "other logits for packed documents"),  # a state that runs through
    "mpt": ({}, "cannot run on packed documents"),
    "falcon": ({}, "attention cannot be exchanged"),
    "gemma2": ({}, "soft-capped scores"),
    "mistral": ({"sliding_window": 16}, "sliding window"),
    "mixtral": ({"output_router_logits": True}, "auxiliary router loss"),
}


def saved(folder: Path, model_type: str, changes: dict[str, Any]) -> Path:
    kind = type(AutoConfig.for_model(model_type))
    known = {*kind.__dataclass_fields__, *kind.attribute_map}
    torch.manual_seed(0)
    config = kind(**{key: value for key, value in SIZES.items() if key in known} | changes)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("model_type", TRAINED)
def test_the_loss_is_that_of_each_document_alone_in_plain_transformers(
    tmp_path: Path, model_type: str
) -> None:
    folder, lengths = saved(tmp_path, model_type, TRAINED[model_type]), [9, 14]
    inputs = documents(lengths)
    plain = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    ids, labels = inputs.input_ids.split(lengths, dim=1), inputs.labels.split(lengths)
    with torch.no_grad():
        logits = torch.cat([plain(input_ids=part, use_cache=False).logits[0].float() for part in ids])
    expected = F.cross_entropy(logits, torch.cat(labels), reduction="sum")
    model = load_model(folder, dtype=torch.float32)
    check_packable(model, longest=32)
    model.train(False)
    torch.testing.assert_close(packed_loss(model, inputs)[1], expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("model_type", REFUSED)
def test_what_cannot_be_packed_is_refused_with_its_reason(tmp_path: Path, model_type: str) -> None:
    changes, reason = REFUSED[model_type]
    folder = saved(tmp_path, model_type, changes)
    with pytest.raises(ModelError, match=reason) as caught:
        check_packable(load_model(folder), longest=32)
    assert caught.value.hint


def test_another_attention_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, "qwen2", {})
    with pytest.raises(ModelError, match="was loaded with another attention"):
        check_packable(load_model(folder, attention="sdpa"))


def test_the_check_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, "qwen2", {}))
    model.train()
    model.model.layers[1].eval()
    check_packable(model)
    assert model.training
    assert not model.model.layers[1].training
    assert model.config._attn_implementation == "brahma_packed"
    assert all(p.grad is None for p in model.parameters())
