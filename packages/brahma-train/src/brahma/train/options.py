"""What `Trainer` takes by keyword: keys of `training_config`, and those of `data_config` that shape packs."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from brahma.core.config.sections import LoraSection, QuantizationSection, Section

NamedOptions = str | dict[str, Any]


class LoraOptions(TypedDict, total=False):
    """See `LoraSection` in `brahma.core.config.sections` for what each one does."""

    r: int
    alpha: float | None
    dropout: float
    target_modules: str | list[str]
    bias: Literal["none", "all", "lora_only"]
    task_type: Literal["CAUSAL_LM"]
    rslora: bool
    dora: bool
    lr_ratio: float
    modules_to_save: list[str] | None
    adapter: str | None
    stack: list[str] | None


class QuantizationOptions(TypedDict, total=False):
    """See `QuantizationSection` in `brahma.core.config.sections` for what each one does."""

    bits: Literal[4, 8]
    group_size: int | Literal["row"] | None
    type: str | None
    double_quantization: bool
    compute_type: Literal["auto", "float32", "bfloat16", "float16"]
    quantizer: NamedOptions
    skip_modules: list[str] | None
    strict: bool


class TrainerOptions(TypedDict, total=False):
    """See `TrainingSection` and `DataSection` in `brahma.core.config` for what each one does."""

    # data_config
    seq_length: int
    packing: Literal["auto", "concat", "best_fit", "off"]
    on_long_row: Literal["error", "cut_prompt", "split", "drop"]
    workers: int | None
    # training_config
    lr: float
    batch_size: int
    gradient_accumulation_steps: int
    global_batch_size: int | None
    epochs: float
    max_steps: int | None
    max_minutes: float | None
    warmup_steps: int
    schedule: NamedOptions
    optimizer: NamedOptions
    weight_decay: float
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    parameter_groups: list[dict[str, Any]] | None
    freeze: str | list[str] | None
    train_only: str | list[str] | None
    max_grad_norm: float
    logging_steps: int
    save_steps: int
    save_total_limit: int
    async_save: bool
    evaluation_strategy: Literal["no", "steps", "epoch"]
    eval_steps: int | None
    fp16: bool | None
    bf16: bool | None
    gradient_checkpointing: bool
    compile: bool
    backend: NamedOptions
    deepspeed_config: str | None
    seed: int
    init_seed: int | None
    threads: int | None
    trackers: list[NamedOptions]
    # evaluation
    evaluation: dict[str, Any]
    # adapters and bits: keys, a section, or True for the defaults
    lora_config: LoraOptions | LoraSection | bool | None
    quantization: QuantizationOptions | QuantizationSection | bool | None


def plain(value: object) -> object:
    """A keyword as a file has it: a section as its keys, `True` as one of defaults, `False` as none."""
    if isinstance(value, Section):
        return value.model_dump(by_alias=True, exclude_unset=True)
    return {True: {}, False: None}[value] if isinstance(value, bool) else value
