"""Words and patterns stand for what they say, in whatever architecture."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel

from brahma.core.errors import ConfigError
from brahma.train.parameters import NamedParameters
from tests.train.stepping import small_model

IDS: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "vocab_size": 50}
KEY = "training_config.freeze"


def gpt2() -> PreTrainedModel:
    return GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=32, n_head=2, **IDS))


def neox() -> PreTrainedModel:
    sizes: dict[str, Any] = {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    return GPTNeoXForCausalLM(GPTNeoXConfig(**sizes, **IDS))


@pytest.mark.parametrize(
    ("model", "embeddings", "head", "norms"),
    [
        (gpt2(), {"transformer.wte.weight", "transformer.wpe.weight"}, {"transformer.wte.weight"}, 10),
        (neox(), {"gpt_neox.embed_in.weight"}, {"lm_head.weight"}, 10),
        (small_model(), {"model.embed_tokens.weight"}, {"lm_head.weight"}, 5),
        (small_model(tied=True), {"model.embed_tokens.weight"}, {"model.embed_tokens.weight"}, 5),
    ],
    ids=["gpt2", "neox", "llama", "tied"],
)
def test_words_are_found_by_what_a_module_does(
    model: PreTrainedModel, embeddings: set[str], head: set[str], norms: int
) -> None:
    found = NamedParameters(model)
    assert found.select("embeddings", KEY) == embeddings
    assert found.select("head", KEY) == head
    assert len(found.select("norms", KEY)) == norms
    assert found.tied is bool(embeddings & head)
    assert {name for name in found.names if found.role(name) == "embedding"} == embeddings
    assert {name for name in found.names if found.role(name) == "head"} == head - embeddings


@pytest.mark.parametrize(("model", "prefix"), [(gpt2(), "transformer.h"), (small_model(), "model.layers")])
def test_last_layers_are_those_next_to_the_head(model: PreTrainedModel, prefix: str) -> None:
    found = NamedParameters(model)
    last, both = found.select("last_layers=1", KEY), found.select("last_layers = 2", KEY)
    assert last == {name for name in found.names if name.startswith(f"{prefix}.1.")}
    assert both == {name for name in found.names if name.startswith(f"{prefix}.")}


def test_a_pattern_is_of_whole_names_of_parameters_or_modules() -> None:
    found = NamedParameters(small_model())
    assert found.select("*.1.mlp.*", KEY) == found.select("model.layers.1.mlp", KEY)
    assert found.select("*.q_proj.weight", KEY) == found.select("*.q_proj", KEY)
    assert len(found.select("*.[qkv]_proj", KEY)) == 6
    assert found.select("lm_head", KEY) == {"lm_head.weight"}
    with pytest.raises(ConfigError):
        found.select("q_proj", KEY)


def test_a_tied_head_is_named_by_its_module_too() -> None:
    assert NamedParameters(small_model(tied=True)).select("lm_head", KEY) == {"model.embed_tokens.weight"}


@pytest.mark.parametrize(
    ("choice", "hint"),
    [
        ("embedings", 'did you mean "embeddings"?'),
        ("*.q_prj.*", 'did you mean "*.q_proj.*"?'),
        ("model.layers.0.mlp.up_pro.weight", 'did you mean "model.layers.0.mlp.up_proj.weight"?'),
        ("zzz", "model.layers.*.self_attn.q_proj.weight"),
        ("last_layers", "last_layers=2"),
        ("last_layers=", "last_layers=2"),
        ("last_layers=0", "last_layers=2"),
        ("last_layers=x", "last_layers=2"),
        ("last_layers=3", "give 2 or less"),
        ("norms=2", 'did you mean "norms"?'),
    ],
)
def test_what_stands_for_nothing_is_refused_with_the_nearest_name(choice: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NamedParameters(small_model()).select(choice, KEY)
    assert caught.value.where == KEY
    assert choice.replace(" ", "") in caught.value.message
    assert hint in str(caught.value.hint)
    if choice == "last_layers=3":
        assert "has 2 layers" in caught.value.message


def test_size_counts_numbers() -> None:
    model = small_model(tied=True)
    found = NamedParameters(model)
    assert found.size(found.names) == model.num_parameters()
    assert found.size(["model.norm.weight"]) == 32
