"""The linear layers of a model and the size of adapters on them, held against peft's own count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model

from brahma.core.config import resolve_config
from brahma.train.estimate import shape_from
from brahma.train.layers import Adapters, adapters_of, layers_of

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
KINDS: dict[str, dict[str, Any]] = {
    "Llama": SIZES | {"num_key_value_heads": 2},
    "Qwen2": SIZES | {"num_key_value_heads": 2},
    "Gemma": SIZES | {"num_key_value_heads": 1, "head_dim": 16},
    "Phi3": SIZES,
    "Phi": SIZES,
    "GPTNeoX": SIZES,
    "GPT2": {
        "n_embd": 64,
        "n_head": 4,
        "n_layer": 2,
        "vocab_size": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
}
LLAMA_LIKE = ("Llama", "Qwen2", "Gemma")


def build(kind: str) -> Any:
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind])
    make: Any = transformers.AutoModelForCausalLM.from_config
    with torch.device("meta"):
        return make(config)


def count(model: Any, **changes: Any) -> int:
    wrapped: Any = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **changes))
    return int(wrapped.get_nb_trainable_parameters()[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dora", [False, True])
def test_the_parameters_of_adapters_are_those_that_peft_makes(kind: str, dora: bool) -> None:
    model = build(kind)
    layers = layers_of(model)
    ours = Adapters(rank=8, dora=dora).parameters(layers)
    assert ours == count(model, r=8, use_dora=dora, target_modules="all-linear")


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ("self_attn.o_proj",), ("layers.0.mlp.up_proj",)])
def test_layers_are_named_by_the_ends_of_their_names_as_peft_does(targets: tuple[str, ...]) -> None:
    model = build("Llama")
    ours = Adapters(rank=4, targets=targets).parameters(layers_of(model))
    assert ours == count(model, r=4, target_modules=list(targets)) > 0


@pytest.mark.parametrize("kind", LLAMA_LIKE)
def test_a_llama_is_known_from_its_shape_alone(kind: str) -> None:
    model = build(kind)
    assert shape_from(model.config, 1).linear == layers_of(model)


def test_the_head_is_no_layer() -> None:
    assert not any("lm_head" in layer.name for layer in layers_of(build("Llama")))


def stored(folder: Path, text: str) -> Adapters:
    (folder / "adapter_config.json").write_text(text)
    values = {
        "model_config": {"base_model": "a/b"},
        "data_config": {"train": "rows.jsonl"},
        "lora_config": {"adapter": str(folder), "dropout": 0.1},
    }
    found = adapters_of(resolve_config(values).config)
    assert found is not None
    return found


def test_an_adapter_that_is_gone_on_with_has_its_own_shape(tmp_path: Path) -> None:
    text = json.dumps({"r": 4, "target_modules": ["q_proj"], "use_dora": True, "modules_to_save": None})
    assert stored(tmp_path, text) == Adapters(rank=4, targets=("q_proj",), dora=True, dropout=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"r": null, "target_modules": null}'])
def test_an_adapter_that_cannot_be_read_has_the_usual_shape_until_loading_says_why(
    tmp_path: Path, text: str
) -> None:
    assert stored(tmp_path, text) == Adapters(dropout=True)
