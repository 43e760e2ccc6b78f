"""What other trainers and papers call our keys: understood in a hint, not accepted as a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from brahma.core.config.formats import KeyPath

_TOP: KeyPath = ()

_NAMES: Mapping[KeyPath, Mapping[str, str]] = {
    _TOP: {
        "model_config": "architecture arch network model models model_args",
        "data_config": "data dataset datasets dataset_config data_args dataset_mixer corpus",
        "training_config": "trainer training train_config training_args training_arguments train_args "
        "hparams hyperparameters optimization",
        "lora_config": "lora qlora peft peft_config adapter adapters lora_args",
        "quantization": "quant quantization_config quantize bnb_config bitsandbytes",
        "evaluation": "eval eval_config evaluation_config evaluator eval_args",
        "tokenizer": "tokeniser tokenizer_config tokenizer_path tokenizer_name",
        "output_dir": "output out_dir out save_dir output_path output_folder checkpoint_dir ckpt_dir "
        "work_dir workdir",
        "run_name": "name experiment_name exp_name experiment project_name job_name run run_id",
        "deepspeed_config": "deepspeed ds_config zero_config",
        "gradient_checkpointing": "activation_checkpointing grad_checkpointing grad_checkpoint recompute",
        "bf16": "bfloat16 use_bf16",
        "fp16": "float16 half use_fp16",
    },
    ("tokenizer",): {
        "new_tokens": "added_tokens special_tokens additional_special_tokens add_tokens add_special_tokens",
        "path": "name file folder model tokenizer_path name_or_path",
        "train": "training",
    },
    ("tokenizer", "train"): {
        "vocab_size": "vocab n_vocab size vocabulary_size num_merges",
        "min_frequency": "min_freq min_count",
        "max_bytes": "max_size bytes limit",
    },
    ("data_config",): {
        "train": "train_file train_files train_data train_path training_data training train_dataset path "
        "paths file files data dataset data_path data_files data_dir source sources input inputs",
        "validation": "val valid eval dev validation_data validation_split validation_file validation_path "
        "val_data val_file val_size val_set_size val_split test_size eval_data eval_file eval_dataset "
        "test validation_size validation_fraction holdout",
        "format": "type data_format file_format dataset_type data_type",
        "seq_length": "seq_len sequence_len sequence_length max_len max_seq_len context_length context_size "
        "block_size cutoff_len window chunk_size model_max_length max_tokens n_ctx ctx_len",
        "packing": "pack sample_packing packed pack_sequences",
        "text_document": "document document_boundary document_separator",
        "on_bad_row": "bad_rows bad_row skip_bad_rows invalid_rows",
        "on_long_row": "long_rows long_row truncation truncate overflow",
        "template": "chat_template prompt_template jinja_template",
        "workers": "num_proc num_workers n_workers preprocessing_num_workers dataset_num_proc processes "
        "dataset_processes",
    },
    ("training_config",): {
        "lr": "max_lr peak_lr base_lr learn_rate",
        "batch_size": "batch bs micro_batch_size micro_batch train_batch_size per_device_batch_size "
        "device_batch_size train_micro_batch_size_per_gpu batch_size_per_device mini_batch_size",
        "gradient_accumulation_steps": "grad_accum grad_accum_steps grad_accumulation_steps accum_steps "
        "accumulate_grad_batches grad_acc_steps grad_acc gas",
        "global_batch_size": "total_batch_size effective_batch_size full_batch_size train_global_batch_size",
        "epochs": "num_epochs n_epochs max_epochs nb_epochs total_epochs train_epochs passes",
        "max_steps": "total_steps train_steps num_steps max_iters n_steps num_train_steps max_train_steps "
        "training_steps num_iterations iterations train_iters max_iterations",
        "max_minutes": "max_time minutes time_limit max_hours max_duration duration",
        "warmup_steps": "warmup warmup_iters num_warmup_steps lr_warmup_steps warm_up_steps "
        "warmup_iterations",
        "schedule": "lr_scheduler scheduler lr_schedule lr_decay lr_decay_style",
        "optimizer": "opt optimiser optim_type optimizer_name optimizer_type",
        "weight_decay": "wd decay_rate l2",
        "adam_beta1": "beta1 beta_1 betas",
        "adam_beta2": "beta2 beta_2",
        "adam_epsilon": "eps epsilon adam_eps optimizer_eps",
        "max_grad_norm": "grad_clip gradient_clip gradient_clipping clip_grad clip_grad_norm "
        "gradient_clip_val grad_norm_clip clip max_norm grad_norm",
        "logging_steps": "log_steps log_every log_interval log_every_n_steps logging_interval log_freq "
        "log_every_steps print_every",
        "save_steps": "save_every save_interval checkpoint_steps checkpoint_interval checkpoint_every "
        "save_freq ckpt_interval save_every_n_steps",
        "save_total_limit": "keep_checkpoints keep_last max_checkpoints save_limit num_checkpoints keep "
        "keep_last_n_checkpoints max_to_keep save_top_k",
        "async_save": "async_checkpoint async_checkpointing",
        "evaluation_strategy": "eval_mode do_eval",
        "eval_steps": "eval_every eval_interval evaluation_steps val_every val_interval eval_freq "
        "evaluation_interval val_check_interval",
        "gradient_checkpointing": "activation_checkpointing grad_checkpointing use_gradient_checkpointing "
        "enable_activation_checkpointing grad_checkpoint recompute remat",
        "fp16": "float16 half use_fp16",
        "bf16": "bfloat16 use_bf16 pure_bf16",
        "compile": "use_compile compile_model torchcompile jit",
        "backend": "distributed_backend strategy parallelism ddp fsdp accelerator",
        "deepspeed_config": "deepspeed ds_config zero_config",
        "seed": "random_seed rng_seed manual_seed",
        "init_seed": "model_seed weight_seed",
        "threads": "num_threads n_threads cpu_threads omp_num_threads torch_threads",
        "parameter_groups": "param_groups optimizer_grouped_parameters lr_groups lr_multipliers",
        "freeze": "frozen frozen_parameters freeze_layers frozen_modules",
        "train_only": "unfrozen_parameters trainable_parameters trainable trainable_modules unfreeze",
        "trackers": "loggers logger tracker wandb log_with tracking callbacks",
    },
    ("model_config",): {
        "preset": "size model_size variant",
        "base_model": "base model pretrained pretrained_model model_name model_path model_id checkpoint "
        "pretrained_model_name_or_path from_pretrained name path",
        "model_type": "type arch architecture family",
        "vocab_size": "vocab n_vocab num_vocab vocabulary_size vocabulary num_tokens num_embeddings",
        "hidden_size": "hidden hidden_dim dim d_model n_embd n_embed embed_dim embedding_dim embedding_size "
        "model_dim emb_dim width hidden_dimension dim_model",
        "intermediate_size": "intermediate_dim ffn_dim d_ff d_inner n_inner ffn_hidden_size ff_dim mlp_dim "
        "feed_forward_size feedforward_dim ffn_size mlp_hidden_size hidden_dim_ffn intermediate",
        "num_hidden_layers": "n_layers n_layer num_layers layers depth n_blocks num_blocks hidden_layers",
        "num_attention_heads": "n_heads n_head num_heads heads attention_heads attn_heads",
        "num_key_value_heads": "n_kv_heads n_kv_head num_kv_heads kv_heads key_value_heads n_query_groups "
        "num_query_groups",
        "head_dim": "head_size d_head dim_head kv_channels head_dimension",
        "hidden_act": "activation act act_fn activation_function hidden_activation nonlinearity",
        "max_position_embeddings": "context_length max_positions n_positions n_ctx max_context "
        "context_window block_size position_embeddings max_seq_len max_seq_length context_size max_length",
        "initializer_range": "init_std initializer_std init_range init_scale",
        "rms_norm_eps": "norm_eps layer_norm_eps layer_norm_epsilon eps norm_epsilon",
        "rope_theta": "rope_base rotary_base rope_freq_base theta rotary_emb_base",
        "rope_scaling": "rope_parameters rope_scale",
        "tie_word_embeddings": "tie_embeddings tied_embeddings weight_tying tie_weights tie_embed "
        "share_embeddings",
        "attention_dropout": "attn_dropout attn_pdrop",
        "attention_bias": "attn_bias qkv_bias",
        "mlp_bias": "ffn_bias",
        "pad_token_id": "pad_id pad_token padding_idx",
        "bos_token_id": "bos_id bos_token",
        "eos_token_id": "eos_id eos_token",
        "use_cache": "kv_cache",
        "trust_remote_code": "allow_remote_code remote_code",
    },
    ("lora_config",): {
        "r": "rank lora_rank lora_r lora_dim",
        "alpha": "scaling scale",
        "dropout": "drop",
        "rslora": "rs_lora rank_stabilized peft_use_rslora",
        "dora": "do_ra peft_use_dora",
        "lr_ratio": "loraplus lora_plus lora_plus_ratio loraplus_ratio",
        "modules_to_save": "lora_modules_to_save additional_target save_modules trained_modules",
        "adapter": "adapter_name_or_path lora_model_dir adapter_path resume_adapter continue_from",
        "stack": "adapters frozen_adapters",
        "target_modules": "lora_target lora_target_modules modules target_layers targets layers lora_modules",
        "bias": "lora_bias train_bias",
    },
    ("quantization",): {
        "bits": "nbits bit num_bits n_bits quantization_bit",
        "group_size": "groupsize block_size q_group_size blocksize bnb_4bit_blocksize",
        "type": "quant_type quantization_type qtype format",
        "double_quantization": "double_quant nested_quant use_bnb_nested_quant use_double_quant",
        "compute_type": "compute_dtype bnb_compute_dtype",
        "quantizer": "method quantization_method quant_method library",
        "skip_modules": "llm_int8_skip_modules modules_to_not_convert exclude_modules ignore",
    },
    ("evaluation",): {
        "max_packs": "max_batches max_samples limit eval_iters max_steps eval_batches",
        "metric": "best_metric monitor metric_name",
        "higher_is_better": "maximize greater_better",
        "tasks": "task benchmarks benchmark eval_tasks lm_eval_tasks",
        "task_limit": "tasks_limit task_samples examples num_examples",
        "task_every": "tasks_every",
        "num_fewshot": "fewshot few_shot n_shot num_shots shots",
        "data_dir": "task_data tasks_dir data_folder task_data_dir",
        "patience": "early_stopping early_stop early_stopping_rounds stop_after",
        "min_delta": "threshold tolerance early_stopping_delta early_stopping_min_delta",
    },
}


def foreign_names() -> Iterator[tuple[KeyPath, KeyPath]]:
    """A name in the section where it would be written, and the key there that it means."""
    for section, keys in _NAMES.items():
        for key, names in keys.items():
            yield from (((*section, name), (*section, key)) for name in names.split())
