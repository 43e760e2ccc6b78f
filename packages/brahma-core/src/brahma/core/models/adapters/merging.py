"""An adapter and its base made one plain model, whose logits are held against theirs."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from brahma.core.disk import flush, refuse_existing
from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.models.adapters.attaching import Adapter
from brahma.core.models.adapters.loading import load_adapted
from brahma.core.models.adapters.parity import ALLOWED, distance, outputs, precision_error, sequences
from brahma.core.models.adapters.reading import read_config, trained_rows
from brahma.core.models.adapters.record import read_record
from brahma.core.models.loading import no_progress_bar
from brahma.core.models.quantization import dequantize_model, is_quantized
from brahma.core.progress import progress


@dataclass(frozen=True)
class Parity:
    """How far a merged model is from its base with the adapter on it, on made-up and real token ids.

    Attributes:
        difference: root mean square of the logits' differences.
        precision_error: what one unit in the last place of each layer's output does to the logits, likewise.
        adapter_effect: what the adapter does to the logits, likewise.
        loss_before, loss_after: mean negative log-likelihood of those ids, in nats.
        tokens: of the comparison.
    """

    difference: float
    precision_error: float
    adapter_effect: float
    loss_before: float
    loss_after: float
    tokens: int

    @property
    def within(self) -> bool:
        """Whether the difference is rounding."""
        return self.difference <= ALLOWED * self.precision_error


@dataclass(frozen=True)
class Merged:
    """A plain model, and how it was made.

    Attributes:
        base_model: folder or hub id of the base.
        dtype: of the model's weights.
        quantized: the base was quantized, and is not any more.
    """

    model: PreTrainedModel
    base_model: str
    dtype: torch.dtype
    quantized: bool
    parity: Parity


def merge(
    folder: str | Path,
    *,
    base_model: str | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    trust_remote_code: bool = False,
    texts: Sequence[Sequence[int]] = (),
) -> Merged:
    """Load an adapter on its base and make a plain model of both, and of the adapters between them.

    A quantized base is made plain first: the adapter was trained on the values that it computes with. Each
    weight is added up in float32 and rounded once.

    Args:
        base_model: where the base is now; None: where the adapter's record says.
        dtype: of the result; None: what the adapter was trained in.
        texts: token ids of real texts, for the comparison.

    Raises:
        ModelError: the base is gone, or another one; or the logits differ by more than rounding.
    """
    adapter = load_adapted(
        folder,
        base_model=base_model,
        device=device,
        trust_remote_code=trust_remote_code,
        attention="sdpa",
    )
    model = adapter.model
    dtype = dtype or model.dtype
    quantized = any(map(is_quantized, model.modules()))
    given = sequences(model, texts, always=sorted(trained_rows(read_config(folder))))
    with progress("computing logits before"):
        before = outputs(model, given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of biases, which stay as they were trained
            with adapter.peft.disable_adapter():
                bare = outputs(model, given)
        error = precision_error(model, given, _coarser(dtype, model.dtype))
    dequantize_model(model)
    with progress("merging"):
        _merge(adapter, dtype)
    with progress("computing logits after"):
        after = outputs(model, given)
    parity = Parity(
        difference=distance(before, after),
        precision_error=error,
        adapter_effect=distance(before, bare),
        loss_before=before.loss,
        loss_after=after.loss,
        tokens=sum(len(ids) for ids in given),
    )
    _check(parity, folder, dtype)
    return Merged(model, base_model or read_record(folder).base_model, dtype, quantized, parity)


def _coarser(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    return max(first, second, key=lambda each: torch.finfo(each).eps)


def _check(parity: Parity, folder: str | Path, dtype: torch.dtype) -> None:
    if not parity.within:  # also for NaN
        raise ModelError(
            f"the merged model would not be the one that was trained: its logits differ by "
            f"{parity.difference:.2g}",
            where=str(folder),
            why=f"rounding in {str(dtype).removeprefix('torch.')} explains {parity.precision_error:.2g}",
            hint="merge with --dtype float32; if it differs then too, this is a bug: please report it",
        )


@torch.no_grad()
def _merge(adapter: Adapter, dtype: torch.dtype) -> None:
    """Add all adapters to the weights, and take peft out of the model, in place."""
    from peft.tuners.lora import LoraLayer

    for module in adapter.model.modules():
        if isinstance(module, LoraLayer):
            _in_float32(module, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what was merged above is not merged again; ties that came apart
        adapter.peft.merge_and_unload()
    for parameter in adapter.model.parameters():
        parameter.data = parameter.data.to(dtype)
    adapter.model.config.dtype = dtype


def _in_float32(layer: Any, dtype: torch.dtype) -> None:
    """Merge one layer: adapters and weight as float32, the sum rounded."""
    nn.Module.to(layer, torch.float32)
    layer.merge()
    base = layer.get_base_layer()
    nn.Module.to(base, dtype)


def save_plain(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, output: str | Path) -> Path:
    """Write a model as any tool expects it; it appears whole or not at all.

    Raises:
        ModelError: there is something of that name already, or it cannot be written: the disk is full, …
    """
    output = Path(output).expanduser()
    refuse_existing(output)
    building = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        _write(model, tokenizer, building)
        for path in building.rglob("*"):
            flush(path)
        refuse_existing(output)
        building.rename(output)
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError | SafetensorError):  # the latter hides what the system said in its text
            raise ModelError(
                "the model cannot be written",
                where=str(output),
                why=first_line(error),
                hint="free some space, or choose another --output",
            ) from error
        raise
    flush(output.parent)
    return output


def _write(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    generation = model.generation_config
    model.generation_config = GenerationConfig()  # published ones have what transformers refuses to save
    try:
        with no_progress_bar():
            model.save_pretrained(folder)
    finally:
        model.generation_config = generation
    if generation is not None:
        generation.to_json_file(folder / "generation_config.json")
    tokenizer.save_pretrained(folder)
