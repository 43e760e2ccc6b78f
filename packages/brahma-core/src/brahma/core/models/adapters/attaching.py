"""Adapters on a model in memory, through peft: the model stays the transformers model that it was."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.config.sections import LoraSection
from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from brahma.core.models.adapters.dora import check_dora
from brahma.core.models.adapters.fused import fuse
from brahma.core.models.adapters.reading import read_config, read_weights
from brahma.core.models.adapters.stacking import check_together
from brahma.core.models.adapters.targets import (
    check_modules,
    check_rank,
    ends_with_any,
    module_name,
    target_names,
)
from brahma.core.models.quantization import is_quantized
from brahma.core.progress import progress

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel

TRAINED = "default"
"""Name of the adapter that is trained; peft's own."""

_BELOW = "below_"
"""Names of those below it."""

_OF_BASE = ".base_layer.weight"

_NEW = "lora_config"
"""What a new adapter is called in errors."""


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
    from brahma.core.models.adapters.library import peft

    check_modules(model, section.modules_to_save or (), "lora_config.modules_to_save")
    _check_saved(model, section.modules_to_save or ())
    targets = target_names(model, section.target_modules)
    check_rank(model, section.r, targets)
    config = peft.LoraConfig(
        r=section.r,
        lora_alpha=section.alpha or 2 * section.r,  # type: ignore[arg-type]  # peft takes any number
        lora_dropout=section.dropout,
        target_modules=targets,
        bias=section.bias,
        task_type=section.task_type,
        use_rslora=section.rslora,
        use_dora=section.dora,
        modules_to_save=section.modules_to_save,
        base_model_name_or_path=base_model,
        trainable_token_indices=_trainable_rows(model, new_rows, section.modules_to_save or ()),
    )
    return _attached(model, config, seed, stack, called=_NEW)


def continue_from(model: PreTrainedModel, folder: str | Path, *, stack: Sequence[str | Path] = ()) -> Adapter:
    """Put a stored adapter on the model, with others below it, to be trained on or used.

    Raises:
        ModelError: one cannot be read, or is not of this model's layers.
    """
    adapter = _attached(model, read_config(folder), 0, stack, called=str(folder))
    _fill(adapter, folder)
    return adapter


def _attached(
    model: PreTrainedModel, config: LoraConfig, seed: int, stack: Sequence[str | Path], called: str
) -> Adapter:
    """The adapters below, filled, and the one that is trained, which is not.

    Args:
        called: what the latter is called in errors.
    """
    below = {f"{_BELOW}{number}": folder for number, folder in enumerate(stack)}
    configs = {name: read_config(folder) for name, folder in below.items()}
    embeddings = (model.get_input_embeddings(), model.get_output_embeddings())
    check_together(
        {str(below[name]): each for name, each in configs.items()} | {called: config},
        [module_name(model, each) for each in embeddings if each is not None],
    )
    with progress("attaching adapters"), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old names inside libraries, and of ties, which a merge unties
        torch.manual_seed(seed)
        wrapped, trained = _wrapped(model, configs | {TRAINED: config}, called)
    adapters = {
        name: Adapter(model, wrapped, _stored_names(model, wrapped, name)) for name in (*below, TRAINED)
    }
    for name, folder in below.items():
        _fill(adapters[name], folder)
    stored = set(adapters[TRAINED].names.values())
    if unsaved := sorted(trained - stored):
        raise ModelError(
            f"{unsaved[0]} would be trained and not stored",
            where=called,
            why="peft does not write it into the adapter's file",
            hint="leave it out of modules_to_save and target_modules",
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in stored)
        if any(name in each.names.values() for each in adapters.values()):
            parameter.data = parameter.data.to(model.dtype)
    fuse(model)
    return adapters[TRAINED]


def _wrapped(model: PreTrainedModel, configs: Mapping[str, LoraConfig], called: str) -> tuple[Any, set[str]]:
    """The model under peft's wrapper, all adapters active; and the parameters that peft trains of the last.

    Raises:
        ModelError: peft refuses one.
    """
    from peft import get_peft_model
    from peft.tuners.lora import LoraLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    if any(config.use_dora for config in configs.values()):
        check_dora(model, called)
    wrapped: Any = None
    kinds = _quantized_kinds(model)
    try:
        for name, config in configs.items():
            config._register_custom_module(kinds)
            model.requires_grad_(False)  # peft leaves the biases of an earlier one trainable
            if wrapped is None:
                wrapped = get_peft_model(model, config, adapter_name=name, autocast_adapter_dtype=False)
            else:
                wrapped.add_adapter(name, config, autocast_adapter_dtype=False)
    except (ValueError, TypeError, IndexError, NotImplementedError, re.error) as error:
        raise ModelError(
            f"the adapter does not fit {type(model).__name__}",
            where=called,
            why=first_line(error),
            hint="correct target_modules and modules_to_save"
            if called == _NEW
            else "use the base model that it was trained on",
        ) from error
    wrapped.base_model.set_adapter(list(configs)[-1])
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    for module in model.modules():
        if isinstance(module, AuxiliaryTrainingWrapper):  # it has some of the adapters
            module.set_adapter([name for name in configs if name in module._get_available_adapters()])
        elif isinstance(module, LoraLayer):
            module.set_adapter(list(configs))
    return wrapped, trained


def _fill(adapter: Adapter, folder: str | Path) -> None:
    """Fill an adapter from its folder.

    Raises:
        ModelError: the file is missing or damaged, or holds another adapter's tensors.
    """
    tensors = _without_base(adapter.model, read_weights(folder))
    shapes = {name: tuple(tensor.shape) for name, tensor in adapter.tensors().items()}
    wrong = adapter.load(tensors)
    if wrong:
        name = wrong[0]
        found = f"{name} is {tuple(tensors[name].shape)}" if name in tensors else f"it has no {name}"
        own = f"{shapes[name]}" if name in shapes else "none of that name"
        raise ModelError(
            f"the adapter is not one of this {type(adapter.model).__name__}",
            where=str(Path(folder) / ADAPTER_WEIGHTS),
            why=f"{len(wrong)} tensors do not fit: {found}, and the model takes {own}",
            hint="use the base model that it was trained on",
        )


def _without_base(model: PreTrainedModel, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without copies of the base's own weights, which peft stores beside adapters on embeddings and head."""
    own = dict(model.named_parameters(remove_duplicate=False))

    def is_copy(name: str, tensor: Tensor) -> bool:
        weight = own.get(name.removeprefix("base_model.model."))
        if weight is None or not name.endswith(_OF_BASE) or weight.shape != tensor.shape:
            return False
        return torch.equal(tensor.to(weight), weight)

    return {name: tensor for name, tensor in tensors.items() if not is_copy(name, tensor)}


def _stored_names(model: PreTrainedModel, wrapped: Any, adapter: str) -> dict[str, str]:
    """The names under which peft stores an adapter's tensors -> those of the model's parameters."""
    from peft import get_peft_model_state_dict
    from peft.utils.other import TrainableTokensWrapper

    state = wrapped.state_dict()
    for name, module in wrapped.named_modules():  # peft asks each for rows of each adapter
        if isinstance(module, TrainableTokensWrapper) and adapter not in module._get_available_adapters():
            state[f"{name}.token_adapter.trainable_tokens_delta.{adapter}"] = None
    stored = get_peft_model_state_dict(wrapped, state, adapter, save_embedding_layers=False)
    places = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
    return {name: places[tensor.data_ptr()] for name, tensor in stored.items() if tensor is not None}


def _quantized_kinds(model: PreTrainedModel) -> dict[type[nn.Module], type[nn.Module]]:
    """Kinds of quantized layers, which peft need not know: to an adapter they are linear layers."""
    from peft.tuners.lora import Linear as LoraLinear

    return {type(module): LoraLinear for module in model.modules() if is_quantized(module)}


def _check_saved(model: PreTrainedModel, saved: Collection[str]) -> None:
    """Refuse to train quantized weights whole.

    Raises:
        ModelError: naming a layer that is quantized, and how to leave it as it is.
    """
    for name, module in model.named_modules():
        parts = name.split(".")
        around = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        if is_quantized(module) and any(ends_with_any(each, saved) for each in around):
            raise ModelError(
                f"{name} is quantized and cannot be trained whole",
                where="lora_config.modules_to_save",
                hint=f'leave it out, or give "skip_modules": ["{parts[-1]}"] in quantization',
            )


def _trainable_rows(
    model: PreTrainedModel, rows: Sequence[int], saved: Collection[str]
) -> dict[str, list[int]] | None:
    """The rows to be trained of embedding and head; not of one that is trained whole.

    Raises:
        ModelError: the two are tied, and one of them is trained whole; or the head has a bias.
    """
    if not rows:
        return None
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is embedding.weight
    places = [embedding] if head is None or tied else [embedding, head]
    names = {module_name(model, place): place for place in places}
    whole = [name for name in names if ends_with_any(name, saved)]
    if tied and (whole or ends_with_any(module_name(model, head), saved)):
        raise ModelError(
            "new tokens stand beside an embedding that is trained whole, and tied to the head",
            where="lora_config.modules_to_save",
            hint="leave embedding and head out of modules_to_save: the rows of the new tokens are trained",
        )
    if any(getattr(place, "bias", None) is not None for name, place in names.items() if name not in whole):
        raise ModelError(
            f"new tokens need rows of the output head, which has a bias in {type(model).__name__}",
            where="tokenizer.new_tokens",
            why="peft's layer of trained rows would compute without it",
            hint=f'train the head whole: "modules_to_save": ["{module_name(model, head)}"] in lora_config',
        )
    return {name: sorted(rows) for name in names if name not in whole} or None
