"""From `lora_config` and `quantization` to a model with an adapter on it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from brahma.core.config import Config
from brahma.core.config.sections import QuantizationSection
from brahma.core.errors import ModelError
from brahma.core.models.adapters import (
    AdapterRecord,
    StackedAdapter,
    attach,
    check_base,
    continue_from,
    is_adapter,
    read_record,
)
from brahma.core.models.weight_files import weights_sha256
from brahma.core.spec import ModelSpec
from brahma.train.stored import AdapterAlone

_log = logging.getLogger(__name__)


def refuse_adapter(base_model: str) -> None:
    """A base model is a whole model.

    Raises:
        ModelError: it is an adapter; its own base is named.
    """
    if is_adapter(base_model):
        raise ModelError(
            "the base model is an adapter",
            where=f"model_config.base_model: {base_model}",
            hint=f'train it on with "base_model": "{read_record(base_model).base_model}" and, in '
            f'lora_config, "adapter": "{base_model}"; or make a whole model of it: brahma merge {base_model}',
        )


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
    _log.info("%s", report)
    return model, chosen.section


def put_adapter(
    model: PreTrainedModel,
    config: Config,
    tokenizer: PreTrainedTokenizerBase,
    *,
    quantization: QuantizationSection | None,
    new_rows: Sequence[int],
    resized: bool,
) -> AdapterAlone:
    """Put the adapter that the configuration describes on a base model, in place.

    Args:
        quantization: how the base was quantized, with what was chosen.
        new_rows: ids of new tokens.
        resized: the embedding was made longer for them.

    Raises:
        ModelError: the adapter to go on from is of another base, or a name that the model does not have.
    """
    lora, base = config.lora, config.model.base_model
    assert lora is not None
    assert base is not None
    record = AdapterRecord(
        base_model=base,
        base_sha256=weights_sha256(base),
        dtype=str(model.dtype).removeprefix("torch."),
        rows=_rows(model) if resized else None,
        quantization=None if quantization is None else quantization.model_dump(mode="json"),
        stack=tuple(StackedAdapter(folder, weights_sha256(folder)) for folder in lora.stack or ()),
    )
    for folder in [*(lora.stack or ()), *([lora.adapter] if lora.adapter else [])]:
        check_base(read_record(folder), folder, base)
    if lora.adapter is not None:
        adapter = continue_from(model, lora.adapter, stack=lora.stack or ())
    else:
        training = config.training
        seed = training.seed if training.init_seed is None else training.init_seed
        adapter = attach(model, lora, base_model=base, seed=seed, new_rows=new_rows, stack=lora.stack or ())
    return AdapterAlone(adapter, record, tokenizer)


def _rows(model: PreTrainedModel) -> int:
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    return int(weight.shape[0])
