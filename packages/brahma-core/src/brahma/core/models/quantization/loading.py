"""A base model brought into memory quantized, layer by layer, without all of it in full precision.

The model is built without weights; each weight is then read from its place in its file, quantized, and let go
before the next. Files are read and not mapped: mapped pages would stay in memory as long as the map.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    build_glob_alternation,
    rename_source_key,
)

from brahma.core.errors import ModelError
from brahma.core.hub import reachable_source
from brahma.core.models.attention import PACKED, register_packed_attention
from brahma.core.models.loading import load_model, loading_errors, no_progress_bar, ready
from brahma.core.models.quantization.layers import QuantizationReport, log_deviations, plan_layers
from brahma.core.models.quantization.quantized import Maker, is_quantized
from brahma.core.models.weight_files import StoredTensor, stored_tensors, weight_files
from brahma.core.progress import progress
from brahma.core.quantizers import ChosenQuantizer

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""What safetensors calls them; weights of other types are left to transformers."""

_LABEL = "quantizing the model"

_log = logging.getLogger(__name__)


def load_quantized(
    path: str | Path,
    chosen: ChosenQuantizer,
    *,
    dtype: torch.dtype,
    device: torch.device | str | None = None,
    attention: str = PACKED,
    trust_remote_code: bool = False,
) -> tuple[PreTrainedModel, QuantizationReport]:
    """A model from a local folder or a hub id, quantized.

    Args:
        dtype: the precision of the run: of all that is not quantized, and of products.
        device: where it goes and computes; None: the CPU.

    Raises:
        ConfigError: no layer takes the group size, `skip_modules` names nothing, or `strict` forbids.
        ModelError: there is no such model, it is damaged, or it is quantized already.
        PluginError: the quantizer failed.
    """
    place = torch.device(device or "cpu")
    source = reachable_source(path)
    register_packed_attention()
    with loading_errors(path):
        config: Any = AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    _refuse_quantized(config, path)
    with loading_errors(path), no_progress_bar():
        model = _empty_model(config, dtype, attention, trust_remote_code)
        tensors = stored_tensors(weight_files(source))
    if why := _not_as_stored(model, tensors):
        _log.info("the model is loaded whole and then quantized: %s", why)
        del model
        model = load_model(path, dtype=dtype, trust_remote_code=trust_remote_code, attention=attention)
        report = quantize_model(model, chosen, dtype, device=place)
        nn.Module.to(model, place)
        return model, report
    report = plan_layers(model, chosen)
    with loading_errors(path), progress(_LABEL, len(tensors), "weights"), ExitStack() as files:
        _fill(model, _Reader(tensors, files), report, Maker(chosen, dtype, place), place, dtype)
        _generation_settings(model, source)
    log_deviations(report, chosen, model)
    return ready(model), report


@torch.no_grad()
def quantize_model(
    model: PreTrainedModel,
    chosen: ChosenQuantizer,
    dtype: torch.dtype,
    *,
    device: torch.device | str | None = None,
) -> QuantizationReport:
    """Quantize the linear layers of a model in memory, in place, one at a time.

    Args:
        dtype: the precision of the run, which products are computed in.
        device: where the layers will compute; None: where the model is.

    Raises:
        ConfigError, ModelError, PluginError: as `load_quantized`.
    """
    if any(map(is_quantized, model.modules())):
        raise _quantized_already(type(model).__name__)
    _refuse_quantized(model.config, type(model).__name__)
    report = plan_layers(model, chosen)
    maker = Maker(chosen, dtype, torch.device(device or model.device))
    with progress(_LABEL, len(report.group_sizes), "layers") as task:
        for name, size in task.each(report.group_sizes.items()):
            linear = model.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            linear.weight.data = linear.weight.data.to(dtype)
            model.set_submodule(name, maker.layer(linear, size, name))
    log_deviations(report, chosen, model)
    return report


def _refuse_quantized(config: Any, path: str | Path) -> None:
    if given := getattr(config, "quantization_config", None):
        method = (
            given.get("quant_method") if isinstance(given, dict) else getattr(given, "quant_method", None)
        )
        raise _quantized_already(str(path), str(getattr(method, "value", method) or ""))


def _quantized_already(where: str, method: str = "") -> ModelError:
    by = f" (by {method}: its config.json has quantization_config)" if method else ""
    return ModelError(
        f"the base model is quantized already{by}",
        where=where,
        hint="name the model that it was made of, in full precision; or remove quantization from the "
        "configuration",
    )


def _empty_model(config: Any, dtype: torch.dtype, attention: str, trust_remote_code: bool) -> PreTrainedModel:
    """The model without weights, on the meta device; what is computed and not stored is there."""
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(
                config, attn_implementation=attention, dtype=dtype, trust_remote_code=trust_remote_code
            )
        for tensor in model.state_dict(keep_vars=True).values():
            tensor._is_hf_initialized = True  # from the file; the flag keeps transformers' hands off it
        model._is_hf_initialized = False
        for module in model.modules():
            module._is_hf_initialized = False
        model._move_missing_keys_from_meta_to_device(
            set(), None, None, None
        )  # rotary frequencies and the like
        model._initialize_missing_keys(False)
    model.train(False)
    loaded: PreTrainedModel = model
    return loaded


def _not_as_stored(model: PreTrainedModel, tensors: Mapping[str, StoredTensor]) -> str | None:
    """Why the files' tensors are not the model's own, name by name; None: they are."""
    expected, tied = model.state_dict(), set(model.all_tied_weights_keys or {})
    names = [name for name in expected if name in tensors]
    if missing := [name for name in expected if name not in tensors and name not in tied]:
        return f"its files have no {missing[0]}"
    for name in names:
        stored = tensors[name]
        if stored.dtype not in _DTYPES:
            return f"{name} is stored as {stored.dtype}"
        if stored.shape != tuple(expected[name].shape):
            return f"{name} has the shape {stored.shape} in its files"
    if tied & set(names):
        return f"{sorted(tied & set(names))[0]} is tied, and stored all the same"
    return _renamed(model, names)


def _renamed(model: PreTrainedModel, names: Iterable[str]) -> str | None:
    """The first tensor that transformers would rename or convert."""
    mapping = get_model_conversion_mapping(model)
    renamings = [each for each in mapping if isinstance(each, WeightRenaming)]
    converters = [each for each in mapping if isinstance(each, WeightConverter)]
    for name in names:
        new, converted = rename_source_key(name, renamings, converters)
        if new != name or converted is not None:
            return f"{name} is another tensor in transformers"
    return None


class _Reader:
    """Reads tensors from their places; each file is opened once."""

    def __init__(self, tensors: Mapping[str, StoredTensor], files: ExitStack) -> None:
        self._tensors = tensors
        self._files = files
        self._open: dict[Path, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def read(self, name: str) -> Tensor:
        """In the type that it is stored in, on the CPU."""
        stored = self._tensors[name]
        flat = torch.empty(stored.size, dtype=torch.uint8)
        view, done = memoryview(flat.numpy().data), 0
        while done < stored.size:
            count = os.preadv(self._descriptor(stored.file), [view[done:]], stored.start + done)
            if count == 0:
                raise OSError(f"{stored.file} ends within {name}")
            done += count
        return flat.view(_DTYPES[stored.dtype]).view(stored.shape)

    def _descriptor(self, file: Path) -> int:
        if file not in self._open:
            self._open[file] = self._files.enter_context(file.open("rb", buffering=0)).fileno()
        return self._open[file]


@torch.no_grad()
def _fill(
    model: PreTrainedModel,
    reader: _Reader,
    report: QuantizationReport,
    maker: Maker,
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    """Give the empty model its weights, on the device; the planned layers are replaced by quantized ones."""
    for name, size in report.group_sizes.items():
        model.set_submodule(name, maker.layer(_linear(model, name, reader, device, dtype), size, name))
    exact = _kept_exact(model, dtype)
    for name, old in list(model.state_dict(keep_vars=True).items()):
        if old.device.type != "meta" or name not in reader:
            continue
        new = reader.read(name).to(device, torch.float32 if exact(name) else old.dtype)
        _put(model, name, nn.Parameter(new) if isinstance(old, nn.Parameter) else new)
    for name, buffer in list(model.named_non_persistent_buffers()):
        _put(model, name, buffer.to(device))
    model.tie_weights(missing_keys=set(model.all_tied_weights_keys), recompute_mapping=False)


def _linear(
    model: PreTrainedModel, name: str, reader: _Reader, device: torch.device, dtype: torch.dtype
) -> nn.Linear:
    """The layer of that name with its weights; the model does not hold them."""
    empty = model.get_submodule(name)
    assert isinstance(empty, nn.Linear)
    with torch.device("meta"):
        linear = nn.Linear(empty.in_features, empty.out_features, bias=empty.bias is not None)
    for key in dict(linear.named_parameters()):
        value = reader.read(f"{name}.{key}").to(device, dtype)
        setattr(linear, key, nn.Parameter(value, requires_grad=False))
    return linear


def _put(model: nn.Module, name: str, value: Tensor) -> None:
    parent, _, key = name.rpartition(".")
    setattr(model.get_submodule(parent), key, value)


def _kept_exact(model: Any, dtype: torch.dtype) -> Callable[[str], bool]:
    """Whether an architecture keeps the tensor of this name in float32 whatever the precision."""
    plan = model._get_dtype_plan(dtype)
    if not plan:
        return lambda name: False
    pattern = build_glob_alternation(list(plan))[0]
    return lambda name: pattern.search(name) is not None


def _generation_settings(model: PreTrainedModel, source: str) -> None:
    """Those of its folder, if it has any; else transformers' own, from the model's configuration."""
    with suppress(OSError):
        setattr(model, "generation_config", GenerationConfig.from_pretrained(source))  # noqa: B010
