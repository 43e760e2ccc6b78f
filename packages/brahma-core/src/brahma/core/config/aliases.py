"""Other names for our keys: top-level places the guide shows, and the names Hugging Face users type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brahma.core.config.formats import KeyPath

_TRAINING, _DATA, _LORA = "training_config", "data_config", "lora_config"
_QUANTIZATION, _EVALUATION = "quantization", "evaluation"

ALIASES: Mapping[KeyPath, KeyPath] = {
    # The guide shows these at the top level.
    **{(key,): (_TRAINING, key) for key in ("gradient_checkpointing", "deepspeed_config", "fp16", "bf16")},
    # transformers.TrainingArguments and trl.SFTConfig
    (_TRAINING, "learning_rate"): (_TRAINING, "lr"),
    (_TRAINING, "per_device_train_batch_size"): (_TRAINING, "batch_size"),
    (_TRAINING, "num_train_epochs"): (_TRAINING, "epochs"),
    (_TRAINING, "lr_scheduler_type"): (_TRAINING, "schedule"),
    (_TRAINING, "optim"): (_TRAINING, "optimizer"),
    (_TRAINING, "eval_strategy"): (_TRAINING, "evaluation_strategy"),
    (_TRAINING, "torch_compile"): (_TRAINING, "compile"),
    (_TRAINING, "max_length"): (_DATA, "seq_length"),
    (_TRAINING, "max_seq_length"): (_DATA, "seq_length"),
    (_DATA, "max_length"): (_DATA, "seq_length"),
    (_DATA, "max_seq_length"): (_DATA, "seq_length"),
    (_TRAINING, "metric_for_best_model"): (_EVALUATION, "metric"),
    (_TRAINING, "greater_is_better"): (_EVALUATION, "higher_is_better"),
    # transformers.EarlyStoppingCallback
    (_TRAINING, "early_stopping_patience"): (_EVALUATION, "patience"),
    (_TRAINING, "early_stopping_threshold"): (_EVALUATION, "min_delta"),
    (_EVALUATION, "early_stopping_patience"): (_EVALUATION, "patience"),
    (_EVALUATION, "early_stopping_threshold"): (_EVALUATION, "min_delta"),
    (_EVALUATION, "metric_for_best_model"): (_EVALUATION, "metric"),
    (_EVALUATION, "greater_is_better"): (_EVALUATION, "higher_is_better"),
    (_TRAINING, "output_dir"): ("output_dir",),
    (_TRAINING, "run_name"): ("run_name",),
    # peft.LoraConfig, and its LoRA+ optimizer
    (_LORA, "lora_alpha"): (_LORA, "alpha"),
    (_LORA, "lora_dropout"): (_LORA, "dropout"),
    (_LORA, "use_rslora"): (_LORA, "rslora"),
    (_LORA, "use_dora"): (_LORA, "dora"),
    (_LORA, "loraplus_lr_ratio"): (_LORA, "lr_ratio"),
    # transformers.BitsAndBytesConfig
    (_QUANTIZATION, "bnb_4bit_quant_type"): (_QUANTIZATION, "type"),
    (_QUANTIZATION, "bnb_4bit_use_double_quant"): (_QUANTIZATION, "double_quantization"),
    (_QUANTIZATION, "bnb_4bit_compute_dtype"): (_QUANTIZATION, "compute_type"),
}

_VALUES: Mapping[KeyPath, Mapping[str, str]] = {
    (_TRAINING, "optim"): {
        "adamw_torch": "adamw",
        "adamw_torch_fused": "adamw",
        "adamw_bnb_8bit": "adamw_8bit",
        "paged_adamw_32bit": "paged_adamw",
        "lion_32bit": "lion",
    },
    (_TRAINING, "lr_scheduler_type"): {
        "constant_with_warmup": "constant",
        "cosine_with_min_lr": "cosine",
        "warmup_stable_decay": "wsd",
    },
    (_QUANTIZATION, "bnb_4bit_compute_dtype"): {
        f"torch.{name}": name for name in ("float32", "bfloat16", "float16")
    },
}

FOREIGN_KEYS: Mapping[str, str] = {
    "warmup_ratio": 'give "warmup_steps" in training_config: the ratio times the number of steps',
    "per_device_eval_batch_size": 'evaluation uses "batch_size"',
    "report_to": 'give "trackers" in training_config: a list of names',
    "logging_dir": 'logs and runs lie in "output_dir"',
    "save_strategy": 'checkpoints are written every "save_steps" and at the end',
    "logging_strategy": 'metrics are written every "logging_steps"',
    "data_seed": '"seed" orders the data; "init_seed" initialises new weights',
    "dataloader_num_workers": 'give "workers" in data_config: processes that tokenise',
    "dataset_text_field": 'rows are {"text": …}, {"messages": […]} or {"prompt": …, "completion": …}',
    "load_in_4bit": 'give "quantization": {"bits": 4}',
    "load_in_8bit": 'give "quantization": {"bits": 8}',
    "label_names": "what is trained on follows from the rows: text, the assistant's turns, or the completion",
    "label_smoothing_factor": "label smoothing does not exist here; remove it",
    **dict.fromkeys(
        ("torch_dtype", "dtype", "precision", "mixed_precision", "amp"),
        'precision is "fp16" or "bf16" in training_config; neither given chooses the fastest',
    ),
    "model_name_or_path": 'give "base_model" in model_config',
    "gradient_accumulation": 'give "gradient_accumulation_steps" in training_config',
    "resume_from_checkpoint": "resuming is asked for on the command line: --resume auto",
    "load_best_model_at_end": "the best checkpoint is kept in any case, and a run's name stands for it; what "
    'it is best by is "metric" in evaluation',
    "dropout": 'in model_config it is "attention_dropout"; in lora_config "dropout"',
}
"""Keys of other trainers that have no counterpart of the same meaning, each with what to do instead."""

_CHOICES = {
    *((_TRAINING, key) for key in ("optimizer", "schedule", "backend")),
    (_QUANTIZATION, "quantizer"),
    ("search", "sampler"),
}


def aliases_in(section: KeyPath) -> list[str]:
    """The aliases that may stand in a section."""
    return [str(path[-1]) for path in ALIASES if path[:-1] == section]


def canonical(path: KeyPath) -> KeyPath:
    """The key that a path means, aliases resolved."""
    for length in (1, 2):
        if path[:length] in ALIASES:
            return (*ALIASES[path[:length]], *path[length:])
    return path


def expanded(path: KeyPath, value: Any) -> Any:
    """The long form of a shorthand given at `path`: `"adamw"` -> `{"name": "adamw"}`."""
    if not isinstance(value, str):
        return value
    value = _VALUES.get(path, {}).get(value, value)
    if canonical(path) in _CHOICES:
        return {"name": value}
    return {"path": value} if path == ("tokenizer",) else value
