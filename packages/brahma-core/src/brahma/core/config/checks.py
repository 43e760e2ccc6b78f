"""Cross-field nonsense, refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from brahma.core.config.absent import refuse_absent_features
from brahma.core.config.adapter_checks import adapter_mistakes
from brahma.core.config.evaluation_checks import evaluation_mistakes
from brahma.core.config.problems import Mistake
from brahma.core.config.search_checks import search_mistakes
from brahma.core.config.sections import Config, TrainingSection
from brahma.core.config.shape import architecture, explicit, model_mistakes
from brahma.core.presets import PRESETS

TRAINED_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
"""Ids of the special tokens of every tokenizer that we train."""


def check_config(config: Config) -> Iterator[Mistake]:
    """What in a valid configuration makes no sense together, or does not exist in this version."""
    yield from model_mistakes(config.model)
    yield from _tokenizer(config)
    yield from _data(config)
    yield from _lengths(config)
    yield from _precision(config.training)
    yield from _length_of_the_run(config.training)
    yield from _batches(config.training)
    yield from evaluation_mistakes(config)
    yield from _trackers(config.training)
    yield from adapter_mistakes(config)
    yield from search_mistakes(config)
    yield from refuse_absent_features(config)


def _tokenizer(config: Config) -> Iterator[Mistake]:
    tokenizer, base = config.tokenizer, config.model.base_model
    if tokenizer is None:
        if base is None:
            hint = 'give a path, or "tokenizer": {"train": {"vocab_size": 8192}}'
            yield Mistake(
                ("tokenizer", "model_config.base_model"), "is missing: a new model has none of its own", hint
            )
        return
    if tokenizer.path is not None and tokenizer.train is not None:
        yield Mistake(("tokenizer",), "has both path and train", "remove one of the two")
    elif tokenizer.path is None and tokenizer.train is None and tokenizer.new_tokens is None:
        yield Mistake(("tokenizer",), "has neither path nor train", 'give "path", or "train": {}')
    if tokenizer.train is None:
        return
    if base is not None:
        text = "the base model's embeddings belong to its own tokenizer"
        yield Mistake(("tokenizer.train", "model_config.base_model"), text, 'remove "tokenizer"')
    yield from _trained_ids(config, tokenizer.train.vocab_size)


def _trained_ids(config: Config, vocab_size: int) -> Iterator[Mistake]:
    """Explicit sizes and ids of the model against the tokenizer that will be trained."""
    given = explicit(config.model)
    if given.get("vocab_size", vocab_size) < vocab_size:
        text = f"{given['vocab_size']} is less than the tokenizer's {vocab_size} (tokenizer.train.vocab_size)"
        yield Mistake(
            ("model_config.vocab_size", "tokenizer.train"), text, "remove it: it follows from the tokenizer"
        )
    for key, trained in TRAINED_IDS.items():
        if given.get(key, trained) != trained:
            text = f"{given[key]}, but a trained tokenizer has {trained}"
            yield Mistake(
                (f"model_config.{key}", "tokenizer.train"), text, "remove it: the tokenizer's ids are used"
            )


def _data(config: Config) -> Iterator[Mistake]:
    data = config.data
    running_text = data.format in ("text", "jsonl")
    if running_text and data.on_long_row != "error":
        text = "is for chat and completion rows; running text is split, and nothing of it is lost"
        yield Mistake(("data_config.on_long_row", "data_config.format"), text, "remove it")
    if running_text and data.template is not None:
        text = f'format "{data.format}" has no turns to render'
        yield Mistake(("data_config.template", "data_config.format"), text, "remove it")
    if data.format not in ("auto", "text") and data.text_document != "file":
        text = f'is for .txt files, and format is "{data.format}"'
        yield Mistake(("data_config.text_document", "data_config.format"), text, "remove it")


def _lengths(config: Config) -> Iterator[Mistake]:
    model, length = config.model, config.data.seq_length
    if model.base_model is not None or (model.preset is not None and model.preset not in PRESETS):
        return
    positions = architecture(model)["max_position_embeddings"]
    if length > positions:
        text = f"{length} is more than the model's max_position_embeddings, {positions}"
        hint = f'at most {positions}, or "max_position_embeddings": {length} in model_config'
        yield Mistake(("data_config.seq_length", "model_config.max_position_embeddings"), text, hint)


def _precision(training: TrainingSection) -> Iterator[Mistake]:
    if training.fp16 and training.bf16:
        text = "fp16 and bf16 are both true"
        yield Mistake(
            ("training_config.fp16", "training_config.bf16"),
            text,
            "keep one; with neither, the fastest is chosen",
        )


def _length_of_the_run(training: TrainingSection) -> Iterator[Mistake]:
    steps = training.max_steps
    if steps is not None and training.max_minutes is not None:
        keys = ("training_config.max_minutes", "training_config.max_steps")
        yield Mistake(keys, "stands beside max_steps: a run has one end", "remove one of the two")
    if steps is not None and training.warmup_steps and training.warmup_steps >= steps:
        text = f"{training.warmup_steps} is not below max_steps, {steps}: the whole run would be warm-up"
        keys = ("training_config.warmup_steps", "training_config.max_steps")
        yield Mistake(keys, text, f"a tenth of the steps is plenty: {steps // 10}")


def _batches(training: TrainingSection) -> Iterator[Mistake]:
    """Whether the processes divide the global batch is known at launch only."""
    size, accumulation = training.global_batch_size, training.gradient_accumulation_steps
    if size is None:
        return
    if accumulation != 1:
        text = f"{accumulation} stands beside global_batch_size, from which the accumulation follows"
        keys = ("training_config.gradient_accumulation_steps", "training_config.global_batch_size")
        yield Mistake(keys, text, "remove one of the two")
    elif size % training.batch_size:
        text = f"{size} is not a multiple of batch_size, {training.batch_size}"
        keys = ("training_config.global_batch_size", "training_config.batch_size")
        yield Mistake(keys, text, f"a multiple of {training.batch_size}")


def _trackers(training: TrainingSection) -> Iterator[Mistake]:
    names = [tracker.name for tracker in training.trackers]
    if double := next((name for name in names if names.count(name) > 1), None):
        yield Mistake(("training_config.trackers",), f'"{double}" stands twice', "remove one of the two")
