"""From a configuration to the parts of a run: tokenizer, data, model."""

from __future__ import annotations

import json
import logging

import torch
from transformers import AddedToken, PreTrainedModel, PreTrainedTokenizerBase

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
from brahma.train import adapting
from brahma.train.freezing import apply_freezing
from brahma.train.sources import Sources
from brahma.train.stored import Stored, WholeModel

_log = logging.getLogger(__name__)


def open_tokenizer(config: Config, sources: Sources, directory: RunDirectory) -> PreTrainedTokenizerBase:
    """The tokenizer that the configuration names; one that is trained is kept in the run's folder.

    It carries the template that conversations are trained with, so that this goes with the model.

    Raises:
        ConfigError: nothing says which one.
        TokenizerError: it cannot be loaded or trained.
    """
    tokenizer = _named_tokenizer(config, sources, directory)
    _add_tokens(tokenizer, (config.tokenizer and config.tokenizer.new_tokens) or [])
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
        return load_tokenizer(adapting.tokenizer_source(config) or sources.spec.base_model)
    trained = directory.root / "tokenizer"
    if not trained.is_dir():
        texts = sample_texts(sources.rows, section.train.max_bytes)
        made = train_tokenizer(texts, section.train.vocab_size, section.train.min_frequency)
        save_tokenizer(made, trained)
    return load_tokenizer(trained)


def _add_tokens(tokenizer: PreTrainedTokenizerBase, names: list[str]) -> None:
    """Special tokens: they are one id each wherever they stand, and are never built of others.

    Raises:
        ConfigError: the tokenizer has one of them already.
    """
    known = tokenizer.get_vocab()
    for name in names:
        if name in known:
            raise ConfigError(
                f"the tokenizer has {name!r} already, as id {known[name]}",
                where="tokenizer.new_tokens",
                hint="remove it from new_tokens",
            )
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in names])


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
    spec: ModelSpec,
    config: Config,
    tokenizer: PreTrainedTokenizerBase,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[PreTrainedModel, Stored]:
    """The model to train, new or a base model's, with an adapter or without; and what checkpoints keep.

    It fits the tokenizer and the packs, and is on the device.

    Raises:
        ModelError, TokenizerError: it does not fit.
        ConfigError, PluginError: nobody can quantize it so on this device.
    """
    training, quantization = config.training, config.quantization
    if spec.base_model is None:
        size = max(tokenizer.get_vocab().values()) + 1
        ids = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
        model = build_model(spec.with_tokenizer(size, *ids), seed=_init_seed(config), dtype=dtype)
    elif quantization is not None:
        model, quantization = adapting.quantized_base(spec, quantization, dtype, device)
    else:
        model = load_model(spec.base_model, dtype=dtype, trust_remote_code=spec.trust_remote_code)
    new_rows = _new_rows(config, tokenizer)
    resized = _make_room(model, new_rows, adapting.rows_needed(config), _init_seed(config))
    check_tokenizer_fits(tokenizer, _rows_of(model.get_input_embeddings()))
    _check_length(model, config.data.seq_length)
    _adopt_ids(model, tokenizer)
    check_packable(model, longest=config.data.seq_length)
    stored: Stored = WholeModel(model, tokenizer)
    if config.lora is not None:
        stored = adapting.put_adapter(
            model,
            config,
            tokenizer,
            quantization=quantization,
            new_rows=new_rows,
            resized=resized,
            seed=_init_seed(config),
        )
    else:
        apply_freezing(model, training)
    if training.gradient_checkpointing:
        model.activation_checkpointing_enable()
    model.train()
    torch.nn.Module.to(model, device)
    return model, stored


def _init_seed(config: Config) -> int:
    training = config.training
    return training.seed if training.init_seed is None else training.init_seed


def _new_rows(config: Config, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokens that the configuration adds."""
    names = (config.tokenizer and config.tokenizer.new_tokens) or []
    return [int(tokenizer.convert_tokens_to_ids(name)) for name in names]  # type: ignore[arg-type]


def _make_room(model: PreTrainedModel, new_rows: list[int], needed: int, seed: int) -> bool:
    """Lengthen embedding and head where new tokens need it: new rows start near the others' mean.

    Args:
        needed: rows that adapters need which are there already.
    """
    needed = max([needed, *(row + 1 for row in new_rows)])
    if needed <= _rows_of(model.get_input_embeddings()):
        return False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.resize_token_embeddings(needed)
    return True


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
    """The tokenizer's ids win: they are written into the configurations of the model and its generation.

    Several ends of text stay where the tokenizer's is one of them: the others end the turns of a chat.
    """
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        value = getattr(tokenizer, name)
        for config in (model.config, model.generation_config):
            if config is None or value is None:
                continue
            own = getattr(config, name, None)
            if not (isinstance(own, list) and value in own):
                setattr(config, name, value)
