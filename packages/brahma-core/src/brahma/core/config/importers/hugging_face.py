"""Keys of transformers' TrainingArguments, which LLaMA-Factory and TRL share."""

from __future__ import annotations

from brahma.core.config.importers import convert, reasons
from brahma.core.config.importers.rules import custom, drop, each, lacks, to

_TRAINING = "training_config"

SHARED_ARGUMENTS = {
    "learning_rate": to(f"{_TRAINING}.lr", convert.number),
    "gradient_accumulation_steps": to(f"{_TRAINING}.gradient_accumulation_steps"),
    "max_steps": convert.MAX_STEPS,
    "warmup_steps": convert.WARMUP_STEPS,
    "warmup_ratio": convert.WARMUP_RATIO,
    "lr_scheduler_kwargs": custom("`training_config.schedule`, its floor", convert.schedule_options),
    "weight_decay": to(f"{_TRAINING}.weight_decay", convert.number),
    "adam_beta1": to(f"{_TRAINING}.adam_beta1"),
    "adam_beta2": to(f"{_TRAINING}.adam_beta2"),
    "adam_epsilon": to(f"{_TRAINING}.adam_epsilon", convert.number),
    "max_grad_norm": to(f"{_TRAINING}.max_grad_norm", convert.number),
    "bf16": convert.precision("bf16"),
    "fp16": convert.precision("fp16"),
    "gradient_checkpointing": convert.CHECKPOINTING,
    "torch_compile": to(f"{_TRAINING}.compile", convert.boolean),
    "logging_steps": convert.steps(f"{_TRAINING}.logging_steps"),
    "save_steps": convert.steps(f"{_TRAINING}.save_steps"),
    "save_total_limit": to(f"{_TRAINING}.save_total_limit"),
    "save_strategy": convert.SAVING,
    "seed": to(f"{_TRAINING}.seed"),
    "output_dir": convert.OUTPUT_FOLDER,
    "tf32": drop(reasons.PRECISION),
    "deepspeed": convert.missing_backend(reasons.DEEPSPEED),
    "fsdp": convert.missing_backend(reasons.FSDP),
    "neftune_noise_alpha": lacks("noise on embeddings (NEFTune)"),
}
"""Those that axolotl hands on under the same names."""

TRAINING_ARGUMENTS = {
    **SHARED_ARGUMENTS,
    "num_train_epochs": to(f"{_TRAINING}.epochs", convert.number),
    "lr_scheduler_type": convert.SCHEDULE,
    "optim": convert.OPTIMIZER,
    "eval_strategy": convert.EVALUATION,
    "evaluation_strategy": convert.EVALUATION,
    "eval_steps": convert.steps(f"{_TRAINING}.eval_steps"),
    "run_name": to("run_name"),
    "report_to": convert.TRACKERS,
    **each(drop(reasons.RESUME), "resume_from_checkpoint overwrite_output_dir ignore_data_skip"),
    **each(drop(reasons.MODE), "do_train do_eval do_predict"),
    **each(
        drop(reasons.EVALUATION),
        "per_device_eval_batch_size eval_accumulation_steps eval_delay eval_on_start include_for_metrics",
        "prediction_loss_only batch_eval_metrics bf16_full_eval fp16_full_eval eval_do_concat_batches",
        "include_inputs_for_metrics eval_use_gather_object",
    ),
    **each(
        drop(reasons.LOGGING),
        "log_level log_level_replica logging_strategy logging_first_step logging_dir log_on_each_node",
        "logging_nan_inf_filter disable_tqdm include_num_input_tokens_seen include_tokens_per_second",
        "skip_memory_metrics debug",
    ),
    "load_best_model_at_end": drop(reasons.BEST),
    "metric_for_best_model": convert.BEST_METRIC,
    "greater_is_better": drop(reasons.DIRECTION),
    **each(drop(reasons.CHECKPOINTS), "save_only_model save_safetensors save_on_each_node"),
    **each(drop(reasons.TRACKING), "project trackio_space_id"),
    **each(
        drop(reasons.HUB),
        "push_to_hub hub_model_id hub_strategy hub_token hub_private_repo hub_always_push hub_revision",
        "hub_model_revision push_to_hub_revision push_to_hub_model_id push_to_hub_organization",
        "push_to_hub_token",
    ),
    **each(
        drop(reasons.LOADER),
        "dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor",
        "dataloader_persistent_workers",
    ),
    **each(
        drop(reasons.PROCESSES),
        "ddp_timeout ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_backend",
        "local_rank average_tokens_across_devices accelerator_config split_batches tpu_num_cores",
        "parallelism_config",
    ),
    **each(
        drop(reasons.MEMORY),
        "gradient_checkpointing_kwargs torch_empty_cache_steps torch_compile_backend torch_compile_mode",
    ),
    **each(drop(reasons.PACKS), "group_by_length length_column_name dataloader_drop_last"),
    **each(drop(reasons.COLUMNS), "remove_unused_columns label_names"),
    **each(drop(reasons.KERNELS), "use_liger_kernel use_liger liger_kernel_config use_cache"),
    "use_cpu": drop("the fastest device is taken; `brahma doctor` lists them"),
    "data_seed": lacks("seed of the data alone", "seed orders the data"),
    "full_determinism": drop("a resumed run is exact in any case"),
    "fsdp_config": drop(reasons.FSDP),
    "fsdp_transformer_layer_cls_to_wrap": drop(reasons.FSDP),
    "label_smoothing_factor": lacks("label smoothing"),
    "auto_find_batch_size": lacks("search for a batch size that fits"),
    "optim_args": lacks("such options of the optimizer"),
    "optim_target_modules": lacks("optimizer for some modules only"),
}
