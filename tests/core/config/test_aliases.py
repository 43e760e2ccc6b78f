from __future__ import annotations

from typing import Any

import pytest

from brahma.core.config import Config, load_config, resolve_config, sectioned
from brahma.core.config.aliases import ALIASES, FOREIGN_KEYS, aliases_in, canonical
from brahma.core.config.schema import annotation_at, sections
from brahma.core.config.vocabulary import foreign_names
from brahma.core.errors import ConfigError


def test_every_alias_leads_to_a_key_that_exists() -> None:
    for alias, name in ALIASES.items():
        assert annotation_at(Config, name) is not None, alias
        assert annotation_at(Config, alias) is None, alias


def test_no_foreign_key_is_an_alias() -> None:
    known = {alias for path, _ in sections(Config) for alias in aliases_in(path)}
    assert not known & set(FOREIGN_KEYS)


def test_names_of_other_trainers_mean_keys_that_exist_and_are_none_themselves() -> None:
    for name, key in foreign_names():
        assert annotation_at(Config, canonical(key)) is not None, key
        assert annotation_at(Config, name) is None, name
        assert name not in ALIASES, name
        assert name[-1] not in FOREIGN_KEYS, name


def test_hugging_face_names_are_accepted(smallest: dict[str, Any]) -> None:
    smallest["training_config"] = {
        "learning_rate": 1e-5,
        "per_device_train_batch_size": 2,
        "num_train_epochs": 3,
        "lr_scheduler_type": "cosine",
        "optim": "adamw_torch_fused",
        "eval_strategy": "no",
        "torch_compile": True,
        "max_length": 64,
        "run_name": "a",
    }
    config = resolve_config(smallest).config
    training = config.training
    assert (training.lr, training.batch_size, training.epochs, training.compile) == (1e-5, 2, 3.0, True)
    assert (training.schedule.name, training.optimizer.name) == ("cosine", "adamw")
    assert (config.data.seq_length, config.run_name) == (64, "a")


@pytest.mark.parametrize("section", ["training_config", "evaluation"])
def test_the_names_of_early_stopping_are_accepted(smallest: dict[str, Any], section: str) -> None:
    training = {"eval_strategy": "steps", "eval_steps": 5}
    smallest["data_config"]["validation"] = 0.1
    smallest["training_config"] = training
    smallest[section] = smallest.get(section, {}) | {
        "early_stopping_patience": 3,
        "early_stopping_threshold": 0.01,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
    }
    evaluation = resolve_config(smallest).config.evaluation
    assert (evaluation.patience, evaluation.min_delta) == (3, 0.01)
    assert (evaluation.metric, evaluation.higher_is_better) == ("loss", False)


def test_the_best_model_is_not_loaded_at_the_end_and_what_happens_instead_is_said(
    smallest: dict[str, Any],
) -> None:
    smallest["training_config"] = {"load_best_model_at_end": True}
    with pytest.raises(ConfigError) as caught:
        resolve_config(smallest)
    [problem] = caught.value.problems
    assert str(problem.hint).startswith("the best checkpoint is kept in any case")


def test_the_names_of_peft_and_of_bitsandbytes_are_accepted(smallest: dict[str, Any]) -> None:
    changes: dict[str, Any] = {
        "model_config": {"base_model": "a/b"},
        "tokenizer": None,
        "lora_config": {
            "r": 8,
            "lora_alpha": 16,
            "lora_dropout": 0.1,
            "use_rslora": True,
            "use_dora": True,
            "loraplus_lr_ratio": 16.0,
        },
        "quantization": {
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": "torch.bfloat16",
        },
        "training_config": {"optim": "adamw_bnb_8bit", "lr_scheduler_type": "warmup_stable_decay"},
    }
    config = resolve_config(smallest | changes).config
    lora, quantization, training = config.lora, config.quantization, config.training
    assert lora is not None
    assert quantization is not None
    assert (lora.alpha, lora.dropout, lora.rslora, lora.dora, lora.lr_ratio) == (16, 0.1, True, True, 16)
    assert (quantization.type, quantization.double_quantization) == ("nf4", True)
    assert quantization.compute_type == "bfloat16"
    assert (training.optimizer.name, training.schedule.name) == ("adamw_8bit", "wsd")


def test_an_alias_is_named_in_the_origin(write: Any, smallest: dict[str, Any]) -> None:
    smallest["training_config"] = {"learning_rate": 1e-5, "fp16": True}
    path = write("a.json", smallest)
    origins = load_config(path).origins
    assert origins["training_config.lr"] == f"alias learning_rate at {path}:14"
    assert origins["training_config.fp16"] == f"{path}:15"


@pytest.mark.parametrize("key", ["gradient_checkpointing", "fp16", "bf16"])
def test_the_guides_fragments_stand_at_the_top_level(smallest: dict[str, Any], key: str) -> None:
    top = resolve_config(smallest | {key: True})
    inner = resolve_config(smallest | {"training_config": {key: True}})
    both = resolve_config({key: True} | smallest | {"training_config": {key: True}})
    first = resolve_config({key: True} | smallest | {"training_config": {}})
    assert top.config == inner.config == both.config == first.config
    assert getattr(top.config.training, key) is True


@pytest.mark.parametrize(
    ("values", "first", "second"),
    [
        ({"fp16": True, "training_config": {"fp16": False}}, "fp16", "training_config.fp16"),
        (
            {"training_config": {"lr": 1.0, "learning_rate": 1.0}},
            "training_config.lr",
            "training_config.learning_rate",
        ),
        ({"lora_config": {"alpha": 1, "lora_alpha": 2}}, "lora_config.alpha", "lora_config.lora_alpha"),
        (
            {"lora_config": {"dropout": 0, "lora_dropout": 0}},
            "lora_config.dropout",
            "lora_config.lora_dropout",
        ),
        (
            {"training_config": {"max_length": 4, "max_seq_length": 4}},
            "training_config.max_length",
            "training_config.max_seq_length",
        ),
    ],
)
def test_a_value_given_twice_names_both_places(
    smallest: dict[str, Any], values: dict[str, Any], first: str, second: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(smallest | values)
    texts = [p.message for p in caught.value.problems if "given twice" in p.message]
    assert len(texts) == 1
    assert first in texts[0]
    assert second in texts[0]


def test_a_tokenizer_may_be_a_plain_path(smallest: dict[str, Any]) -> None:
    smallest["tokenizer"] = "someone/some-tokenizer"
    resolved = resolve_config(smallest)
    assert resolved.config.tokenizer is not None
    assert resolved.config.tokenizer.path == "someone/some-tokenizer"
    assert resolved.origins["tokenizer.path"] == "<arguments>"


def test_field_names_of_the_code_are_no_keys(smallest: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(smallest | {"training": {}, "data": {}})
    hints = [p.hint for p in caught.value.problems]
    assert hints == ['did you mean "training_config"?', 'did you mean "data_config"?']


def test_keyword_arguments_find_their_sections() -> None:
    assert sectioned(
        {"lr": 1e-4, "learning_rate": 2, "seq_length": 8, "run_name": "a", "fp16": True, "nope": 1}
    ) == {
        "training_config": {"lr": 1e-4, "learning_rate": 2, "fp16": True},
        "data_config": {"seq_length": 8},
        "run_name": "a",
        "nope": 1,
    }


def test_a_misspelt_keyword_is_answered_as_a_keyword() -> None:
    placed = sectioned({"learnig_rate": 1, "seq_len": 8, "vocab_sise": 3, "runname": "a"})
    assert placed == {
        "training_config": {"learnig_rate": 1},
        "data_config": {"seq_len": 8},
        "vocab_sise": 3,
        "runname": "a",
    }


def test_a_lifted_key_does_not_hide_a_section_that_is_no_object(smallest: dict[str, Any]) -> None:
    for values in ({"training_config": 5, "fp16": True}, {"fp16": True, "training_config": 5}):
        with pytest.raises(ConfigError) as caught:
            resolve_config(smallest | values)
        assert "training_config: expected an object" in caught.value.problems[0].message
