"""Configurations that are no JSON or YAML, and keys and values that make no sense."""

from __future__ import annotations

from tests.newcomer.mistake import Mistake, replaced


def checked(name: str, content: str, line: str, cause: str, next_step: str) -> Mistake:
    return Mistake(name, "config check my.json", f"my.json{line}", cause, next_step, {"my.json": content})


def changed(name: str, old: str, new: str, line: str, cause: str, next_step: str) -> Mistake:
    """The good configuration with one piece replaced."""
    return checked(name, replaced(old, new), line, cause, next_step)


def trained(name: str, setting: str, cause: str, next_step: str) -> Mistake:
    """The good configuration with another setting of the training."""
    return changed(name, '"batch_size": 2', setting, ":5", cause, next_step)


CONFIG_MISTAKES = [
    checked(
        "a comma after the last key",
        '{"model_config": {"preset": "nano"},\n "data_config": {"train": "text.txt",}}',
        ":2",
        "not valid JSON",
        "no comma after the last item",
    ),
    checked(
        "a comment in JSON",
        '{\n  // the model\n  "model_config": {"preset": "nano"}}',
        ":2",
        "not valid JSON",
        "YAML",
    ),
    checked(
        "single quotes in JSON",
        "{'model_config': {'preset': 'nano'}}",
        ":1",
        "not valid JSON",
        "single quotes",
    ),
    trained("Python's True in JSON", '"batch_size": 2, "bf16": True', "not valid JSON", "true"),
    Mistake(
        "a tab in YAML",
        "config check my.yaml",
        "my.yaml:2",
        "not valid YAML",
        "blanks",
        {"my.yaml": "model_config:\n\tpreset: nano\n"},
    ),
    checked("an empty file", "", "", "empty", "{"),
    checked("a list where keys belong", "[1, 2]", "", "no object", "{"),
    trained("a key twice", '"batch_size": 2, "batch_size": 4', "stands twice", "remove one"),
    Mistake(
        "an ending that is no configuration",
        "config check my.ini",
        "my.ini",
        "a configuration ends in .json",
        "rename",
        {"my.ini": "[model]"},
    ),
    changed("a key misspelt", '"batch_size"', '"bach_size"', ":5", "bach_size: unknown key", '"batch_size"'),
    changed(
        "a section misspelt",
        '"training_config"',
        '"train_config"',
        ":5",
        "train_config: unknown key",
        '"training_config"',
    ),
    trained(
        "a key in the wrong section",
        '"batch_size": 2, "seq_length": 64',
        "seq_length: unknown key",
        '"data_config"',
    ),
    trained("a number in quotes", '"batch_size": "2"', 'got the string "2"', "write 2, without quotes"),
    trained("a negative learning rate", '"lr": -1e-4', "expected a number above 0", "0.0003"),
    trained("half a batch", '"batch_size": 1.5', "expected a whole number", "for example 8"),
    changed(
        "no model",
        '"model_config": {"preset": "nano"},',
        "",
        "",
        "model_config: is missing",
        '{"preset": "micro"}',
    ),
    changed(
        "no tokenizer for a new model",
        '"tokenizer": {"train": {"vocab_size": 300}},',
        "",
        "",
        "tokenizer: is missing",
        '{"vocab_size": 8192}',
    ),
    changed("a preset that does not exist", '"nano"', '"mini"', ":2", 'no preset "mini"', "nano"),
    changed(
        "a preset beside a base model",
        '{"preset": "nano"}',
        '{"preset": "nano", "base_model": "gpt2"}',
        ":2",
        "beside base_model",
        "remove one",
    ),
    trained("an optimizer by its usual name", '"optimizer": "adam"', "no optimizer", '"adamw"'),
    trained(
        "a tracker that is not installed",
        '"trackers": ["clipboard"]',
        "no tracker is called 'clipboard'",
        "tensorboard",
    ),
    trained("a backend that is not there yet", '"backend": "ddp"', "no backend is called 'ddp'", "single"),
    trained("fp16 and bf16", '"fp16": true, "bf16": true', "fp16 and bf16 are both true", "keep one"),
    changed(
        "a part that this version lacks",
        '"data_config"',
        '"deepspeed_config": "ds.json",\n  "data_config"',
        ":4",
        "does not have it yet",
        "remove it",
    ),
    changed(
        "adapters on a new model",
        '"data_config"',
        '"lora_config": {"r": 8},\n  "data_config"',
        ":4",
        "a new model has nothing to adapt",
        '"base_model"',
    ),
    changed(
        "bits without adapters",
        '"data_config"',
        '"quantization": {"bits": 4},\n  "data_config"',
        ":4",
        "cannot be trained itself",
        '"lora_config": {}',
    ),
    changed(
        "rows longer than the model's context",
        '"seq_length": 64',
        '"seq_length": 100000',
        ":4",
        "max_position_embeddings",
        "at most 2048",
    ),
    trained(
        "evaluation without validation data",
        '"evaluation_strategy": "steps"',
        "no validation data",
        "a fraction such as 0.01",
    ),
    trained(
        "eval_steps that nothing reads", '"eval_steps": 10', "eval_steps", '"evaluation_strategy": "steps"'
    ),
    changed(
        "heads that do not divide",
        '"preset": "nano"',
        '"preset": "nano", "num_attention_heads": 7',
        ":2",
        "cannot share",
        "a divisor of 7",
    ),
    changed("a tokenizer too small for bytes", "300", "100", ":3", "at least 262", "for example 8192"),
    changed("training data that is not there", "text.txt", "txet.txt", ":4", "no such file", "text.txt"),
    changed(
        "an address as training data",
        "text.txt",
        "https://example.org/text.txt",
        ":4",
        "an address",
        "download",
    ),
    changed(
        "a run name with blanks",
        '"model_config"',
        '"run_name": "my run",\n  "model_config"',
        ":2",
        'got the string "my run"',
        "my-run",
    ),
]
