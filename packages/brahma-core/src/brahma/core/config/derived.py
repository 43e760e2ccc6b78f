"""What a configuration comes to without saying it, as far as that is known before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from brahma.core.config.checks import TRAINED_IDS
from brahma.core.config.sections import EVAL_STEPS, Config, ModelSection
from brahma.core.config.shape import architecture
from brahma.core.environment import cores
from brahma.core.presets import DEFAULTS, PRESETS


class Derived(NamedTuple):
    """The value of a key that was not given.

    Attributes:
        key: dotted.
        value: None where it is known only when the run starts.
        why: what it follows from.
        is_default: it follows from nothing that was given, nor from this machine.
    """

    key: str
    value: Any
    why: str
    is_default: bool = False


def derived(config: Config) -> dict[str, Derived]:
    """What each key that is absent comes to, by dotted key; a key that was given may be among them."""
    found = [*_model(config), *_vocabulary(config), *_steps(config), *_machine(config), *_rest(config)]
    return {each.key: each for each in found}


def _model(config: Config) -> Iterator[Derived]:
    """The architecture: of the preset, of our defaults, or of a base model."""
    model = config.model
    if model.base_model is not None:
        for key in (*PRESETS["nano"], *DEFAULTS):
            yield Derived(f"model_config.{key}", None, "the base model's own")
        yield Derived("tokenizer", None, "the base model's own")
        return
    preset = PRESETS.get(model.preset or "", {})
    for key, value in architecture(model).items():
        yield Derived(f"model_config.{key}", value, *_source(key, preset, model))


def _source(key: str, preset: Any, model: ModelSection) -> tuple[str, bool]:
    if key in preset:
        return f"preset {model.preset}", False
    if key == "head_dim":
        return "hidden_size / num_attention_heads", False
    return ("num_attention_heads", False) if key == "num_key_value_heads" else ("", True)


def _vocabulary(config: Config) -> Iterator[Derived]:
    """The size and the ids that a new model takes over from its tokenizer."""
    tokenizer = config.tokenizer
    if config.model.base_model is not None or tokenizer is None:
        return
    trained = tokenizer.train
    size = trained.vocab_size if trained else None
    why = "at most tokenizer.train.vocab_size" if trained else "as many as the tokenizer has"
    yield Derived("model_config.vocab_size", size, why)
    for key, value in TRAINED_IDS.items():
        if trained is None:
            yield Derived(f"model_config.{key}", None, "the tokenizer's")
        else:
            yield Derived(f"model_config.{key}", value, "", is_default=True)


def _steps(config: Config) -> Iterator[Derived]:
    """Batches, and what ends the run."""
    training = config.training
    batch, whole = training.batch_size, training.global_batch_size
    if whole is None:
        product = batch * training.gradient_accumulation_steps
        why = "batch_size × accumulation × 1 process"
        yield Derived("training_config.global_batch_size", product, why)
    else:
        why = "global_batch_size / batch_size / 1 process"
        yield Derived("training_config.gradient_accumulation_steps", whole // batch, why)
    if end := next((key for key in ("max_steps", "max_minutes") if getattr(training, key) is not None), None):
        yield Derived("training_config.epochs", None, f"{end} ends the run")
    if training.evaluation_strategy == "steps":
        yield Derived("training_config.eval_steps", EVAL_STEPS, "", is_default=True)


def _machine(config: Config) -> Iterator[Derived]:
    """What is chosen for this machine."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal():
        yield Derived("training_config.threads", int(asked), "OMP_NUM_THREADS")
    else:
        yield Derived("training_config.threads", None, "a core each, as torch counts them")
    yield Derived("data_config.workers", cores(), "one for each core of this machine")
    if config.training.fp16 is None and config.training.bf16 is None:
        for key in ("fp16", "bf16"):
            yield Derived(f"training_config.{key}", None, "measured when the run starts")


def _rest(config: Config) -> Iterator[Derived]:
    if config.model.base_model is None:
        yield Derived("training_config.init_seed", config.training.seed, "seed")
    yield Derived("output_dir", config.output_dir, "the working directory")
    yield Derived("run_name", None, "the file's stem and a counter")
    if config.data.format != "auto":
        packing = "concat" if config.data.format in ("text", "jsonl") else "best_fit"
        yield Derived("data_config.packing", packing, f"format {config.data.format}")
