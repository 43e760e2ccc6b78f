"""From a configuration to the parts of a run: tokenizer, data, model."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from brahma.core.config import Config, TokenizerSection
from brahma.core.errors import ConfigError, DataError, ModelError
from brahma.core.models import build_model, check_packable, load_model
from brahma.core.runs import RunDirectory, write_json
from brahma.core.spec import ModelSpec
from brahma.data.cache import DamagedDataError
from brahma.data.encode import choose_template
from brahma.data.prepare import PreparedData, prepare
from brahma.data.tokenizer import (
    check_tokenizer_fits,
    load_tokenizer,
    sample_texts,
    save_tokenizer,
    train_tokenizer,
)
from brahma.train.freezing import apply_freezing
from brahma.train.sources import Sources

_log = logging.getLogger(__name__)


def open_tokenizer(config: Config, sources: Sources, directory: RunDirectory) -> PreTrainedTokenizerBase:
    """The tokenizer that the configuration names; one that is trained is kept in the run's folder.

    It carries the template that conversations are trained with, so that this goes with the model.

    Raises:
        ConfigError: nothing says which one.
        TokenizerError: it cannot be loaded or trained.
    """
    tokenizer = _named_tokenizer(config, sources, directory)
    rows = sources.rows
    if rows.format == "chat" and (rows.template is not None or tokenizer.chat_template is None):
        template = choose_template(tokenizer, rows.template)
        tokenizer.chat_template = None if template is None else template.source
    return tokenizer


def _named_tokenizer(config: Config, sources: Sources, directory: RunDirectory) -> PreTrainedTokenizerBase:
    section = config.tokenizer or TokenizerSection()
    if section.path is not None:
        return load_tokenizer(section.path)
    if section.train is None:
        if sources.spec.base_model is None:
            raise ConfigError(
                "no tokenizer is named",
                where="tokenizer",
                hint='give a path, or {"train": {"vocab_size": 8192}}',
            )
        return load_tokenizer(sources.spec.base_model)
    trained = directory.root / "tokenizer"
    if not trained.is_dir():
        texts = sample_texts(sources.rows, section.train.max_bytes)
        made = train_tokenizer(texts, section.train.vocab_size, section.train.min_frequency)
        save_tokenizer(made, trained)
    return load_tokenizer(trained)


def open_data(
    config: Config,
    sources: Sources,
    tokenizer: PreTrainedTokenizerBase,
    directory: RunDirectory,
) -> PreparedData:
    """The run's packs: those it was started with, or new ones, which are pinned for the next time.

    Raises:
        DataError: a source has changed since the run began, or is gone; it is named.
    """
    pinned = directory.root / "data.json"
    saved = json.loads(pinned.read_text()) if pinned.exists() else None
    if saved is not None:
        try:
            return PreparedData.open(saved)
        except DamagedDataError as error:
            _log.warning("%s; preparing the data again", error)
    data = prepare(
        sources.rows,
        tokenizer=tokenizer,
        seq_length=config.data.seq_length,
        packing=config.data.packing,
        on_long_row=config.data.on_long_row,
        directory=directory.output_dir / "data" / ".cache",
        workers=config.data.workers,
        validation=sources.validation,
        seed=config.training.seed,
    )
    if saved is not None and data.fingerprint != saved["fingerprint"]:
        raise DataError(
            "the data is not what this run began with",
            where=str(pinned),
            hint="put the old files back, or start a new run under another run_name",
        )
    write_json(pinned, data.to_dict())
    write_json(directory.ledger, {"format": sources.rows.format, **data.ledger.to_dict()})
    return data


def open_model(
    spec: ModelSpec, config: Config, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype
) -> PreTrainedModel:
    """The model to train: new weights, or the base model's; it fits the tokenizer and the packs.

    Raises:
        ModelError, TokenizerError: it does not.
    """
    training = config.training
    if spec.base_model is None:
        size = max(tokenizer.get_vocab().values()) + 1
        ids = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
        seed = training.seed if training.init_seed is None else training.init_seed
        model = build_model(spec.with_tokenizer(size, *ids), seed=seed, dtype=dtype)
    else:
        model = load_model(spec.base_model, dtype=dtype, trust_remote_code=spec.trust_remote_code)
    check_tokenizer_fits(tokenizer, _rows_of(model.get_input_embeddings()))
    _check_length(model, config.data.seq_length)
    _adopt_ids(model, tokenizer)
    check_packable(model, longest=config.data.seq_length)
    if training.gradient_checkpointing:
        model.activation_checkpointing_enable()
    apply_freezing(model, training)
    model.train()
    return model


def _rows_of(embedding: torch.nn.Module) -> int:
    assert isinstance(embedding.weight, torch.Tensor)
    return embedding.weight.shape[0]


def _check_length(model: PreTrainedModel, seq_length: int) -> None:
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest is not None and seq_length > longest:
        raise ModelError(
            f"seq_length {seq_length} is more than the model's {longest} positions",
            where="data_config.seq_length",
            hint=f"set seq_length to {longest} or less, or raise max_position_embeddings of a new model",
        )


def _adopt_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """The tokenizer's ids win: they are written into the configurations of the model and its generation."""
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        value = getattr(tokenizer, name)
        if value is not None:
            setattr(model.config, name, value)
            if model.generation_config is not None:
                setattr(model.generation_config, name, value)


def write_configs(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Configuration, generation configuration and tokenizer, as any tool expects them beside the weights."""
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    if model.generation_config is not None:
        # Not save_pretrained: it refuses what published models have, such as a temperature for greedy search.
        model.generation_config.to_json_file(folder / "generation_config.json")
    tokenizer.save_pretrained(folder)
