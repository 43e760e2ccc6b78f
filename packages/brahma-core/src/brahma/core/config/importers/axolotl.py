"""Configurations of axolotl (https://docs.axolotl.ai/docs/config-reference.html)."""

from __future__ import annotations

import re
from typing import Any

from brahma.core.config.importers import adapters, convert, reasons
from brahma.core.config.importers.datafiles import data_file
from brahma.core.config.importers.hugging_face import SHARED_ARGUMENTS
from brahma.core.config.importers.peer import Default, Peer
from brahma.core.config.importers.rules import (
    Outcome,
    Refusal,
    Rule,
    Source,
    custom,
    drop,
    each,
    inner,
    is_off,
    items_of,
    lacks,
    not_understood,
    refuse,
    to,
)

_TRAINING, _DATA, _LORA = "training_config", "data_config", "lora_config"
_SFT = "Brahma trains on text, conversations, and pairs of prompt and completion"


def _is_lora(source: Source) -> bool:
    return source.get("adapter") in ("lora", "qlora")


def _in_four_bits(source: Source) -> bool:
    return source.get("adapter") == "qlora" or (_is_lora(source) and source.get("load_in_4bit") is True)


def _has_no_rank(source: Source) -> bool:
    """An adapter without settings of its own: the section has to be there all the same."""
    return _is_lora(source) and source.get("lora_r", "lora_alpha", "lora_dropout") is None


def _is_running_text(source: Source) -> bool:
    return bool(source.get("pretraining_dataset"))


def _packs(source: Source) -> bool:
    return bool(source.get("sample_packing")) or _is_running_text(source)


def _adapter(value: Any, source: Source) -> Outcome | Refusal:
    if value in ("lora", "qlora"):
        return Outcome("mapped", "adapters are trained: see lora_config")
    return Refusal(f"Brahma has no adapter {value}", "set it to lora, qlora or nothing, and import again")


def _model_type(value: Any, source: Source) -> Outcome | Refusal:
    if any(word in str(value) for word in ("SequenceClassification", "TokenClassification", "RewardModel")):
        return Refusal("Brahma trains no reward models and classifiers", _SFT)
    return Outcome("dropped", reasons.MODEL)


def _tokenizer(value: Any, source: Source) -> Outcome:
    return Outcome("mapped", "", {"tokenizer.path": convert.model_path(source, value)})


def _same_model(value: Any, source: Source) -> Outcome:
    if value == source.get("base_model"):
        return Outcome("dropped", reasons.MODEL)
    return Outcome("check", "another configuration than the model's own cannot be given: left out")


_KERNEL_PLUGINS = ("liger", "cut_cross_entropy")


def _plugins(value: Any, source: Source) -> Outcome:
    names = value if isinstance(value, list) else [value]
    others = [
        str(name) for name in names if not any(f".{known}." in f".{name}." for known in _KERNEL_PLUGINS)
    ]
    if others:
        return Outcome("check", f"what {', '.join(others)} adds does not exist here: left out")
    return Outcome("dropped", reasons.KERNELS)


def _evaluations(value: Any, source: Source) -> Outcome:
    target = f"{_TRAINING}.evaluation_strategy"
    if is_off(value):
        return Outcome("dropped", "no evaluation between steps")
    if value == 1:
        return Outcome("mapped", "", {target: "epoch"})
    note = (
        f"{value} times an epoch there, once here; for more, give evaluation_strategy: steps and eval_steps"
    )
    return Outcome("check", note, {target: "epoch"})


def _saves(value: Any, source: Source) -> Outcome:
    note = f"{value} times an epoch there; here every save_steps (default 1000) and at the end"
    return Outcome("check", note, about=f"{_TRAINING}.save_steps")


def _eval_steps(value: Any, source: Source) -> Outcome | Refusal:
    outcome = convert.steps(f"{_TRAINING}.eval_steps").apply(value, source)
    if (
        isinstance(outcome, Outcome)
        and outcome.values
        and not source.get("eval_strategy", "evaluation_strategy")
    ):
        values = {**outcome.values, f"{_TRAINING}.evaluation_strategy": "steps"}
        return Outcome(outcome.status, outcome.note, values)
    return outcome


def _long_rows(value: Any, source: Source) -> Outcome:
    ours = {"drop": "drop", "raise": "error"}.get(str(value))
    if ours is None:
        note = f'"{value}" cuts the answer of long rows; here they are dropped, and counted'
        return Outcome("check", note, {f"{_DATA}.on_long_row": "drop"})
    return Outcome("mapped", "", {f"{_DATA}.on_long_row": ours})


def _target_linear(value: Any, source: Source) -> Outcome:
    if is_off(value) or source.get("lora_target_modules"):
        return Outcome("dropped", "lora_target_modules says it")
    return Outcome("mapped", "", {f"{_LORA}.target_modules": "all-linear"})


_ROWS_OF = {
    "completion": '{"text": …}',
    "pretrain": '{"text": …}',
    "chat_template": '{"messages": […]}',
    "sharegpt": '{"conversations": […]}',
    "alpaca": '{"instruction": …, "input": …, "output": …}',
}
_PREFERENCES = (
    "bradley_terry",
    "dpo",
    "orpo",
    "kto",
    "ipo",
    "stepwise",
    "prm",
    "chatml.intel",
    "chatml.ultra",
)


def _dataset(target: str) -> Rule:
    """The path of one dataset, with what its other keys say about it."""

    def apply(value: Any, source: Source) -> Outcome:
        kind = str(source.around.get("type") or "").partition(".")[0].partition(":")[0]
        files = source.around.get("data_files")
        name = files if isinstance(files, str) else value
        part = str(source.around.get("split") or source.around.get("name") or "")
        return data_file(name, source, target=target, part=part, rows=_ROWS_OF.get(kind, ""))

    return custom(f"`{target}`", apply)


def _dataset_type(value: Any, source: Source) -> Outcome | Refusal:
    if str(value).startswith(_PREFERENCES):
        return Refusal(f"Brahma does not train on preferences or steps ({value})", _SFT)
    return Outcome("dropped", "the format of a file is recognised from its rows")


def _split(value: Any, source: Source) -> Outcome:
    if str(value) == "train":
        return Outcome("dropped", "the file holds what is trained on")
    return Outcome("check", f"put only {value} into the file")


def _datasets(target: str) -> Rule:
    table: dict[str, Rule] = {
        "path": _dataset(target),
        "type": custom("recognised from the rows", _dataset_type),
        "split": custom("the file holds what is trained on", _split),
        **each(drop("which part of the dataset the file holds"), "name data_files ds_type data_dir revision"),
        **each(lacks("drawing of a part of a dataset"), "shards shards_idx preprocess_shards"),
        **each(
            drop(reasons.COLUMNS),
            "field field_messages field_human field_model field_tools field_thinking message_field_role",
            "message_field_content message_property_mappings roles format input_format conversation",
            "field_instruction field_input field_output field_system system_prompt",
            "system_format no_input_format",
            "template_thinking_key input_transform text_column",
        ),
        **each(drop(reasons.EOS), "train_on_eos train_on_eot"),
        "roles_to_train": lacks(
            "choice of roles: the assistant's turns are trained on", off=(["assistant"],)
        ),
        **each(lacks("choice of turns"), "message_field_training message_field_training_detail"),
        **each(
            lacks("change of rows while reading"), "drop_system_message split_thinking weight temperature"
        ),
        **each(lacks("skipping of rows at the start"), "skip"),
        **each(convert.TEMPLATE, "chat_template chat_template_jinja"),
        "trust_remote_code": drop("data are local files"),
        **each(drop(reasons.PREFERENCES), "field_chosen field_rejected logprobs_field"),
    }
    return inner(f"`{target}`", table)


_BITS_OPTIONS = {
    "bnb_4bit_quant_type": "quantization.type",
    "bnb_4bit_use_double_quant": "quantization.double_quantization",
}


def _bits_options(value: Any, source: Source) -> Outcome:
    """`bnb_config_kwargs`: what of them our section says as well."""
    if not isinstance(value, dict):
        return not_understood(value)
    values = {_BITS_OPTIONS[key]: given for key, given in value.items() if key in _BITS_OPTIONS}
    others = ", ".join(str(key) for key in value if key not in _BITS_OPTIONS)
    if others:
        return Outcome("check", f"no such options here: {others}", values)
    return Outcome("mapped", "", values)


def _trained_parameters(value: Any, source: Source) -> Outcome | Refusal:
    """Regular expressions that are names are patterns of ours; others are another job."""
    patterns = [item.strip("^$").replace("\\.", ".") for item in items_of(value)]
    if not patterns:
        return Outcome("dropped", "all are trained, as here")
    if any(re.search(r"[\\^$()\[\]+*|?{}]", pattern) for pattern in patterns):
        why = "Brahma chooses what is trained by names and wildcards, and these are regular expressions"
        return Refusal(why, "remove the key, and give train_only in training_config afterwards")
    ours = [f"*{pattern}*" for pattern in patterns]
    return Outcome("mapped", "all else is frozen", {f"{_TRAINING}.train_only": ours})


_LORA_KEYS: dict[str, Rule] = {
    "lora_r": to(f"{_LORA}.r"),
    "lora_alpha": to(f"{_LORA}.alpha"),
    "lora_dropout": to(f"{_LORA}.dropout"),
    "lora_target_modules": adapters.TARGETS,
    "lora_target_linear": custom(f"`{_LORA}.target_modules`", _target_linear),
    "lora_modules_to_save": adapters.SAVED_MODULES,
    "peft_use_rslora": adapters.RSLORA,
    "peft_use_dora": adapters.DORA,
    "loraplus_lr_ratio": adapters.LR_RATIO,
    "loraplus_lr_embedding": lacks("rate of its own for embeddings under LoRA+", "see parameter_groups"),
    "lora_model_dir": adapters.GO_ON,
    "bnb_config_kwargs": custom("`quantization`", _bits_options),
    "lora_target_parameters": lacks("adapters on single parameters"),
    **each(lacks("choice of layers for adapters"), "peft_layers_to_transform peft_layers_pattern"),
    **each(
        lacks("such variant of LoRA"),
        "peft peft_layer_replication peft_init_lora_weights",
        "peft_trainable_token_indices relora relora_steps relora_warmup_steps",
        "relora_anneal_steps relora_prune_ratio jagged_restart_steps jagged_restart_warmup_steps",
        "jagged_restart_anneal_steps",
    ),
    **each(
        drop(reasons.KERNELS),
        "lora_mlp_kernel lora_qkv_kernel lora_o_kernel lora_fan_in_fan_out qlora_sharded_model_loading",
        "lora_on_cpu relora_cpu_offload unsloth_lora_mlp unsloth_lora_qkv unsloth_lora_o",
        "peft_autocast_adapter_dtype",
    ),
}

_RULES: dict[str, Rule] = {
    # model
    "base_model": convert.base_model("reinit_weights"),
    "base_model_config": custom("follows from `model_config.base_model`", _same_model),
    "tokenizer_config": custom("`tokenizer.path`", _tokenizer),
    "model_type": custom("follows from `model_config.base_model`", _model_type),
    "trust_remote_code": convert.REMOTE_CODE,
    "revision_of_model": convert.REVISION,
    "reinit_weights": convert.new_weights("base_model"),
    **each(
        drop(reasons.MODEL),
        "is_llama_derived_model is_mistral_derived_model is_falcon_derived_model is_qwen_derived_model",
        "cls_model_config overrides_of_model_kwargs",
    ),
    **each(
        drop(reasons.TOKENIZER),
        "tokenizer_type tokenizer_use_fast tokenizer_legacy tokenizer_save_jinja_files",
        "tokenizer_use_mistral_common",
    ),
    "overrides_of_model_config": lacks("way to change a base model's configuration"),
    **each(lacks("way to change a base model's positions"), "rope_scaling use_pose pose_max_context_len"),
    "tokens": adapters.new_tokens("tokens"),
    "added_tokens_overrides": lacks("way to change a tokenizer's tokens"),
    "special_tokens": convert.SPECIAL_TOKENS,
    "resize_token_embeddings_to_32x": lacks("padding of the embeddings"),
    "eot_tokens": lacks("choice of turn ends", "they follow from the template"),
    "chat_template": convert.TEMPLATE,
    "chat_template_jinja": convert.TEMPLATE,
    "chat_template_kwargs": lacks("arguments of a template"),
    "default_system_message": lacks("system message for rows without one", "write it into the rows"),
    # adapters and bits
    "adapter": custom("`lora_config`", _adapter),
    "load_in_8bit": adapters.bits(8, _is_lora),
    "load_in_4bit": adapters.bits(4, _is_lora),
    **adapters.only_under(_is_lora, _LORA_KEYS),
    **each(refuse("training of a model in GPTQ", "take the model in bf16"), "gptq"),
    "unfrozen_parameters": custom(f"`{_TRAINING}.train_only`", _trained_parameters),
    # data
    "datasets": _datasets(f"{_DATA}.train"),
    "pretraining_dataset": _datasets(f"{_DATA}.train"),
    "test_datasets": _datasets(f"{_DATA}.validation"),
    "val_set_size": convert.VALIDATION_SIZE,
    "sequence_len": to(f"{_DATA}.seq_length"),
    "sample_packing": convert.PACKING,
    "excess_length_strategy": custom(f"`{_DATA}.on_long_row`", _long_rows),
    "train_on_inputs": convert.train_on_prompts(_is_running_text),
    **each(to(f"{_DATA}.workers"), "dataset_processes dataset_num_proc"),
    **each(lacks("removal of equal rows"), "dataset_exact_deduplication"),
    **each(lacks("order of the data other than random"), "curriculum_sampling"),
    **each(drop("data are read once and stored; then they are mapped, not loaded"), "streaming"),
    **each(
        drop(reasons.CACHE),
        "dataset_prepared_path dataset_keep_in_memory skip_prepare_dataset",
        "dataset_shard_num dataset_shard_idx",
        "is_preprocess preprocess_iterable push_dataset_to_hub",
    ),
    **each(
        drop(reasons.PACKS),
        "eval_sample_packing pad_to_sequence_len sample_packing_group_size sample_packing_bin_size",
        "sample_packing_eff_est sample_packing_sequentially sample_packing_mp_start_method group_by_length",
        "multipack_real_batches batch_flattening total_num_tokens total_supervised_tokens",
        "pretrain_multipack_buffer_size pretrain_multipack_attn pretraining_sample_concatenation",
        "streaming_multipack_buffer_size shuffle_merged_datasets dataloader_drop_last",
    ),
    "min_sample_len": lacks("least length of a row"),
    "remove_unused_columns": drop(reasons.COLUMNS),
    # training
    **SHARED_ARGUMENTS,
    "num_epochs": to(f"{_TRAINING}.epochs", convert.number),
    "micro_batch_size": convert.batch_size(_packs),
    "batch_size": lacks("such batch size", "micro_batch_size × gradient_accumulation_steps counts"),
    "optimizer": convert.OPTIMIZER,
    "lr_scheduler": convert.SCHEDULE,
    "cosine_min_lr_ratio": drop("the floor of the schedule, min_ratio, if that is cosine"),
    "cosine_constant_lr_ratio": lacks("constant end of the schedule"),
    "saves_per_epoch": custom(f"`{_TRAINING}.save_steps`", _saves),
    "eval_steps": custom(f"`{_TRAINING}.eval_steps`", _eval_steps),
    "evals_per_epoch": custom(f"`{_TRAINING}.evaluation_strategy`", _evaluations),
    **each(convert.EVALUATION, "eval_strategy evaluation_strategy"),
    "use_tensorboard": drop("always so here: TensorBoard events are written"),
    **each(
        lacks("stop by a measured loss", "only a loss that is no number stops the run"),
        "loss_watchdog_threshold loss_watchdog_patience",
    ),
    "early_stopping_patience": convert.PATIENCE,
    **each(
        lacks("learning rate of its own for a part of the model"),
        "embedding_lr embedding_lr_scale lr_groups lr_quadratic_warmup",
    ),
    **each(
        lacks("such options of the optimizer"), "optim_args optim_target_modules adam_epsilon2 adam_beta3"
    ),
    **each(lacks("such loss", "the next token's is used"), "use_eaft use_dynamic_finetuning"),
    **each(drop("belongs to a loss that is not here"), "eaft_alpha eaft_k"),
    **each(lacks("training for lower precision (QAT)"), "qat quantization"),
    **each(lacks("pruning"), "llmcompressor"),
    **each(lacks("search for a batch size that fits"), "auto_find_batch_size"),
    "fix_untrained_tokens": lacks("repair of untrained tokens"),
    **each(lacks("fp8"), "fp8 fp8_enable_fsdp_float8_all_gather"),
    **each(lacks("float32 beside bf16 switched off"), "bfloat16 float16 float32"),
    # several processes
    **each(drop(reasons.FSDP), "fsdp_config fsdp_version fsdp_final_state_dict_type"),
    **each(
        drop(reasons.PROCESSES),
        "local_rank world_size ddp ddp_timeout ddp_bucket_cap_mb ddp_broadcast_buffers",
        "ddp_find_unused_parameters use_ray ray_num_workers ray_run_name resources_per_worker",
        "accelerator_config dp_shard_size dp_replicate_size tensor_parallel_size deepcompile",
    ),
    **each(
        lacks("division of a sequence over devices"),
        "sequence_parallel_degree context_parallel_size heads_k_stride ring_attn_func",
    ),
    # no counterpart is needed
    "plugins": custom("kernels are not needed; other plugins are not here", _plugins),
    **each(
        drop(reasons.ATTENTION),
        "flash_attention xformers_attention sdp_attention flex_attention attn_implementation eager_attention",
        "attention flash_optimum flex_attn_compile_kwargs",
    ),
    "s2_attention": lacks("shifted sparse attention"),
    **each(
        drop(reasons.KERNELS),
        "flash_attn_cross_entropy flash_attn_rms_norm flash_attn_fuse_qkv flash_attn_fuse_mlp liger_rope",
        "liger_rms_norm liger_rms_norm_gated liger_glu_activation liger_layer_norm",
        "liger_swiglu liger_use_token",
        "liger_cross_entropy liger_fused_linear_cross_entropy unsloth_cross_entropy_loss unsloth_rms_norm",
        "unsloth_rope use_kernels llama4_linearized_experts tiled_mlp tiled_mlp_num_shards",
        "tiled_mlp_use_original_mlp scaling_softmax",
    ),
    **each(drop(reasons.LOSS), "cut_cross_entropy chunked_cross_entropy chunked_cross_entropy_num_chunks"),
    **each(
        drop(reasons.MEMORY),
        "gradient_checkpointing_kwargs activation_offloading torch_compile_backend torch_compile_mode",
        "low_cpu_mem_usage gpu_memory_limit max_memory gc_steps experimental_skip_move_to_device",
    ),
    "resume_from_checkpoint": drop(reasons.RESUME),
    "auto_resume_from_checkpoints": drop(reasons.RESUME),
    "load_best_model_at_end": drop(reasons.BEST),
    "metric_for_best_model": convert.BEST_METRIC,
    "greater_is_better": drop(reasons.DIRECTION),
    **each(drop(reasons.CHECKPOINTS), "save_safetensors save_only_model save_first_step"),
    **each(
        drop(reasons.EVALUATION),
        "eval_batch_size eval_sequence_len eval_max_new_tokens eval_table_size eval_table_max_new_tokens",
        "do_causal_lm_eval eval_causal_lm_metrics do_bench_eval bench_dataset bench_split",
    ),
    **each(drop(reasons.LOADER), "dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor"),
    **each(
        drop(reasons.TRACKING),
        "wandb wandb_project wandb_entity wandb_watch wandb_name wandb_run_id wandb_log_model wandb_mode",
        "use_wandb mlflow_tracking_uri mlflow_experiment_name mlflow_run_name",
        "hf_mlflow_log_artifacts use_mlflow",
        "use_comet comet_api_key comet_workspace comet_project_name comet_experiment_key",
        "comet_mode comet_online",
        "comet_experiment_config use_otel_metrics otel_metrics_host otel_metrics_port use_trackio",
    ),
    **each(drop(reasons.HUB), "hub_model_id hub_strategy hub_private_repo hub_revision hf_use_auth_token"),
    **each(
        drop(reasons.NOISE),
        "strict debug device device_map profiler_steps profiler_steps_start include_tokens_per_second",
        "include_tkps axolotl_config_path torchdistx_path merge_method",
    ),
    # another job
    "rl": refuse("training on preferences or rewards", _SFT),
    **each(refuse("training of reward models", _SFT), "reward_model process_reward_model num_labels"),
    **each(refuse("training on pictures and sound", _SFT), "processor_type is_multimodal image_size"),
    "merge_lora": refuse("merging by such a file", "`brahma merge` merges adapters"),
    **each(
        drop(reasons.PREFERENCES),
        "rl_beta dpo_beta orpo_alpha rpo_alpha simpo_gamma cpo_alpha kto_desirable_weight max_prompt_len",
        "kto_undesirable_weight dpo_use_weighting dpo_use_logits_to_keep dpo_label_smoothing dpo_norm_loss",
        "trl vllm",
    ),
}

AXOLOTL = Peer(
    name="axolotl",
    title="axolotl",
    rules=_RULES,
    defaults=(
        Default("", note=reasons.DEVICES),
        Default(f"{_DATA}.seq_length", 512),
        Default(f"{_DATA}.packing", "off", convert.NOT_PACKED, when=lambda source: not _packs(source)),
        Default(
            f"{_DATA}.on_long_row",
            "drop",
            "axolotl drops rows that are too long",
            when=lambda source: not _is_running_text(source),
        ),
        Default(f"{_TRAINING}.batch_size", 1),
        Default(f"{_TRAINING}.schedule", "cosine"),
        Default(f"{_TRAINING}.weight_decay", 0.0),
        Default(f"{_LORA}.dropout", 0.0, when=_has_no_rank),
        Default("quantization.bits", 4, when=lambda source: source.get("adapter") == "qlora"),
        *adapters.four_bit_defaults(_in_four_bits, double=True),
    ),
)
