"""Configurations of TRL (`trl sft --config FILE`), and recipes that are read by its parser."""

from __future__ import annotations

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
    inner,
    is_off,
    items_of,
    lacks,
    not_understood,
    only_if,
    refuse,
    to,
)

_TRAINING, _DATA, _LORA = "training_config", "data_config", "lora_config"
_SFT = "only configurations of `trl sft` can be imported"


def _is_lora(source: Source) -> bool:
    return source.get("use_peft") is True


_in_four_bits = adapters.in_four_bits("load_in_4bit", _is_lora)


def _packs(source: Source) -> bool:
    return bool(source.get("packing"))


def _evaluates(source: Source) -> bool:
    return source.get("eval_strategy", "evaluation_strategy") not in (None, "no", False)


def _dataset(value: Any, source: Source) -> Outcome:
    split = str(source.get("dataset_train_split") or "")
    part = str(source.get("dataset_config") or "") if split in ("", "train") else split
    return data_file(value, source, target=f"{_DATA}.train", part=part)


def _test_split(value: Any, source: Source) -> Outcome:
    name = source.get("dataset_name")
    if not _evaluates(source) or name is None:
        return Outcome("dropped", "nothing is evaluated between steps")
    return data_file(name, source, target=f"{_DATA}.validation", part=str(value))


def _mixer(value: Any, source: Source) -> Outcome:
    """`{dataset: part of it}`, in alignment-handbook's older recipes."""
    if not isinstance(value, dict):
        return not_understood(value)
    files = [data_file(name, source, target=f"{_DATA}.train") for name in value]
    paths = [found.append[f"{_DATA}.train"] for found in files]
    parts = {name: part for name, part in value.items() if part != 1}
    note = f'{", ".join(value)}: save each as JSON Lines of {{"messages": […]}} or {{"text": …}}'
    if parts:
        note += "; take of " + ", ".join(f"{name} {part}" for name, part in parts.items())
    return Outcome("fill", note, {f"{_DATA}.train": paths[0] if len(paths) == 1 else paths})


def _mixed(value: Any, source: Source) -> Outcome:
    """One dataset of `dataset_mixture`."""
    split = str(source.around.get("split") or "")
    return data_file(value, source, target=f"{_DATA}.train", part=split)


def _mixed_path(value: Any, source: Source) -> Outcome:
    files = source.around.get("data_files")
    name = files if isinstance(files, str) else value
    return data_file(name, source, target=f"{_DATA}.train", part=str(source.around.get("split") or ""))


def _weight(value: Any, source: Source) -> Outcome:
    if value == 1:
        return Outcome("dropped", "all rows count once an epoch, here too")
    return Outcome("check", f"put only {value} of the rows into the file")


def _splits(value: Any, source: Source) -> Outcome:
    names = items_of(value)
    if len(names) < 2:
        return Outcome("dropped", "the file holds what is trained on")
    note = f"{', '.join(names)}: training data go to train; give the others as validation, or a fraction"
    return Outcome("check", note, about=f"{_DATA}.validation")


def _columns(value: Any, source: Source) -> Outcome | Refusal:
    if {"chosen", "rejected"} & set(items_of(value)):
        return Refusal("Brahma does not train on preferences (chosen, rejected)", _SFT)
    return Outcome("dropped", reasons.COLUMNS)


def _max_length(value: Any, source: Source) -> Outcome:
    if value is None:
        note = "no limit there; here a row longer than seq_length is an error, see on_long_row"
        return Outcome("check", note, about=f"{_DATA}.seq_length")
    return Outcome("mapped", "", {f"{_DATA}.seq_length": value})


def _answers_only(value: Any, source: Source) -> Outcome:
    if not is_off(value):
        return Outcome("dropped", "always so here: only answers are trained on")
    return Outcome("check", 'all turns are trained on there; for that, write rows as {"text": …}')


def _loss(value: Any, source: Source) -> Outcome | Refusal:
    if value in ("nll", "chunked_nll"):
        return Outcome("dropped", reasons.LOSS)
    if value in ("dft", "dapo"):
        return Outcome("check", f"Brahma has no loss {value}: the next token's is used")
    return Refusal(f"Brahma has no loss {value}", _SFT)


_LORA_KEYS: dict[str, Rule] = {
    "lora_r": to(f"{_LORA}.r"),
    "lora_alpha": to(f"{_LORA}.alpha"),
    "lora_dropout": to(f"{_LORA}.dropout"),
    "lora_target_modules": adapters.TARGETS,
    "lora_target_parameters": lacks("adapters on single parameters"),
    "lora_modules_to_save": adapters.SAVED_MODULES,
    "lora_task_type": drop("always CAUSAL_LM here"),
    "use_rslora": adapters.RSLORA,
    "use_dora": adapters.DORA,
    "bnb_4bit_quant_type": only_if(_in_four_bits, "nothing has 4 bits", adapters.TYPE),
    "use_bnb_nested_quant": only_if(_in_four_bits, "nothing has 4 bits", adapters.DOUBLE),
    **each(
        drop("what products are computed in follows from the precision of the run"),
        "bnb_4bit_quant_storage bnb_4bit_compute_dtype",
    ),
}

_RULES: dict[str, Rule] = {
    **TRAINING_ARGUMENTS,
    # model
    "model_name_or_path": convert.base_model(),
    "model_revision": convert.REVISION,
    "trust_remote_code": convert.REMOTE_CODE,
    "tokenizer_name_or_path": to("tokenizer.path"),
    **each(drop("weights are held in float32 beside the precision of training"), "torch_dtype dtype"),
    **each(drop(reasons.ATTENTION), "attn_implementation use_flash_attention_2"),
    "model_init_kwargs": lacks("arguments of the model's loader"),
    "eos_token": lacks("way to change a tokenizer's tokens"),
    "added_tokens": adapters.new_tokens("added_tokens"),
    "pad_token": drop("there is no padding"),
    "chat_template": convert.TEMPLATE,
    "chat_template_path": convert.TEMPLATE,
    "system_prompt": lacks("system message for rows without one", "write it into the rows"),
    # adapters and bits
    "use_peft": adapters.method(_is_lora),
    **adapters.only_under(_is_lora, _LORA_KEYS),
    "load_in_8bit": adapters.bits(8, _is_lora),
    "load_in_4bit": adapters.bits(4, _is_lora),
    # data
    "dataset_name": custom(f"`{_DATA}.train`", _dataset),
    "dataset_mixer": custom(f"`{_DATA}.train`", _mixer),
    "dataset_mixture": inner(
        f"`{_DATA}.train`",
        {
            "datasets": inner(
                f"`{_DATA}.train`",
                {
                    "id": custom(f"`{_DATA}.train`", _mixed),
                    "columns": custom("dropped: " + reasons.COLUMNS, _columns),
                    "weight": custom("the file holds what is trained on", _weight),
                    **each(drop("which part of the dataset the file holds"), "split config revision"),
                },
            ),
            "test_split_size": convert.VALIDATION_SIZE,
            "seed": drop("`training_config.seed` draws the validation data"),
        },
    ),
    "datasets": inner(
        f"`{_DATA}.train`",
        {
            "path": custom(f"`{_DATA}.train`", _mixed_path),
            "columns": custom("dropped: " + reasons.COLUMNS, _columns),
            **each(
                drop("which part of the dataset the file holds"), "name split data_dir data_files revision"
            ),
        },
    ),
    "test_split_size": convert.VALIDATION_SIZE,
    "dataset_test_split": custom(f"`{_DATA}.validation`", _test_split),
    "dataset_splits": custom("the files hold what is trained on and measured", _splits),
    **each(
        drop("which part of the dataset the file holds"),
        "dataset_config dataset_configs dataset_train_split train_split",
    ),
    "dataset_num_proc": to(f"{_DATA}.workers"),
    "preprocessing_num_workers": to(f"{_DATA}.workers"),
    "dataset_text_field": drop(reasons.COLUMNS),
    "dataset_prompt_column": drop(reasons.COLUMNS),
    **each(drop(reasons.CACHE), "dataset_streaming streaming dataset_kwargs dataset_batch_size"),
    "ignore_bias_buffers": drop(reasons.PROCESSES),
    **each(lacks("limit of rows", "put only these into the file"), "max_train_samples max_eval_samples"),
    "shuffle_dataset": drop("always so here: each epoch has an order of its own"),
    "max_length": custom(f"`{_DATA}.seq_length`", _max_length, takes_null=True),
    "max_seq_length": custom(f"`{_DATA}.seq_length`", _max_length, takes_null=True),
    "packing": convert.PACKING,
    "packing_strategy": drop("`data_config.packing` is best_fit for examples and concat for running text"),
    **each(drop(reasons.PACKS), "padding_free pad_to_multiple_of eval_packing num_of_sequences"),
    "truncation_mode": lacks("cut through an answer", "see `data_config.on_long_row`", off=("keep_start",)),
    "assistant_only_loss": custom("always so here: only answers are trained on", _answers_only),
    "completion_only_loss": custom("always so here: only answers are trained on", _answers_only),
    "loss_type": custom("the next token's loss", _loss),
    # training
    "per_device_train_batch_size": convert.batch_size(_packs),
    "activation_offloading": drop(reasons.MEMORY),
    # no counterpart is needed
    **each(drop(reasons.TRACKING), "wandb_entity wandb_project wandb_run_group wandb_log_model"),
    **each(drop("measured by commands of their own"), "benchmarks callbacks"),
    **each(drop(reasons.PROCESSES), "num_processes"),
    **each(drop(reasons.NOISE), "gradient_checkpointing_use_reentrant env"),
    # another job
    **each(
        refuse("training on preferences or rewards", _SFT, off=(None,)),
        "beta max_prompt_length max_completion_length num_generations reward_funcs reward_weights use_vllm",
        "vllm_mode vllm_device vllm_gpu_memory_utilization vllm_server_host vllm_server_port",
        "reward_model_path reward_model_name_or_path sft_model_path ref_model rpo_alpha desirable_weight",
        "undesirable_weight num_ppo_epochs kl_coef cliprange teacher_model_name_or_path lmbda simpo_gamma",
        "cpo_alpha precompute_ref_log_probs scale_rewards num_iterations epsilon epsilon_high",
        "log_completions center_rewards_coefficient max_target_length judge missing_eos_penalty",
    ),
}
TRL = Peer(
    name="trl",
    title="TRL",
    rules=_RULES,
    defaults=(
        Default("", note=reasons.DEVICES),
        Default(f"{_DATA}.packing", "off", convert.NOT_PACKED, when=lambda source: not _packs(source)),
        Default(
            "",
            note="TRL trains on every turn of a conversation unless assistant_only_loss is set; "
            "Brahma trains on the assistant's alone",
            when=lambda source: source.get("assistant_only_loss", "completion_only_loss") is None,
        ),
        Default("", note=reasons.LONG_ROWS),
        Default(f"{_TRAINING}.lr", 2e-5),
        Default(f"{_TRAINING}.epochs", 3.0),
        Default(f"{_TRAINING}.weight_decay", 0.0),
        Default(f"{_TRAINING}.gradient_checkpointing", True),
        Default(f"{_LORA}.r", 16, when=_is_lora),
        Default(f"{_LORA}.alpha", 32.0, when=_is_lora),
        Default(f"{_LORA}.dropout", 0.05, when=_is_lora),
        Default(
            f"{_LORA}.target_modules",
            ["q_proj", "v_proj"],
            "peft's own choice for most models; see its table for yours",
            when=_is_lora,
        ),
        *adapters.four_bit_defaults(_in_four_bits, double=False),
    ),
)
