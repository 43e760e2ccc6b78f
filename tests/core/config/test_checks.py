from __future__ import annotations

from typing import Any

import pytest

from brahma.core.config import resolve_config
from brahma.core.errors import ConfigError

OWN = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
BASE = {"model_config": {"base_model": "someone/some-model"}, "tokenizer": None}


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(values)
    for key, value in changes.items():
        old = values.get(key)
        section = (
            isinstance(old, dict) and isinstance(value, dict) and key not in ("model_config", "tokenizer")
        )
        result[key] = {**old, **value} if section and isinstance(old, dict) else value
    return result


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"model_config": {}}, "model_config", "names no model"),
        ({"model_config": {"preset": "mirco"}}, "model_config.preset", 'no preset "mirco"'),
        ({"model_config": {"preset": "nano", "base_model": "a"}}, "model_config.preset", "beside base_model"),
        ({"model_config": {"hidden_size": 64}}, "model_config.num_hidden_layers", "is missing"),
        (
            {"model_config": {"preset": "nano", "model_type": "gpt2"}},
            "model_config.model_type",
            "from scratch",
        ),
        (
            {"model_config": {"preset": "nano", "trust_remote_code": True}},
            "model_config.trust_remote_code",
            "base",
        ),
        (
            {"model_config": {**OWN, "num_key_value_heads": 3}},
            "model_config.num_key_value_heads",
            "cannot share 3",
        ),
        (
            {"model_config": {**OWN, "hidden_size": 65}},
            "model_config.hidden_size",
            "not a multiple of 4 heads",
        ),
        ({"model_config": {**OWN, "head_dim": 7}}, "model_config.head_dim", "7 is odd"),
        ({"model_config": {**OWN, "hidden_act": "sliu"}}, "model_config.hidden_act", "no activation"),
        (
            {"model_config": {"preset": "small", "attention_bias": True}},
            "model_config.attention_bias",
            "transformers has no such network",
        ),
        (
            {"model_config": {**OWN, "rope_scaling": {"rope_type": "liner"}}},
            "model_config.rope_scaling.rope_type",
            "there is no 'liner'",
        ),
        (
            {"model_config": {**OWN, "rope_scaling": {"rope_type": "linear", "facter": 2}}},
            "model_config.rope_scaling.facter",
            "unknown key",
        ),
        (
            {"model_config": {**OWN, "vocab_size": 500}},
            "model_config.vocab_size",
            "less than the tokenizer's 8192",
        ),
        (
            {"model_config": {**OWN, "pad_token_id": 3}},
            "model_config.pad_token_id",
            "a trained tokenizer has 0",
        ),
        (
            {"model_config": {**OWN, "eos_token_id": 0}},
            "model_config.eos_token_id",
            "a trained tokenizer has 2",
        ),
        (
            {"model_config": {**OWN, "vocab_size": 300, "eos_token_id": 300}, "tokenizer": "a/b"},
            "model_config.eos_token_id",
            "300 is not below vocab_size, 300",
        ),
        ({"tokenizer": None}, "tokenizer", "a new model has none"),
        ({"tokenizer": {}}, "tokenizer", "neither path nor train"),
        ({"tokenizer": {"path": "a/b", "train": {}}}, "tokenizer", "both path and train"),
        (BASE | {"tokenizer": {"train": {}}}, "tokenizer.train", "belong to its own tokenizer"),
        ({"fp16": True, "bf16": True}, "fp16", "both true"),
        (
            {"training_config": {"evaluation_strategy": "steps"}},
            "training_config.evaluation_strategy",
            "validation",
        ),
        (
            {"training_config": {"evaluation_strategy": "epoch"}},
            "training_config.evaluation_strategy",
            "validation",
        ),
        (
            {"training_config": {"warmup_steps": 5, "max_steps": 4}},
            "training_config.warmup_steps",
            "not below max_steps, 4",
        ),
        (
            {"training_config": {"warmup_steps": 4, "max_steps": 4}},
            "training_config.warmup_steps",
            "the whole run would be warm-up",
        ),
        ({"training_config": {"max_minutes": 3, "max_steps": 4}}, "training_config.max_minutes", "one end"),
        (
            {"training_config": {"global_batch_size": 12}},
            "training_config.global_batch_size",
            "batch_size, 8",
        ),
        (
            {"training_config": {"global_batch_size": 16, "gradient_accumulation_steps": 2}},
            "training_config.gradient_accumulation_steps",
            "2 stands beside global_batch_size",
        ),
        ({"training_config": {"eval_steps": 500}}, "training_config.eval_steps", 'that is "no"'),
        (
            {"training_config": {"eval_steps": 5, "evaluation_strategy": "epoch"}},
            "training_config.eval_steps",
            'that is "epoch"',
        ),
        ({"evaluation": {"max_packs": 5}}, "evaluation.max_packs", "between steps"),
        ({"evaluation": {"patience": 3}}, "evaluation.patience", "counts evaluations between steps"),
        (
            {
                "training_config": {"evaluation_strategy": "steps"},
                "evaluation": {"patience": 3, "tasks": ["hellaswag"]},
            },
            "evaluation.patience",
            "goes by the loss on validation data, and there is none",
        ),
        ({"evaluation": {"min_delta": 0.1}}, "evaluation.min_delta", "is for patience"),
        ({"evaluation": {"metric": "perplexity"}}, "evaluation.metric", "is of validation data"),
        ({"evaluation": {"metric": "hellaswag/acc"}}, "evaluation.metric", "is of a task"),
        ({"evaluation": {"task_limit": 5}}, "evaluation.task_limit", "is for tasks, and there are none"),
        ({"evaluation": {"data_dir": "/tmp"}}, "evaluation.data_dir", "is for tasks, and there are none"),
        ({"evaluation": {"tasks": "piqa, piqa"}}, "evaluation.tasks", '"piqa" stands twice'),
        ({"evaluation": {"tasks": '["piqa'}}, "evaluation.tasks", '["piqa is no name of a task'),
        ({"evaluation": {"tasks": ","}}, "evaluation.tasks", "names no task"),
        (
            {"data_config": {"validation": 0.9}},
            "data_config.validation",
            "90 % of the data would be held out",
        ),
        ({"data_config": {"validation": "/data/my.jsonl"}}, "data_config.validation", "training data itself"),
        (
            {"training_config": {"trackers": ["csv", {"name": "csv"}]}},
            "training_config.trackers",
            '"csv" stands twice',
        ),
        ({"data_config": {"format": "text", "on_long_row": "drop"}}, "data_config.on_long_row", "is split"),
        ({"data_config": {"format": "text", "template": "a.jinja"}}, "data_config.template", "no turns"),
        ({"data_config": {"format": "chat", "text_document": "line"}}, "data_config.text_document", ".txt"),
        ({"data_config": {"seq_length": 4096}}, "data_config.seq_length", "max_position_embeddings, 2048"),
        ({"quantization": {"bits": 4}}, "quantization", "cannot be trained itself"),
        (BASE | {"quantization": {}}, "quantization", "cannot be trained itself"),
        ({"lora_config": {}}, "lora_config", "a new model has nothing to adapt"),
        (BASE | {"lora_config": {"alpha": 32}}, "lora_config.alpha", "without r"),
        (BASE | {"lora_config": {"r": 0}}, "lora_config.r", "at least 1, got the number 0"),
        (BASE | {"lora_config": {"r": -4}}, "lora_config.r", "at least 1, got the number -4"),
        (BASE | {"lora_config": {}, "quantization": {"bits": 3}}, "quantization.bits", "one of 4, 8, got"),
        (
            BASE | {"lora_config": {}, "quantization": {"group_size": 0}},
            "quantization.group_size",
            'at least 1 or "row"',
        ),
        (
            BASE | {"lora_config": {}, "quantization": {"type": "nf4", "bits": 8}},
            "quantization.type",
            '"nf4" has 4 bits',
        ),
        (
            BASE | {"lora_config": {}, "quantization": {"type": "int8"}},
            "quantization.type",
            '"bits" is 4',
        ),
        (
            BASE | {"lora_config": {}, "quantization": {"skip_modules": ["a", "a"]}},
            "quantization.skip_modules",
            "stands twice",
        ),
        (
            BASE | {"lora_config": {}, "training_config": {"freeze": "embeddings"}},
            "training_config.freeze",
            "freezes all of the base model",
        ),
        (
            BASE | {"lora_config": {}, "training_config": {"train_only": ["last_layers=2"]}},
            "training_config.train_only",
            "freezes all of the base model",
        ),
        (BASE | {"lora_config": {"adapter": "a", "r": 8}}, "lora_config.r", "stands beside adapter"),
        (BASE | {"lora_config": {"adapter": "a", "alpha": 8}}, "lora_config.alpha", "stands beside adapter"),
        (
            BASE | {"lora_config": {"adapter": "a", "target_modules": ["q_proj"]}},
            "lora_config.target_modules",
            "stands beside adapter",
        ),
        (
            BASE | {"lora_config": {"adapter": "a", "stack": ["a"]}},
            "lora_config.stack",
            "gone on with as well",
        ),
        (BASE | {"lora_config": {"stack": ["a", "b", "a"]}}, "lora_config.stack", "stands twice"),
        (
            BASE | {"lora_config": {"target_modules": ["q_proj", "v_proj", "q_proj"]}},
            "lora_config.target_modules",
            '"q_proj" stands twice',
        ),
        (
            BASE | {"lora_config": {"modules_to_save": ["lm_head", "lm_head"]}},
            "lora_config.modules_to_save",
            '"lm_head" stands twice',
        ),
        (
            BASE | {"lora_config": {"target_modules": ["q_proj"], "modules_to_save": ["q_proj"]}},
            "lora_config.modules_to_save",
            "in target_modules as well",
        ),
        (
            BASE | {"tokenizer": {"new_tokens": ["<a>", " "]}},
            "tokenizer.new_tokens",
            "a token of blanks alone",
        ),
        (
            BASE | {"tokenizer": {"new_tokens": ["<a>", "<b>", "<a>"]}},
            "tokenizer.new_tokens",
            '"<a>" stands twice',
        ),
        (
            BASE | {"tokenizer": {"new_tokens": ["<a>"], "path": "a/b"}},
            "tokenizer.new_tokens",
            "stand beside path",
        ),
        ({"tokenizer": {"new_tokens": ["<a>"]}}, "tokenizer.new_tokens", "a base model's tokenizer"),
        (
            {"tokenizer": {"new_tokens": ["<a>"], "train": {}}},
            "tokenizer.new_tokens",
            "a base model's tokenizer",
        ),
    ],
)
def test_nonsense_is_refused_at_its_key(
    smallest: dict[str, Any], changes: dict[str, Any], key: str, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(merged(smallest, changes))
    messages = [p.message for p in caught.value.problems]
    assert any(m.startswith(f"{key}: ") and text in m for m in messages), messages
    assert all(p.hint for p in caught.value.problems)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"deepspeed_config": "ds.json"}, "deepspeed_config"),
    ],
)
def test_what_does_not_exist_yet_is_refused_by_name(
    smallest: dict[str, Any], changes: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(smallest | changes)
    assert f"{key}: this version of Brahma does not have it yet" in [p.message for p in caught.value.problems]


@pytest.mark.parametrize(
    "key", ["hidden_size", "vocab_size", "rope_theta", "model_type", "tie_word_embeddings"]
)
def test_architecture_keys_beside_a_base_model_are_refused_by_name(
    smallest: dict[str, Any], key: str
) -> None:
    value = {"model_type": "brahma", "tie_word_embeddings": False, "rope_theta": 1.0}.get(key, 8)
    with pytest.raises(ConfigError, match="configuration") as caught:
        resolve_config(smallest | BASE | {"model_config": {"base_model": "a/b", key: value}})
    assert [p.message.split(":")[0] for p in caught.value.problems] == [f"model_config.{key}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"model_config": {"preset": "nano", "num_hidden_layers": 2, "model_type": "brahma"}},
        {"model_config": OWN},
        {"model_config": {**OWN, "hidden_size": 66, "head_dim": 16}},
        {
            "model_config": {
                **OWN,
                "vocab_size": 9000,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
            }
        },
        {"model_config": {**OWN, "eos_token_id": 50256}, "tokenizer": "someone/gpt2"},
        {"model_config": {**OWN, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}},
        BASE,
        {"model_config": {"base_model": "a/b", "trust_remote_code": True}, "tokenizer": "a/c"},
        {"training_config": {"global_batch_size": 64, "gradient_accumulation_steps": 1}},
        {
            "training_config": {"evaluation_strategy": "steps"},
            "data_config": {"train": "a", "validation": 0.1},
        },
        {"training_config": {"fp16": False, "bf16": False}},
        {"training_config": {"warmup_steps": 3, "max_steps": 4}},
        {"lora_config": None, "quantization": None},
        BASE | {"lora_config": {}},
        BASE | {"lora_config": {"r": 16, "alpha": 32, "rslora": True, "dora": True, "lr_ratio": 16.0}},
        BASE | {"lora_config": {"adapter": "a"}, "quantization": {"bits": 8, "type": "int8"}},
        BASE | {"lora_config": {"stack": ["a", "b"], "r": 8}, "quantization": {"group_size": "row"}},
        BASE | {"lora_config": {"modules_to_save": ["lm_head"]}, "quantization": {"type": "nf4"}},
        BASE | {"tokenizer": {"new_tokens": ["<a>", "<b>"]}},
        BASE | {"lora_config": {}, "tokenizer": {"new_tokens": ["<a>"]}},
        BASE | {"training_config": {"freeze": ["embeddings", "norms"]}},
        {"training_config": {"optimizer": {"name": "muon", "momentum": 0.9}, "trackers": []}},
    ],
)
def test_what_makes_sense_is_accepted(smallest: dict[str, Any], changes: dict[str, Any]) -> None:
    given = smallest | changes
    read = resolve_config(given).config.model_dump(by_alias=True, exclude_unset=True)
    assert read.keys() >= given.keys()  # nothing is refused, nothing is left out


def test_what_goes_on_from_an_adapter_can_be_written_whole_and_read_again(smallest: dict[str, Any]) -> None:
    first = resolve_config(smallest | BASE | {"lora_config": {"adapter": "/a", "dropout": 0.1}})
    again = resolve_config(first.to_dict())
    assert again.config == first.config


def test_the_guides_adapters_and_bits_are_read(smallest: dict[str, Any]) -> None:
    guide = {
        "lora_config": {
            "r": 16,
            "alpha": 32,
            "dropout": 0.05,
            "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
            "bias": "none",
            "task_type": "CAUSAL_LM",
        },
        "quantization": {"bits": 4, "group_size": 128},
    }
    config = resolve_config(smallest | BASE | guide).config
    assert config.lora is not None
    assert config.quantization is not None
    assert (config.lora.r, config.lora.alpha, config.lora.dropout) == (16, 32, 0.05)
    assert config.lora.target_modules == ["q_proj", "k_proj", "v_proj", "o_proj"]
    assert (config.quantization.bits, config.quantization.group_size) == (4, 128)


@pytest.mark.parametrize(
    ("section", "value", "hint"),
    [
        ("lora_config", True, 'write "lora_config": {} for its defaults'),
        ("lora_config", False, 'remove "lora_config"'),
        ("lora_config", 16, 'write "lora_config": {"r": 16}'),
        ("lora_config", "all-linear", 'write "lora_config": {"target_modules": "all-linear"}'),
        ("quantization", 4, 'write "quantization": {"bits": 4}'),
        ("quantization", "nf4", 'write "quantization": {"type": "nf4"}'),
    ],
)
def test_a_lone_value_is_put_where_it_belongs(
    smallest: dict[str, Any], section: str, value: object, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(smallest | BASE | {section: value})
    assert [problem.hint for problem in caught.value.problems] == [hint]


def test_a_mistake_that_may_follow_from_another_is_not_reported(smallest: dict[str, Any]) -> None:
    changes = {
        "data_config": {"train": "a", "validaton": 0.1},
        "training_config": {"evaluation_strategy": "steps"},
    }
    with pytest.raises(ConfigError) as caught:
        resolve_config(smallest | changes)
    assert [p.message for p in caught.value.problems] == ["data_config.validaton: unknown key"]
