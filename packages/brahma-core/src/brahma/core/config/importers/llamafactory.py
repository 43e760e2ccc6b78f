"""Configurations of LLaMA-Factory (https://github.com/hiyouga/LLaMA-Factory, `examples/`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brahma.core.config.importers import adapters, convert, reasons
from brahma.core.config.importers.datafiles import data_file
from brahma.core.config.importers.hugging_face import TRAINING_ARGUMENTS
from brahma.core.config.importers.peer import Default, Peer
from brahma.core.config.importers.rules import (
    Outcome,
    Refusal,
    Rule,
    Source,
    custom,
    drop,
    each,
    is_off,
    items_of,
    lacks,
    only_if,
    refuse,
    to,
)

_TRAINING, _DATA, _LORA = "training_config", "data_config", "lora_config"
_SFT = "Brahma trains on text, conversations, and pairs of prompt and completion (stages pt and sft)"
_STAGES = {
    "dpo": "training on preferences (DPO)",
    "kto": "training on preferences (KTO)",
    "ppo": "training on rewards (PPO)",
    "rm": "training of reward models",
}


def _is_lora(source: Source) -> bool:
    return source.get("finetuning_type") in (None, "lora")


def _is_quantized(source: Source) -> bool:
    return _is_lora(source) and source.get("quantization_bit") in (4, 8)


def _is_running_text(source: Source) -> bool:
    return bool(source.get("stage") == "pt")


def _packs(source: Source) -> bool:
    packing = source.get("packing", "neat_packing")
    return bool(packing) if packing is not None else _is_running_text(source)


def _checkpoints(source: Source) -> bool:
    return not source.get("disable_gradient_checkpointing")


def _stage(value: Any, source: Source) -> Outcome | Refusal:
    if value in ("sft", "pt"):
        return Outcome("dropped", "follows from the rows: text, conversations, or prompt and completion")
    return Refusal(f"Brahma has no {_STAGES.get(str(value), f'stage {value}')}", _SFT)


def _finetuning(value: Any, source: Source) -> Outcome | Refusal:
    if value == "full":
        return Outcome("dropped", "always so where there is no lora_config")
    if value == "lora":
        return Outcome("mapped", "adapters are trained: see lora_config")
    if value == "freeze":
        return _freezing(source)
    return Refusal(f"Brahma has no finetuning_type {value}", "set it to full, lora or freeze")


def _freezing(source: Source) -> Outcome | Refusal:
    """The last so many layers, and the modules besides that are named."""
    layers = source.get("freeze_trainable_layers")
    layers = 2 if layers is None else layers  # LLaMA-Factory's default
    if not isinstance(layers, int) or layers < 1:
        why = "Brahma trains the last so many layers, and these are the first"
        return Refusal(why, "set freeze_trainable_layers to a number above 0, and import again")
    extra = [f"*{name}*" for name in items_of(source.get("freeze_extra_modules") or [])]
    values = {f"{_TRAINING}.train_only": [f"last_layers={layers}", *extra]}
    if items_of(source.get("freeze_trainable_modules") or "all") != ["all"]:
        return Outcome("check", "the whole of these layers is trained, not some modules of them", values)
    return Outcome("mapped", "all else is frozen", values)


def _adapters(value: Any, source: Source) -> Outcome:
    """The last one is trained on, unless a new one is asked for: then all stay as they are."""
    paths = items_of(value)
    if not paths:
        return Outcome("dropped", "no adapter is named")
    note, ours = adapters.folder_note(paths), [adapters.folder(path, source) for path in paths]
    new = source.get("create_new_adapter") is True
    values: dict[str, Any] = {} if new else {f"{_LORA}.adapter": ours[-1]}
    if stack := (ours if new else ours[:-1]):
        values[f"{_LORA}.stack"] = stack
    return Outcome("fill" if note else "mapped", note, values)


_METHODS = {"bnb": "bitsandbytes", "bitsandbytes": "bitsandbytes", "hqq": "hqq"}


def _quantizer(value: Any, source: Source) -> Outcome:
    if (name := _METHODS.get(str(value).lower())) is None:
        return Outcome("check", f"no quantizer {value}: left out", about="quantization.quantizer")
    return Outcome("mapped", "", {"quantization.quantizer": name})


def _datasets(target: str) -> Rule:
    """`dataset: a,b`: names in `dataset_info.json`, or of a hub."""
    rows = '{"instruction": …, "input": …, "output": …} (alpaca) or {"conversations": […]} (sharegpt)'

    def apply(value: Any, source: Source) -> Outcome:
        names = items_of(value)
        running = '{"text": …}' if _is_running_text(source) else rows
        files = [data_file(name, source, target=target, rows=running) for name in names]
        if len(files) == 1:
            return files[0]
        paths = [each.append[target] for each in files]
        note = f"{', '.join(names)}: save each as JSON Lines of {running} at the paths written there"
        return Outcome("fill", note, {target: paths})

    return custom(f"`{target}`", apply)


def _dataset_folder(value: Any, source: Source) -> Outcome:
    return Outcome("dropped", "the datasets in it are named one by one, see dataset")


def _bits(value: Any, source: Source) -> Outcome:
    if value in (4, 8) and _is_lora(source):
        return Outcome("mapped", "", {"quantization.bits": value})
    return Outcome(
        "check", f"{value} bits are not possible here: 4 or 8, under adapters", about="quantization"
    )


def _pure_bf16(value: Any, source: Source) -> Outcome:
    if is_off(value):
        return Outcome("dropped", "off, as here")
    note = "float32 copies of the weights are kept here, which takes more memory and learns better"
    return Outcome("check", note, {f"{_TRAINING}.bf16": True})


def _no_checkpointing(value: Any, source: Source) -> Outcome:
    return Outcome("mapped", "", {f"{_TRAINING}.gradient_checkpointing": is_off(value)})


def _samples(value: Any, source: Source) -> Outcome:
    return Outcome("check", f"all rows are read: put only the first {value} of each dataset into its file")


def _muon(value: Any, source: Source) -> Outcome:
    return Outcome("dropped", "off, as here") if is_off(value) else convert.optimizer("muon", source)


def _template(value: Any, source: Source) -> Outcome:
    if value in ("default", "empty") or _is_running_text(source):
        return Outcome("dropped", "running text has no template")
    return convert.template_text(value, source)


_LORA_KEYS: dict[str, Rule] = {
    "lora_rank": to(f"{_LORA}.r"),
    "lora_alpha": to(f"{_LORA}.alpha"),
    "lora_dropout": to(f"{_LORA}.dropout"),
    "lora_target": adapters.TARGETS,
    "additional_target": adapters.SAVED_MODULES,
    "adapter_name_or_path": custom(f"`{_LORA}.adapter`, or `{_LORA}.stack`", _adapters),
    "create_new_adapter": drop("see adapter_name_or_path"),
    "loraplus_lr_ratio": adapters.LR_RATIO,
    "loraplus_lr_embedding": lacks("rate of its own for embeddings under LoRA+", "see parameter_groups"),
    "use_rslora": adapters.RSLORA,
    "use_dora": adapters.DORA,
    **each(lacks("such variant of LoRA"), "pissa_init pissa_convert"),
    "pissa_iter": drop("belongs to a variant of LoRA that is not here"),
}

_BITS_KEYS: dict[str, Rule] = {
    "quantization_method": custom("`quantization.quantizer`", _quantizer),
    "quantization_type": adapters.TYPE,
    "double_quantization": adapters.DOUBLE,
}

_RULES: dict[str, Rule] = {
    **TRAINING_ARGUMENTS,
    # model
    "model_name_or_path": convert.base_model("train_from_scratch"),
    "trust_remote_code": convert.REMOTE_CODE,
    "model_revision": convert.REVISION,
    "train_from_scratch": convert.new_weights("model_name_or_path"),
    "rope_scaling": lacks("way to change a base model's positions"),
    **each(
        lacks("way to change a tokenizer's tokens"),
        "new_special_tokens_config split_special_tokens",
    ),
    **each(adapters.new_tokens("add_tokens", "add_special_tokens"), "add_tokens add_special_tokens"),
    "resize_vocab": drop("the embeddings grow with new_tokens"),
    "mixture_of_depths": refuse("mixture of depths", "remove the key: the model is trained as it is"),
    "shift_attn": lacks("shifted sparse attention"),
    "moe_aux_loss_coef": lacks("loss of a router"),
    **each(
        drop(reasons.TOKENIZER), "use_fast_tokenizer init_special_tokens", "default_system enable_thinking"
    ),
    # method
    "stage": custom("follows from the rows", _stage),
    "finetuning_type": custom(f"`{_LORA}`, or `{_TRAINING}.train_only`", _finetuning),
    **adapters.only_under(_is_lora, _LORA_KEYS),
    "quantization_bit": custom("`quantization.bits`", _bits),
    **{key: only_if(_is_quantized, "nothing is quantized", rule) for key, rule in _BITS_KEYS.items()},
    "quantization_device_map": drop(reasons.MEMORY),
    **each(refuse("training of some layers only", "set finetuning_type to full or lora"), "use_llama_pro"),
    **each(
        drop("see finetuning_type"), "freeze_trainable_layers freeze_trainable_modules freeze_extra_modules"
    ),
    **each(drop("belongs to a method that is not here"), "oft_rank oft_block_size oft_target module_dropout"),
    "use_muon": custom(f"`{_TRAINING}.optimizer`", _muon),
    **each(
        lacks("such optimizer", "AdamW is used (`brahma plugins list --kind optimizer`)"),
        "use_galore use_apollo use_badam use_adam_mini",
    ),
    **each(
        drop("belongs to an optimizer that is not here"),
        "galore_target galore_rank galore_update_interval galore_scale galore_proj_type galore_layerwise",
        "apollo_target apollo_rank apollo_update_interval apollo_scale apollo_proj apollo_proj_type",
        "apollo_scale_type apollo_layerwise apollo_scale_front badam_mode",
        "badam_start_block badam_switch_mode",
        "badam_switch_interval badam_update_ratio badam_mask_mode badam_verbose",
    ),
    **each(lacks("such loss", "the next token's is used"), "use_dft_loss use_eaft_loss use_asft_loss"),
    **each(drop("belongs to a loss that is not here"), "eaft_alpha asft_alpha dft_alpha"),
    # data
    "dataset": _datasets(f"{_DATA}.train"),
    "eval_dataset": _datasets(f"{_DATA}.validation"),
    "dataset_dir": custom("dropped: a dataset is a file here", _dataset_folder),
    "val_size": convert.VALIDATION_SIZE,
    "template": custom(f"`{_DATA}.template`: a file; else the tokenizer's own", _template),
    "cutoff_len": to(f"{_DATA}.seq_length"),
    "packing": convert.PACKING,
    "neat_packing": drop("always so here: a row never sees another one in its pack"),
    "train_on_prompt": convert.train_on_prompts(_is_running_text),
    "mask_history": lacks("training on the last turn alone", "all of the assistant's turns count"),
    "max_samples": custom("the file holds what is trained on", _samples),
    "preprocessing_num_workers": to(f"{_DATA}.workers"),
    **each(lacks("weights for datasets", "all rows count once an epoch"), "interleave_probs"),
    "mix_strategy": lacks("weights for datasets", "all rows count once an epoch", off=("concat",)),
    "tool_format": lacks("format of tools", "write them into the messages"),
    **each(
        drop(reasons.CACHE),
        "overwrite_cache tokenized_path preprocessing_batch_size streaming buffer_size cache_dir",
        "data_shared_file_system",
    ),
    "ignore_pad_token_for_loss": drop("always so here: there is no padding"),
    "eval_on_each_dataset": lacks("loss for each dataset", "one over all is measured"),
    # training
    "per_device_train_batch_size": convert.batch_size(_packs),
    "pure_bf16": custom(f"`{_TRAINING}.bf16`", _pure_bf16),
    "disable_gradient_checkpointing": custom(
        f"`{_TRAINING}.gradient_checkpointing`, turned round", _no_checkpointing
    ),
    **each(lacks("fp8"), "fp8 fp8_backend fp8_enable_fsdp_float8_all_gather"),
    "early_stopping_steps": convert.PATIENCE,
    # no counterpart is needed
    **each(drop(reasons.ATTENTION), "flash_attn attn"),
    **each(
        drop(reasons.KERNELS),
        "enable_liger_kernel use_unsloth use_unsloth_gc use_reentrant_gc use_v1_kernels upcast_layernorm",
        "upcast_lmhead_output low_cpu_mem_usage offload_folder use_kt",
    ),
    **each(
        drop("always so here: `brahma runs show` draws the losses"), "plot_loss compute_accuracy include_mfu"
    ),
    "include_effective_tokens_per_second": drop("always so here"),
    **each(
        drop(reasons.TRACKING),
        "use_swanlab swanlab_project swanlab_workspace swanlab_run_name swanlab_mode swanlab_api_key",
        "swanlab_logdir swanlab_lark_webhook_url swanlab_lark_secret",
    ),
    **each(
        drop(reasons.PROCESSES),
        "ray_run_name ray_storage_path ray_num_workers placement_strategy",
        "resources_per_worker ray_init_kwargs",
        "ray_storage_filesystem master_addr master_port",
    ),
    **each(drop(reasons.HUB), "hf_hub_token ms_hub_token om_hub_token"),
    **each(drop(reasons.NOISE), "print_param_status report_to_none"),
    **each(
        drop(reasons.GENERATION),
        "infer_backend infer_dtype use_kv_cache predict_with_generate",
        "generation_max_length generation_num_beams",
        "do_sample temperature top_p top_k max_new_tokens eval_num_beams repetition_penalty",
        "vllm_maxlen vllm_gpu_util vllm_enforce_eager vllm_max_lora_rank vllm_config adapter_folder",
    ),
    # another job
    **each(
        drop(reasons.PREFERENCES),
        "pref_beta pref_ftx pref_bco_weight pref_loss dpo_label_smoothing",
        "kto_chosen_weight kto_rejected_weight",
        "simpo_gamma ppo_buffer_size ppo_epochs ppo_score_norm ppo_target ppo_whiten_rewards ref_model",
        "ref_model_adapters ref_model_quantization_bit reward_model reward_model_adapters reward_model_type",
        "reward_model_quantization_bit ld_alpha",
    ),
    **each(
        refuse("training on pictures and sound", _SFT),
        "image_max_pixels image_min_pixels image_do_pan_and_scan crop_to_patches video_max_pixels video_fps",
        "video_min_pixels video_maxlen use_audio_in_video audio_sampling_rate freeze_vision_tower media_dir",
        "freeze_multi_modal_projector freeze_language_model",
    ),
    **each(
        refuse("export and merging of models by such a file", "`brahma merge` merges adapters"),
        "export_dir",
    ),
    **each(
        drop("belongs to the export of a model"),
        "export_size export_device export_quantization_bit export_quantization_dataset export_legacy_format",
        "export_quantization_nsamples export_quantization_maxlen export_hub_model_id",
    ),
    **each(refuse("evaluation by such a file", "`brahma config import` reads trainings"), "task task_dir"),
    **each(drop("belongs to an evaluation"), "lang n_shot save_dir batch_size download_mode"),
}


def _is_new_lora(source: Source) -> bool:
    """An adapter that is gone on with brings its own rank."""
    goes_on = source.get("adapter_name_or_path") and source.get("create_new_adapter") is not True
    return _is_lora(source) and not goes_on


_four_bits = adapters.in_four_bits("quantization_bit", _is_lora)


def _refusals(source: Source) -> Iterator[tuple[str, Refusal]]:
    """A file of LLaMA-Factory may be for generation alone."""
    if source.get("do_train", "stage", "dataset", "export_dir", "task") is None and source.get(
        "infer_backend"
    ):
        why = "this file is for generation, and `brahma config import` reads trainings"
        yield "infer_backend", Refusal(why, "`brahma generate MODEL` lets a model write")
    elif source.get("do_train") is not True and source.get("do_predict"):
        why = "this file is for predictions, and `brahma config import` reads trainings"
        yield "do_predict", Refusal(why, "`brahma generate MODEL` lets a model write")


LLAMA_FACTORY = Peer(
    name="llamafactory",
    title="LLaMA-Factory",
    rules=_RULES,
    defaults=(
        Default("", note=reasons.DEVICES),
        Default(f"{_DATA}.seq_length", 2048),
        Default(f"{_DATA}.packing", "off", convert.NOT_PACKED, when=lambda source: not _packs(source)),
        Default("", note=reasons.LONG_ROWS, when=lambda source: not _is_running_text(source)),
        Default(f"{_TRAINING}.lr", 5e-5),
        Default(f"{_TRAINING}.epochs", 3.0),
        Default(f"{_TRAINING}.weight_decay", 0.0),
        Default(f"{_TRAINING}.gradient_checkpointing", True, when=_checkpoints),
        Default(f"{_LORA}.r", 8, when=_is_new_lora),
        Default(f"{_LORA}.alpha", lambda source: 2 * (source.count("lora_rank") or 8), when=_is_new_lora),
        *adapters.four_bit_defaults(
            lambda source: source.get("quantization_method") != "hqq" and _four_bits(source), double=True
        ),
    ),
    refusals=_refusals,
)
