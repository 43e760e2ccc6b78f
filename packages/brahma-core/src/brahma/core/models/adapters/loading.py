"""A stored adapter loaded on its base, ready to score or to generate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from brahma.core.config.sections import QuantizationSection
from brahma.core.errors import ModelError
from brahma.core.model_files import ADAPTER_CONFIG, ADAPTER_RECORD, MODEL_CONFIG
from brahma.core.models.adapters.attaching import Adapter, continue_from
from brahma.core.models.adapters.reading import read_config, trained_rows
from brahma.core.models.adapters.record import AdapterRecord, StackedAdapter, read_record, scaling
from brahma.core.models.base_config import changed_values, computing_values
from brahma.core.models.weight_files import weights_sha256


def load_adapted(
    folder: str | Path,
    *,
    base_model: str | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    trust_remote_code: bool = False,
    attention: str,
) -> Adapter:
    """The base that an adapter names, quantized as it was, with the adapter and those below it.

    Args:
        base_model: where the base is now, in place of the one that the record names.
        dtype: of both; None: what the adapter was trained in.

    Raises:
        ModelError: the base is gone or another one than the adapter was trained on, or a file is damaged.
    """
    config = read_config(folder)  # what is no LoRA is told before the base is read
    record = read_record(folder)
    check_base(record, folder, base_model)
    record = replace(record, base_model=base_model or record.base_model)
    dtype = dtype or (getattr(torch, record.dtype) if record.dtype else None)
    model = _load_base(record, dtype, device, trust_remote_code, attention)
    needed = max(record.rows or 0, *(row + 1 for row in trained_rows(config)), 0)
    embedding: Any = model.get_input_embeddings()
    if needed > embedding.weight.shape[0]:
        model.resize_token_embeddings(needed, mean_resizing=False)
    adapter = continue_from(model, folder, stack=[each.path for each in record.stack])
    model.requires_grad_(False)
    model.train(False)  # the adapters' dropout too
    torch.nn.Module.to(model, device)
    return adapter


def check_base(
    record: AdapterRecord, folder: str | Path, base_model: str | None = None, *, training: bool = False
) -> None:
    """Refuse a base, or an adapter below, that is not what the adapter was trained on.

    Its weights have a hash; of its configuration each value counts that changes what it computes.

    Args:
        base_model: to be used in place of the one that the record names.
        training: it goes on from where it was.

    Raises:
        ModelError: naming both, or what changed or is gone.
    """
    base = base_model or record.base_model
    found = _weights_of(base, folder, given=base_model is not None)
    if record.base_sha256 is not None and record.base_sha256 != found:
        raise ModelError(
            "the adapter belongs to another base model",
            where=str(folder),
            why=f"it was trained on {record.base_model} (SHA-256 {record.base_sha256[:12]}…), and the "
            f"weights of {base} are others ({found[:12]}…)",
            hint="name the base that it was trained on, or train a new adapter on this one",
        )
    _check_config(record, folder, base, training)
    for below in record.stack:
        _check_below(below, folder)


def _check_config(record: AdapterRecord, folder: str | Path, base: str, training: bool) -> None:
    """Values of the base's configuration that are not as they were; older records have kept none."""
    now = computing_values(base)
    if record.base_config is None or now is None:
        return
    if changed := changed_values(record.base_config, now, training=training):
        local = Path(base).expanduser()
        file = str(local / MODEL_CONFIG) if local.is_dir() else f"{MODEL_CONFIG} of {base}"
        raise ModelError(
            "the base model is configured otherwise than when the adapter was trained on it",
            where=str(folder),
            why=f"in {file}, {'; '.join(changed)}",
            hint="write the old values back, or train a new adapter; other values go into the "
            f"{MODEL_CONFIG} of a merged model (brahma merge {folder} --output DIR)",
        )


def _check_below(below: StackedAdapter, folder: str | Path) -> None:
    if _weights_of(below.path, folder, given=False) != below.sha256:
        why = f"the weights of {below.path} are not those that it was trained on top of"
    elif changed := changed_values(below.scaling or {}, (below.scaling and scaling(below.path)) or {}):
        why = f"{Path(below.path) / ADAPTER_CONFIG}: {'; '.join(changed)}"
    else:
        return
    raise ModelError(
        "an adapter below this one has changed",
        where=str(folder),
        why=why,
        hint="put the old one back, or train this one again",
    )


def _weights_of(path: str, folder: str | Path, *, given: bool) -> str:
    """Their SHA-256.

    Args:
        given: the user named it; else the record of the adapter in `folder` does.
    """
    try:
        return weights_sha256(path)
    except ModelError as error:
        if given or Path(path).is_dir():
            raise
        raise ModelError(
            "what the adapter was trained on is not where it was",
            where=str(folder),
            why=f"{path}: {error.why or error.message}",
            hint=f"write its new place into {_place_of_names(Path(folder))}; brahma merge takes --base",
        ) from error


def _place_of_names(folder: Path) -> str:
    """The file and key by which an adapter names its base."""
    record = folder / ADAPTER_RECORD
    if record.is_file():
        return f'{record}, as "base_model" or in "stack"'
    return f'{folder / ADAPTER_CONFIG}, as "base_model_name_or_path"'


def _load_base(
    record: AdapterRecord,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
    trust_remote_code: bool,
    attention: str,
) -> PreTrainedModel:
    from brahma.core.models.loading import load_model

    if record.quantization is None:
        return load_model(
            record.base_model,
            dtype=dtype,
            device=device,
            trust_remote_code=trust_remote_code,
            attention=attention,
        )
    from brahma.core.models.quantization import choose_quantizer, load_quantized

    kind = torch.device(device or "cpu").type
    model, _ = load_quantized(
        record.base_model,
        choose_quantizer(QuantizationSection(**record.quantization), kind),
        dtype=dtype or torch.float32,
        device=device,
        attention=attention,
        trust_remote_code=trust_remote_code,
    )
    return model
