"""A stored adapter loaded on its base, ready to score or to generate."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import PreTrainedModel

from brahma.core.config.sections import QuantizationSection
from brahma.core.errors import ModelError
from brahma.core.models.adapters.attaching import Adapter, continue_from
from brahma.core.models.adapters.record import ADAPTER_CONFIG, AdapterRecord, read_record
from brahma.core.models.weight_files import weights_sha256


def is_adapter(path: str | Path) -> bool:
    """Whether a folder holds an adapter, and no model of its own."""
    return (Path(path) / ADAPTER_CONFIG).is_file()


def load_adapted(
    folder: str | Path,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    trust_remote_code: bool = False,
    attention: str,
) -> Adapter:
    """The base that an adapter names, quantized as it was, with the adapter and those below it.

    Args:
        dtype: of both; None: what the adapter was trained in.

    Raises:
        ModelError: the base is gone or another one than the adapter was trained on, or a file is damaged.
    """
    record = read_record(folder)
    check_base(record, folder)
    dtype = dtype or (getattr(torch, record.dtype) if record.dtype else None)
    model = _load_base(record, dtype, device, trust_remote_code, attention)
    if record.rows is not None:
        model.resize_token_embeddings(record.rows, mean_resizing=False)
    adapter = continue_from(model, folder, stack=[each.path for each in record.stack])
    model.requires_grad_(False)
    torch.nn.Module.to(model, device)
    return adapter


def check_base(record: AdapterRecord, folder: str | Path, base_model: str | None = None) -> None:
    """Refuse a base, or an adapter below, whose weights are not those that the adapter was trained on.

    Args:
        base_model: to be used in place of the one that the record names.

    Raises:
        ModelError: naming both.
    """
    expected = [(each.path, each.sha256) for each in record.stack]
    if record.base_sha256 is not None:
        expected.insert(0, (base_model or record.base_model, record.base_sha256))
    for path, sha256 in expected:
        if weights_sha256(path) != sha256:
            raise ModelError(
                "the adapter belongs to another base model",
                where=str(folder),
                why=f"the weights of {path} are not those that it was trained on ({record.base_model}, "
                f"SHA-256 {sha256[:12]}…)",
                hint="name the base that it was trained on, or train a new adapter on this one",
            )


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
