"""What `Trainer` takes by keyword: keys of `training_config`, and those of `data_config` that shape packs."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

NamedOptions = str | dict[str, Any]


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
