"""From `lora_config` and `quantization` to a model with an adapter on it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from brahma.core.config import Config
from brahma.core.config.sections import QuantizationSection
from brahma.core.errors import ModelError, ResumeError
from brahma.core.model_files import MODEL_CONFIG
from brahma.core.models.adapters import (
    AdapterRecord,
    StackedAdapter,
    attach,
    check_base,
    continue_from,
    read_record,
    stacked,
)
from brahma.core.models.adapters.reading import read_config, trained_rows
from brahma.core.models.adapters.targets import check_modules, check_rank, target_names
from brahma.core.models.base_config import changed_values, computing_values
from brahma.core.models.weight_files import weights_sha256
from brahma.core.spec import ModelSpec
from brahma.train.stored import AdapterAlone

_log = logging.getLogger(__name__)


def check_base_and_adapters(config: Config, spec: ModelSpec, checkpoint: Path | None) -> None:
    """What is wrong with base and adapters, before data is read or a model is loaded.

    Args:
        checkpoint: that is gone on from; None at a start.

    Raises:
        ModelError: an adapter is of another base or cannot be read, or a name is not
            one of the model's.
        ResumeError: the base is not the one that the run began with.
    """
    base, lora = config.model.base_model, config.lora
    if base is None:
        return
    if lora is None:
        if checkpoint is not None:
            _check_config(base, checkpoint)
        return
    if checkpoint is not None:
        _check_unchanged(checkpoint)
    below: list[StackedAdapter] = []
    for folder in _stored_folders(config):
        read_config(folder)
        record = read_record(folder)
        check_base(record, folder, base)
        _check_below(record, folder, below)
        below.append(stacked(folder))
    if lora.adapter is None:
        with torch.device("meta"):
            build: Any = AutoModelForCausalLM.from_config
            model = build(spec.hf_config(), trust_remote_code=spec.trust_remote_code)
        check_modules(model, lora.modules_to_save or (), "lora_config.modules_to_save")
        check_rank(model, lora.r, target_names(model, lora.target_modules))


def quantized_as_before(config: Config, checkpoint: Path) -> Config:
    """The configuration with the quantizer of the checkpoint: `auto` might choose another one now."""
    if config.quantization is None:
        return config
    settled = read_record(checkpoint).quantization
    if settled is None:
        return config
    return config.model_copy(update={"quantization": QuantizationSection.model_validate(settled)})


def _check_unchanged(checkpoint: Path) -> None:
    try:
        check_base(read_record(checkpoint), checkpoint, training=True)
    except ModelError as error:
        raise ResumeError(
            "the run cannot go on: what its adapter is trained on has changed",
            where=str(checkpoint),
            why=error.why or error.message,
            hint="put the old files back, or start a new run under another run_name",
        ) from error


def _check_config(base: str, checkpoint: Path) -> None:
    """A run of all weights takes them from its checkpoint, and how they are computed with from its base."""
    before, now = computing_values(checkpoint), computing_values(base)
    if before is None or now is None:
        return
    resized = ("vocab_size",)  # where tokens are new
    if changed := changed_values(before, now, training=True, apart=resized):
        raise ResumeError(
            "the run cannot go on: its base model's configuration has changed",
            where=str(checkpoint),
            why=f"in {Path(base) / MODEL_CONFIG}, {'; '.join(changed)}",
            hint="write the old values back, or start a new run under another run_name",
        )


def _check_below(record: AdapterRecord, folder: str, below: Sequence[StackedAdapter]) -> None:
    """An adapter that was trained on top of others needs them below it, in that order."""
    needed = [each.sha256 for each in record.stack]
    if needed != [each.sha256 for each in below][-len(needed) :] and needed:
        names = ", ".join(each.path for each in record.stack)
        raise ModelError(
            "the adapter was trained on top of others, which are not below it",
            where=folder,
            hint=f"name them before it, in lora_config.stack: {names}",
        )


def tokenizer_source(config: Config) -> str | None:
    """Whose tokenizer a base model has: that of an adapter on it, which may have new tokens, or its own."""
    folders = reversed(_stored_folders(config))
    return next((each for each in folders if (Path(each) / "tokenizer.json").is_file()), None)


def _stored_folders(config: Config) -> list[str]:
    """The adapters that are there already, the lowest first: the stack, and the one that is gone on with."""
    lora = config.lora
    return [] if lora is None else [*(lora.stack or ()), *([lora.adapter] if lora.adapter else [])]


def rows_needed(config: Config) -> int:
    """Rows of the embedding that adapters which are there already replace, up to the last."""
    folders = _stored_folders(config)
    rows = [row + 1 for folder in folders for row in trained_rows(read_config(folder))]
    return max([0, *rows, *(read_record(folder).rows or 0 for folder in folders)])


def quantized_base(
    spec: ModelSpec, section: QuantizationSection, dtype: torch.dtype, device: torch.device
) -> tuple[PreTrainedModel, QuantizationSection]:
    """The base model with its linear layers quantized, and the section with what was chosen.

    Raises:
        ConfigError, PluginError: nobody can do this on this device.
        ModelError: the model cannot be loaded, or no layer takes the group size.
    """
    from brahma.core.models.quantization import choose_quantizer, load_quantized

    assert spec.base_model is not None
    chosen = choose_quantizer(section, device.type)
    model, report = load_quantized(
        spec.base_model, chosen, dtype=dtype, device=device, trust_remote_code=spec.trust_remote_code
    )
    sizes = Counter(report.group_sizes.values())
    groups = ", ".join(
        f"{count} in {'whole rows' if size is None else f'groups of {size}'}" for size, count in sizes.items()
    )
    _log.info("quantized by %s: %s layers", chosen.entry.name, groups)
    return model, chosen.section


def put_adapter(
    model: PreTrainedModel,
    config: Config,
    tokenizer: PreTrainedTokenizerBase,
    *,
    quantization: QuantizationSection | None,
    new_rows: Sequence[int],
    resized: bool,
    seed: int,
) -> AdapterAlone:
    """Put the adapter that the configuration describes on a base model, in place.

    Args:
        quantization: how the base was quantized, with what was chosen.
        new_rows: ids of new tokens.
        resized: the embedding was made longer for them.
        seed: of a new adapter.

    Raises:
        ModelError: the adapter to go on from does not fit, or a name that the model does not have.
    """
    lora, base = config.lora, config.model.base_model
    assert lora is not None
    assert base is not None
    record = AdapterRecord(
        base_model=base,
        base_sha256=weights_sha256(base),
        base_config=computing_values(base),
        dtype=str(model.dtype).removeprefix("torch."),
        rows=_rows(model) if resized else None,
        quantization=None if quantization is None else quantization.model_dump(mode="json"),
        stack=tuple(stacked(folder) for folder in lora.stack or ()),
    )
    if lora.adapter is not None:
        _tell_of_other_bits(read_record(lora.adapter), record)
        adapter = continue_from(model, lora.adapter, stack=lora.stack or ())
    else:
        adapter = attach(model, lora, base_model=base, seed=seed, new_rows=new_rows, stack=lora.stack or ())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    _log.info("%s parameters are trained; those of the base model are frozen", f"{trained:,}")
    return AdapterAlone(adapter, record, tokenizer)


def _tell_of_other_bits(before: AdapterRecord, now: AdapterRecord) -> None:
    if before.base_sha256 is not None and before.quantization != now.quantization:
        _log.warning("the adapter was trained on its base quantized otherwise: its loss will begin elsewhere")


def _rows(model: PreTrainedModel) -> int:
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    return int(weight.shape[0])
