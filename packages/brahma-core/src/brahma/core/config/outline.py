"""What a configuration comes to, in a few lines for people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from brahma.core.config.sections import Config, LoraSection, TrainingSection
from brahma.core.entries import OptimizerEntry
from brahma.core.plugins import get_plugins
from brahma.core.sizes import size
from brahma.core.spec import ModelSpec, human_count

_WEIGHT_AND_GRADIENT = 8.0
"""Bytes of a parameter in float32; bf16 takes more, with its float32 masters."""
_UNKNOWN_STATE = 8.0
"""What an optimizer keeps of a parameter whose entry is not there: as much as AdamW."""


def outline(config: Config) -> Iterator[tuple[str, str]]:
    """Labels and texts: the model, its memory, tokenizer, the data, a step, the run. Nothing is loaded."""
    spec = _new_model(config)
    yield "model", _base_model(config) if spec is None else _model(spec)
    if spec is not None:
        yield "memory", _memory(spec, config.training.optimizer.name)
    yield "tokenizer", _tokenizer(config)
    yield "data", _data(config)
    yield "step", _step(config)
    yield "run", _run(config.training)


def _new_model(config: Config) -> ModelSpec | None:
    """What is going to be built; None where a base model goes on learning."""
    if config.model.base_model is not None:
        return None
    spec = ModelSpec.from_section(config.model)
    if config.tokenizer is not None and config.tokenizer.train is not None:
        spec = spec.with_tokenizer(config.tokenizer.train.vocab_size, 0, 1, 2)
    return spec


def _base_model(config: Config) -> str:
    base = _short(config.model.base_model or "")
    if config.lora is not None:
        bits = f" in {config.quantization.bits} bits" if config.quantization is not None else ""
        return f"{_adapters(config.lora)} on {base}{bits}"
    partly = config.training.freeze or config.training.train_only
    return f"{'some' if partly else 'all'} weights of {base}"


def _adapters(lora: LoraSection) -> str:
    if lora.adapter is not None:
        return f"the adapter {_short(lora.adapter)}"
    return f"{'DoRA' if lora.dora else 'LoRA'} adapters of rank {lora.r}"


def _model(spec: ModelSpec) -> str:
    shape = spec.architecture
    assert shape is not None
    return (
        f"new, {spec.name}: {shape.num_hidden_layers} layers, hidden {shape.hidden_size}, "
        f"{human_count(spec.num_parameters)} parameters at a vocabulary of {shape.vocab_size:,}"
    )


def _memory(spec: ModelSpec, optimizer: str) -> str:
    entry = get_plugins().entries("optimizer").get(optimizer)
    state = entry.state_bytes if isinstance(entry, OptimizerEntry) else _UNKNOWN_STATE
    least = size((_WEIGHT_AND_GRADIENT + state) * spec.num_parameters)
    return f"{least} of weights and optimizer; activations and torch come on top"


def _tokenizer(config: Config) -> str:
    tokenizer = config.tokenizer
    if tokenizer is None:
        return "the base model's own"
    if tokenizer.train is not None:
        return f"trained on the data: {tokenizer.train.vocab_size:,} ids"
    return _short(tokenizer.path or "")


def _data(config: Config) -> str:
    data = config.data
    trained = ", ".join(map(_short, [data.train] if isinstance(data.train, str) else data.train))
    match data.validation:
        case None:
            return f"{trained}; no validation data"
        case float(fraction):
            return f"{trained}; {100 * fraction:.3g} % of it held out"
        case str(path):
            return f"{trained}; scored on {_short(path)}"
        case paths:
            return f"{trained}; scored on {', '.join(map(_short, paths))}"


def _step(config: Config) -> str:
    training, length = config.training, config.data.seq_length
    packs = training.global_batch_size or training.batch_size * training.gradient_accumulation_steps
    where = "over all processes" if training.global_batch_size else "on each process"
    noun = "pack" if packs == 1 else "packs"
    return f"{packs:,} {noun} of {length:,} tokens {where}: up to {packs * length:,} tokens"


def _run(training: TrainingSection) -> str:
    schedule = training.schedule.name
    if training.warmup_steps:
        noun = "step" if training.warmup_steps == 1 else "steps"
        schedule += f" after {training.warmup_steps:,} {noun} of warm-up"
    return f"{_length(training)}; {training.optimizer.name}, lr {training.lr:g}, {schedule}"


def _length(training: TrainingSection) -> str:
    for count, noun in ((training.max_steps, "step"), (training.max_minutes, "minute")):
        if count is not None:
            return f"{count:,g} {noun}{'' if count == 1 else 's'}"
    return f"{training.epochs:g} epoch{'' if training.epochs == 1 else 's'}"


def _short(path: str) -> str:
    """A path as one would type it here."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path
