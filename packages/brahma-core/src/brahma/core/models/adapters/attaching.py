"""Adapters attached to a model in memory, through peft: the model stays the transformers model that it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.config.sections import LoraSection
from brahma.core.errors import ModelError
from brahma.core.models.adapters.fused import fuse
from brahma.core.models.adapters.record import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from brahma.core.models.adapters.targets import check_modules, target_names
from brahma.core.models.quantization import is_quantized
from brahma.core.progress import progress

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel

TRAINED = "default"
"""Name of the adapter that is trained; peft's own."""


@dataclass(frozen=True)
class Adapter:
    """An adapter on a model in memory.

    Attributes:
        model: the transformers model, whose layers carry the adapter now.
        peft: the same under peft's wrapper.
        names: the parameters of the adapter: peft's name on the disk -> the model's own.
    """

    model: PreTrainedModel
    peft: PeftModel
    names: Mapping[str, str]

    def tensors(self) -> dict[str, Tensor]:
        """The adapter's tensors under the names that peft stores them by."""
        parameters = dict(self.model.named_parameters(remove_duplicate=False))
        return {stored: parameters[name].detach() for stored, name in self.names.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """Put tensors of those names in place.

        Returns:
            Names that do not fit: they are missing here or there, or of another shape.
        """
        own = self.tensors()
        wrong = own.keys() ^ tensors.keys()
        wrong |= {name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape}
        for name in own.keys() - wrong:
            own[name].copy_(tensors[name])
        return sorted(wrong)

    def write_config(self, folder: Path) -> None:
        """`adapter_config.json`, as peft reads it."""
        values = self.peft.peft_config[TRAINED].to_dict() | {"inference_mode": True}
        plain = {key: sorted(each) if isinstance(each, set) else each for key, each in values.items()}
        (folder / ADAPTER_CONFIG).write_text(json.dumps(plain, indent=2, sort_keys=True) + "\n")


def attach(
    model: PreTrainedModel,
    section: LoraSection,
    *,
    base_model: str,
    seed: int,
    new_rows: Sequence[int] = (),
    stack: Sequence[str | Path] = (),
) -> Adapter:
    """Freeze the model and put a new adapter on it, in the model's precision.

    Args:
        base_model: folder or hub id, for those who load the adapter later.
        seed: of the adapter's A matrices; B is zero, so the model computes what it did.
        new_rows: ids whose rows of the embedding are trained and stored as well.
        stack: folders of adapters that are applied below the new one and stay as they are.

    Raises:
        ModelError: a layer or module that the model does not have; the nearest names are given.
    """
    from peft import LoraConfig

    check_modules(model, section.modules_to_save or (), "lora_config.modules_to_save")
    config = LoraConfig(
        r=section.r,
        lora_alpha=section.alpha or 2 * section.r,  # type: ignore[arg-type]  # peft takes any number
        lora_dropout=section.dropout,
        target_modules=target_names(model, section.target_modules),
        bias=section.bias,
        task_type=section.task_type,
        use_rslora=section.rslora,
        use_dora=section.dora,
        modules_to_save=section.modules_to_save,
        base_model_name_or_path=base_model,
        trainable_token_indices=_trainable_rows(model, new_rows),
    )
    return _attached(model, config, seed, stack)


def continue_from(model: PreTrainedModel, folder: str | Path, *, stack: Sequence[str | Path] = ()) -> Adapter:
    """Put a stored adapter on the model, with others below it, to be trained on or used.

    Raises:
        ModelError: one cannot be read, or is not of this model's layers.
    """
    adapter = _attached(model, read_config(folder), 0, stack)
    _fill(adapter, folder)
    return adapter


def read_config(folder: str | Path) -> LoraConfig:
    """The configuration of a stored adapter.

    Raises:
        ModelError: there is none, or it is no LoRA.
    """
    from peft import LoraConfig, PeftConfig

    try:
        config = PeftConfig.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            "the adapter cannot be read",
            where=str(folder),
            why=str(error).splitlines()[0],
            hint=f"name a folder with {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}",
        ) from error
    if not isinstance(config, LoraConfig):
        raise ModelError(
            f"the adapter is {config.peft_type}, not LoRA",
            where=str(folder),
            hint="only LoRA adapters (DoRA and rsLoRA among them) are loaded",
        )
    config.inference_mode = False
    return config


def _fill(adapter: Adapter, folder: str | Path) -> None:
    """Fill an adapter from its folder.

    Raises:
        ModelError: the file is missing or damaged, or holds another adapter's tensors.
    """
    file = Path(folder) / ADAPTER_WEIGHTS
    try:
        wrong = adapter.load(load_file(file))
    except Exception as error:  # safetensors raises a type of its own for a damaged file
        raise ModelError(
            "the adapter's weights cannot be read",
            where=str(file),
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            hint="copy them again; weights in pickle files (.bin) are not loaded",
        ) from error
    if wrong:
        raise ModelError(
            "the adapter is not one of this model",
            where=str(file),
            why=f"{len(wrong)} tensors do not fit, {wrong[0]} first",
            hint="use the base model that it was trained on",
        )


def _attached(
    model: PreTrainedModel, config: LoraConfig, seed: int, stack: Sequence[str | Path] = ()
) -> Adapter:
    from peft import get_peft_model

    below = {f"below_{number}": folder for number, folder in enumerate(stack)}
    configs = {name: read_config(folder) for name, folder in below.items()} | {TRAINED: config}
    wrapped: Any = None
    with progress("attaching adapters"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, each in configs.items():
            each._register_custom_module(_quantized_kinds(model))
            if wrapped is None:
                wrapped = get_peft_model(model, each, adapter_name=name, autocast_adapter_dtype=False)
            else:
                wrapped.add_adapter(name, each, autocast_adapter_dtype=False)
    wrapped.base_model.set_adapter(list(configs))
    adapters = {name: Adapter(model, wrapped, _stored_names(model, wrapped, name)) for name in configs}
    for name, folder in below.items():
        _fill(adapters[name], folder)
    trained = set(adapters[TRAINED].names.values())
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)
        if name in trained or "below_" in name:
            parameter.data = parameter.data.to(model.dtype)
    fuse(model)
    return adapters[TRAINED]


def _stored_names(model: PreTrainedModel, wrapped: Any, adapter: str) -> dict[str, str]:
    """The names under which peft stores an adapter's tensors -> those of the model's parameters."""
    from peft import get_peft_model_state_dict

    stored = get_peft_model_state_dict(wrapped, adapter_name=adapter, save_embedding_layers=False)
    places = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
    return {name: places[tensor.data_ptr()] for name, tensor in stored.items()}


def _quantized_kinds(model: PreTrainedModel) -> dict[type[nn.Module], type[nn.Module]]:
    """Kinds of quantized layers, which peft need not know: to an adapter they are linear layers."""
    from peft.tuners.lora import Linear as LoraLinear

    return {type(module): LoraLinear for module in model.modules() if is_quantized(module)}


def _trainable_rows(model: PreTrainedModel, rows: Sequence[int]) -> dict[str, list[int]] | None:
    if not rows:
        return None
    names = {id(module): name for name, module in model.named_modules()}
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    places = [embedding] if head is None or head.weight is embedding.weight else [embedding, head]
    return {names[id(place)]: sorted(rows) for place in places}
