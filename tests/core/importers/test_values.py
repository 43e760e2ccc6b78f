"""What becomes of single values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brahma.core.config.documents import Document
from brahma.core.config.importers import ImportedConfig
from brahma.core.config.importers.engine import import_document
from brahma.core.errors import ConfigError

BASE: dict[str, dict[str, Any]] = {
    "axolotl": {
        "base_model": "m",
        "datasets": [{"path": "a.jsonl"}],
        "sequence_len": 64,
        "sample_packing": True,
    },
    "llamafactory": {
        "model_name_or_path": "m",
        "stage": "sft",
        "finetuning_type": "full",
        "dataset": "a",
        "cutoff_len": 64,
    },
    "trl": {"model_name_or_path": "m", "dataset_name": "a.jsonl", "max_length": 64, "packing": True},
}


def imported(peer: str, **keys: Any) -> ImportedConfig:
    document = Document(BASE[peer] | keys, "theirs.yml", Path.cwd())
    return import_document(document, peer)


def value(result: ImportedConfig, target: str) -> Any:
    """A value of the result; None where there is none."""
    found: Any = result.document
    for key in target.split("."):
        found = found.get(key, {})
    return None if found == {} else found


def status(result: ImportedConfig, key: str) -> str:
    return next(found.status for found in result.findings if found.key == key)


@pytest.mark.parametrize(
    ("peer", "keys", "target", "expected"),
    [
        ("axolotl", {"learning_rate": "2e-5"}, "training_config.lr", 2e-5),
        ("axolotl", {"micro_batch_size": 3}, "training_config.batch_size", 3),
        ("axolotl", {"sample_packing": False}, "data_config.packing", "off"),
        ("axolotl", {"sample_packing": None}, "data_config.packing", "off"),
        ("axolotl", {}, "data_config.packing", "auto"),
        ("axolotl", {}, "data_config.on_long_row", "drop"),
        ("axolotl", {"excess_length_strategy": "raise"}, "data_config.on_long_row", "error"),
        ("axolotl", {"optimizer": "adamw_bnb_8bit"}, "training_config.optimizer", "adamw_8bit"),
        ("axolotl", {"optimizer": "lion_pytorch"}, "training_config.optimizer", "lion"),
        ("axolotl", {"optimizer": "adafactor"}, "training_config.optimizer", "adafactor"),
        ("axolotl", {"optimizer": "sgd"}, "training_config.optimizer", "sgd"),
        ("axolotl", {"optimizer": "lion_8bit"}, "training_config.optimizer", "lion_8bit"),
        ("axolotl", {"optimizer": "paged_lion_8bit"}, "training_config.optimizer", "paged_lion_8bit"),
        ("axolotl", {"optimizer": "adamw_torch_4bit"}, "training_config.optimizer", "adamw"),
        ("axolotl", {"optimizer": "ademamix"}, "training_config.optimizer", "adamw"),
        ("trl", {"optim": "paged_adamw_32bit"}, "training_config.optimizer", "paged_adamw"),
        ("llamafactory", {"optim": "paged_adamw_8bit"}, "training_config.optimizer", "paged_adamw_8bit"),
        ("axolotl", {"lr_scheduler": "warmup_stable_decay"}, "training_config.schedule", "wsd"),
        ("trl", {"lr_scheduler_type": "inverse_sqrt"}, "training_config.schedule", "inverse_sqrt"),
        ("llamafactory", {"lr_scheduler_type": "polynomial"}, "training_config.schedule", "polynomial"),
        ("axolotl", {"lr_scheduler": "one_cycle"}, "training_config.schedule", "cosine"),
        ("axolotl", {"tokens": ["<a>", "<b>"]}, "tokenizer.new_tokens", ["<a>", "<b>"]),
        ("axolotl", {"tokens": ["<a>"], "tokenizer_config": "t"}, "tokenizer.new_tokens", None),
        (
            "llamafactory",
            {"add_tokens": "<a>,<b>", "add_special_tokens": "<c>"},
            "tokenizer.new_tokens",
            ["<a>", "<b>", "<c>"],
        ),
        ("trl", {"added_tokens": ["<a>"]}, "tokenizer.new_tokens", ["<a>"]),
        ("axolotl", {"adapter": "lora", "peft_use_dora": True}, "lora_config.dora", True),
        ("axolotl", {"adapter": "lora", "peft_use_rslora": True}, "lora_config.rslora", True),
        ("axolotl", {"adapter": "lora", "loraplus_lr_ratio": 16.0}, "lora_config.lr_ratio", 16.0),
        (
            "axolotl",
            {"adapter": "lora", "lora_modules_to_save": ["lm_head"]},
            "lora_config.modules_to_save",
            ["lm_head"],
        ),
        ("axolotl", {"adapter": "lora", "lora_model_dir": "/far/old"}, "lora_config.adapter", "/far/old"),
        ("axolotl", {"adapter": "lora", "lora_model_dir": "/far/old", "lora_r": 8}, "lora_config.r", None),
        (
            "axolotl",
            {"adapter": "lora", "lora_target_modules": "layers[0-9]+q_proj"},
            "lora_config.target_modules",
            None,
        ),
        (
            "axolotl",
            {"adapter": "qlora"},
            "quantization",
            {"bits": 4, "group_size": 64, "type": "nf4", "double_quantization": True},
        ),
        ("axolotl", {"adapter": "lora", "load_in_8bit": True}, "quantization", {"bits": 8}),
        (
            "axolotl",
            {"adapter": "qlora", "bnb_config_kwargs": {"bnb_4bit_quant_type": "fp4"}},
            "quantization.type",
            "fp4",
        ),
        (
            "axolotl",
            {"unfrozen_parameters": ["^lm_head.weight$", "embed_tokens"]},
            "training_config.train_only",
            ["*lm_head.weight*", "*embed_tokens*"],
        ),
        ("llamafactory", {"finetuning_type": "lora", "use_dora": True}, "lora_config.dora", True),
        (
            "llamafactory",
            {"finetuning_type": "lora", "loraplus_lr_ratio": 16.0},
            "lora_config.lr_ratio",
            16.0,
        ),
        (
            "llamafactory",
            {"finetuning_type": "lora", "additional_target": "embed_tokens,lm_head"},
            "lora_config.modules_to_save",
            ["embed_tokens", "lm_head"],
        ),
        (
            "llamafactory",
            {"finetuning_type": "lora", "adapter_name_or_path": "/far/a,/far/b"},
            "lora_config",
            {"adapter": "/far/b", "stack": ["/far/a"]},
        ),
        (
            "llamafactory",
            {"finetuning_type": "lora", "adapter_name_or_path": "/far/a", "create_new_adapter": True},
            "lora_config",
            {"r": 8, "alpha": 16, "stack": ["/far/a"]},
        ),
        (
            "llamafactory",
            {"finetuning_type": "lora", "quantization_bit": 4},
            "quantization",
            {"bits": 4, "group_size": 64, "type": "nf4", "double_quantization": True},
        ),
        (
            "llamafactory",
            {"finetuning_type": "lora", "quantization_bit": 4, "quantization_method": "hqq"},
            "quantization",
            {"bits": 4, "quantizer": "hqq"},
        ),
        ("llamafactory", {"finetuning_type": "lora", "quantization_bit": 8}, "quantization", {"bits": 8}),
        (
            "llamafactory",
            {"finetuning_type": "freeze", "freeze_trainable_layers": 3, "freeze_extra_modules": "norm"},
            "training_config.train_only",
            ["last_layers=3", "*norm*"],
        ),
        ("llamafactory", {"finetuning_type": "freeze"}, "training_config.train_only", ["last_layers=2"]),
        ("trl", {"use_peft": True, "lora_r": 4}, "lora_config.alpha", 32),
        ("trl", {"use_peft": True, "use_rslora": True}, "lora_config.rslora", True),
        ("trl", {"use_peft": True, "use_dora": False}, "lora_config.dora", None),
        (
            "trl",
            {"use_peft": True, "load_in_4bit": True, "use_bnb_nested_quant": True},
            "quantization",
            {"bits": 4, "group_size": 64, "type": "nf4", "double_quantization": True},
        ),
        ("trl", {"use_peft": True, "load_in_8bit": True}, "quantization", {"bits": 8}),
        ("trl", {"load_in_4bit": True}, "quantization.bits", None),
        ("axolotl", {"optimizer": "muon"}, "training_config.optimizer", "muon"),
        ("axolotl", {}, "training_config.schedule", "cosine"),
        ("axolotl", {"lr_scheduler": "constant_with_warmup"}, "training_config.schedule", "constant"),
        (
            "axolotl",
            {"lr_scheduler": "cosine", "cosine_min_lr_ratio": 0.1},
            "training_config.schedule",
            {"name": "cosine", "min_ratio": 0.1},
        ),
        ("axolotl", {"warmup_ratio": 0.1, "max_steps": 55}, "training_config.warmup_steps", 6),
        ("axolotl", {"warmup_ratio": 0.1}, "training_config.warmup_steps", None),
        ("axolotl", {"warmup_ratio": 0.0}, "training_config.warmup_steps", 0),
        ("axolotl", {"warmup_ratio": 0.1, "warmup_steps": 4}, "training_config.warmup_steps", 4),
        ("axolotl", {"warmup_steps": 9, "max_steps": 5}, "training_config.warmup_steps", None),
        ("axolotl", {"warmup_steps": 5, "max_steps": 5}, "training_config.warmup_steps", None),
        ("axolotl", {"val_set_size": 0.95}, "data_config.validation", None),
        ("axolotl", {"eval_steps": 5, "eval_strategy": "no"}, "training_config.eval_steps", None),
        ("axolotl", {"bf16": "auto", "fp16": False}, "training_config.fp16", None),
        ("axolotl", {"bf16": False, "fp16": False}, "training_config.bf16", False),
        ("axolotl", {"bf16": True, "fp16": True}, "training_config.fp16", None),
        ("axolotl", {"val_set_size": 0.05}, "data_config.validation", 0.05),
        ("axolotl", {"val_set_size": 200}, "data_config.validation", None),
        ("axolotl", {"evals_per_epoch": 4}, "training_config.evaluation_strategy", None),
        (
            "axolotl",
            {"evals_per_epoch": 4, "val_set_size": 0.1},
            "training_config.evaluation_strategy",
            "epoch",
        ),
        ("axolotl", {"eval_steps": 20, "val_set_size": 0.1}, "training_config.evaluation_strategy", "steps"),
        (
            "axolotl",
            {"early_stopping_patience": 3, "eval_steps": 20, "val_set_size": 0.1},
            "evaluation.patience",
            3,
        ),
        ("axolotl", {"early_stopping_patience": 3}, "evaluation.patience", None),  # it never evaluates
        (
            "llamafactory",
            {"early_stopping_steps": 2, "eval_strategy": "epoch", "val_size": 0.1},
            "evaluation.patience",
            2,
        ),
        (
            "trl",
            {"metric_for_best_model": "eval_loss", "greater_is_better": False},
            "evaluation.metric",
            "loss",
        ),
        ("trl", {"metric_for_best_model": "accuracy"}, "evaluation.metric", None),
        ("axolotl", {"gradient_checkpointing": "offload"}, "training_config.gradient_checkpointing", True),
        ("axolotl", {"adapter": "lora", "lora_r": 4}, "lora_config.r", 4),
        (
            "axolotl",
            {"adapter": "lora", "lora_target_linear": True},
            "lora_config.target_modules",
            "all-linear",
        ),
        ("axolotl", {"lora_r": 4}, "lora_config.r", None),
        ("axolotl", {"adapter": "qlora"}, "quantization.bits", 4),
        ("axolotl", {"load_in_8bit": True}, "quantization.bits", None),
        ("axolotl", {"adapter": "lora", "load_in_8bit": True}, "quantization.bits", 8),
        ("axolotl", {"tokenizer_config": "t"}, "tokenizer.path", "t"),
        ("axolotl", {"reinit_weights": True}, "model_config.base_model", None),
        ("axolotl", {"reinit_weights": True}, "tokenizer.path", "m"),
        ("axolotl", {"save_steps": 0.5, "max_steps": 9}, "training_config.save_steps", 5),
        ("axolotl", {"save_steps": 0.5}, "training_config.save_steps", None),
        ("axolotl", {"chat_template_jinja": "t/chat.jinja"}, "data_config.template", "t/chat.jinja"),
        ("axolotl", {"chat_template": "llama3"}, "data_config.template", None),
        ("llamafactory", {"warmup_steps": 0.1, "max_steps": 50}, "training_config.warmup_steps", 5),
        ("llamafactory", {"warmup_steps": 0.1}, "training_config.warmup_steps", None),
        ("llamafactory", {"max_steps": -1}, "training_config.max_steps", None),
        ("llamafactory", {}, "training_config.lr", 5e-5),
        ("llamafactory", {}, "training_config.gradient_checkpointing", True),
        (
            "llamafactory",
            {"disable_gradient_checkpointing": True},
            "training_config.gradient_checkpointing",
            False,
        ),
        ("llamafactory", {"stage": "pt"}, "data_config.packing", None),
        ("llamafactory", {"stage": "pt", "packing": False}, "data_config.packing", "off"),
        ("llamafactory", {"dataset": "a, b"}, "data_config.train", ["data/a.jsonl", "data/b.jsonl"]),
        ("llamafactory", {"finetuning_type": "lora", "lora_rank": 4}, "lora_config.alpha", 8),
        ("llamafactory", {"finetuning_type": "lora"}, "lora_config.r", 8),
        (
            "llamafactory",
            {"finetuning_type": "lora", "lora_target": "all"},
            "lora_config.target_modules",
            "all-linear",
        ),
        ("llamafactory", {"pure_bf16": True}, "training_config.bf16", True),
        ("llamafactory", {"use_muon": True}, "training_config.optimizer", "muon"),
        ("llamafactory", {"train_from_scratch": True}, "model_config.base_model", None),
        ("trl", {}, "training_config.lr", 2e-5),
        ("trl", {"use_peft": True}, "lora_config.target_modules", ["q_proj", "v_proj"]),
        ("trl", {"report_to": "none"}, "training_config.trackers", []),
        ("trl", {"report_to": ["wandb"]}, "training_config.trackers", None),
        (
            "trl",
            {"report_to": ["wandb", "tensorboard"]},
            "training_config.trackers",
            [{"name": "tensorboard"}],
        ),
        ("trl", {"max_length": None}, "data_config.seq_length", None),
        (
            "trl",
            {"dataset_test_split": "test", "eval_strategy": "epoch", "dataset_name": "some/talk"},
            "data_config.validation",
            "data/talk-test.jsonl",
        ),
        ("trl", {"dataset_test_split": "test"}, "data_config.validation", None),
        (
            "trl",
            {
                "lr_scheduler_type": "cosine_with_min_lr",
                "lr_scheduler_kwargs": {"min_lr": 0.25},
                "learning_rate": 0.5,
            },
            "training_config.schedule",
            {"name": "cosine", "min_ratio": 0.5},
        ),
        ("trl", {"run_name": "a run: no name here"}, "run_name", None),
    ],
)
def test_a_value_becomes(peer: str, keys: dict[str, Any], target: str, expected: Any) -> None:
    assert value(imported(peer, **keys), target) == expected


@pytest.mark.parametrize(
    ("peer", "keys", "expected"),
    [
        ("axolotl", {"neftune_noise_alpha": 5}, "check"),
        ("axolotl", {"neftune_noise_alpha": None}, "empty"),
        ("axolotl", {"early_stopping_patience": 0}, "dropped"),
        ("axolotl", {"metric_for_best_model": "accuracy"}, "check"),
        ("trl", {"load_best_model_at_end": True}, "dropped"),
        ("axolotl", {"deepspeed": "z3.json"}, "check"),
        ("axolotl", {"plugins": ["axolotl.integrations.liger.LigerPlugin"]}, "dropped"),
        ("axolotl", {"plugins": ["axolotl.integrations.kd.KDPlugin"]}, "check"),
        ("axolotl", {"special_tokens": {"pad_token": "<p>"}}, "dropped"),
        ("axolotl", {"special_tokens": {"eos_token": "<e>"}}, "check"),
        ("axolotl", {"trust_remote_code": True}, "check"),
        ("axolotl", {"train_on_inputs": True}, "check"),
        ("axolotl", {"train_on_inputs": False}, "dropped"),
        ("axolotl", {"micro_batch_size": 0}, "check"),
        ("axolotl", {"learning_rate": "fast"}, "check"),
        ("axolotl", {"torch_compile": "auto"}, "check"),
        ("axolotl", {"unheard_of": 1}, "unknown"),
        ("axolotl", {"unheard_of": None}, "unknown"),
        ("llamafactory", {"max_samples": 100}, "check"),
        ("llamafactory", {"resume_from_checkpoint": None}, "empty"),
        ("trl", {"model_revision": "main"}, "dropped"),
        ("trl", {"model_revision": "v2"}, "check"),
        ("trl", {"assistant_only_loss": False}, "check"),
        ("trl", {"loss_type": "dft"}, "check"),
    ],
)
def test_a_key_is_listed_as(peer: str, keys: dict[str, Any], expected: str) -> None:
    (key,) = keys
    assert status(imported(peer, **keys), key) == expected


@pytest.mark.parametrize(
    ("peer", "keys", "text"),
    [
        ("axolotl", {"unfrozen_parameters": ["model.layers.[0-9]+"]}, "regular expressions"),
        ("llamafactory", {"finetuning_type": "freeze", "freeze_trainable_layers": -2}, "these are the first"),
        ("llamafactory", {"finetuning_type": "oft"}, "no finetuning_type oft"),
        ("axolotl", {"adapter": "llama-adapter"}, "no adapter llama-adapter"),
    ],
)
def test_a_way_to_train_that_is_not_here_refuses_the_file(peer: str, keys: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be imported") as caught:
        imported(peer, **keys)
    assert text in str(caught.value)
    assert "hint: " in str(caught.value)


def test_an_adapter_that_is_not_on_this_machine_is_to_be_laid_there() -> None:
    (found,) = imported("axolotl", adapter="lora", lora_model_dir="/far/old").of("fill")
    assert found.note == "no such folder here: lay the adapter /far/old there"


@pytest.mark.parametrize(
    ("peer", "keys"),
    [
        ("axolotl", {"adapter": "lora", "lora_r": 8, "lora_alpha": 16, "lora_target_linear": True}),
        ("axolotl", {"adapter": "qlora", "lora_r": 8, "optimizer": "paged_adamw_8bit"}),
        ("axolotl", {"adapter": "lora", "load_in_8bit": True}),
        ("llamafactory", {"finetuning_type": "lora", "lora_target": "all", "quantization_bit": 4}),
        ("llamafactory", {"finetuning_type": "lora", "adapter_name_or_path": "/far/a"}),
        ("trl", {"use_peft": True}),
        ("trl", {"use_peft": True, "load_in_4bit": True, "lora_target_modules": "all-linear"}),
    ],
)
def test_adapters_and_bits_of_each_peer_are_accepted_as_they_are(peer: str, keys: dict[str, Any]) -> None:
    result = imported(peer, **keys)
    assert result.refused == ()
    assert "lora_config" in result.document
    assert [found.key for found in result.of("check")] == []


def test_what_is_left_out_and_matters_says_so() -> None:
    (found,) = imported("axolotl", neftune_noise_alpha=5).attention
    assert found.note == "Brahma has no noise on embeddings (NEFTune): left out"


def test_a_value_that_our_schema_refuses_is_not_written() -> None:
    (found,) = imported("axolotl", micro_batch_size=0).attention
    assert found.note == "not written: training_config.batch_size takes a whole number of at least 1"


def test_a_default_does_not_stand_in_for_a_value_that_was_refused() -> None:
    result = imported("axolotl", sequence_len=-1)
    assert value(result, "data_config.seq_length") is None
    assert result.added.keys().isdisjoint({"data_config.seq_length"})


def test_trl_that_says_nothing_of_masks_is_remarked_on() -> None:
    assert any("every turn" in remark for remark in imported("trl").remarks)
    assert not any("every turn" in remark for remark in imported("trl", assistant_only_loss=True).remarks)


def test_a_dataset_of_a_hub_has_to_be_filled_in_and_a_file_not() -> None:
    result = imported(
        "axolotl",
        datasets=[{"path": "some/talk", "split": "extra"}, {"path": "b.parquet"}, {"path": "c.arrow"}],
    )
    assert [found.key for found in result.of("fill")] == ["datasets.0.path", "datasets.2.path"]
    assert value(result, "data_config.train") == ["data/talk-extra.jsonl", "b.parquet", "data/c.jsonl"]


def test_data_that_are_trained_on_do_not_validate() -> None:
    result = imported("llamafactory", dataset="a,b", eval_dataset="b", eval_strategy="epoch")
    assert value(result, "data_config.validation") is None
    assert value(result, "training_config.evaluation_strategy") is None
    assert status(result, "eval_dataset") == "check"
    assert result.refused == ()


def test_paths_are_written_for_the_folder_of_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    keys = BASE["axolotl"] | {
        "base_model": "model",
        "output_dir": "out",
        "datasets": [{"path": "/far/a.jsonl"}],
    }
    result = import_document(Document(keys, "theirs.yml", tmp_path), folder=tmp_path / "configs" / "new")
    assert value(result, "model_config.base_model") == "../../model"
    assert value(result, "output_dir") == "../../out"
    assert value(result, "data_config.train") == "/far/a.jsonl"
