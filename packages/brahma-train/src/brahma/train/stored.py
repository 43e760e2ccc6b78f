"""What a checkpoint keeps of the model: all its weights, or an adapter in peft's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from brahma.core.model_files import ADAPTER_WEIGHTS, MODEL_WEIGHTS
from brahma.core.models.adapters import Adapter, AdapterRecord, write_record


class Stored(Protocol):
    """The part of a model that is trained, as checkpoints hold it.

    Attributes:
        file: where the tensors go.
    """

    @property
    def file(self) -> str: ...

    def tensors(self) -> dict[str, Tensor]:
        """By the names of the file; tied ones once."""

    def restore(self, tensors: dict[str, Tensor]) -> list[str]:
        """Put them back; the names that do not fit, sorted."""

    def write_configs(self, folder: Path) -> None:
        """Configuration and tokenizer, as any tool expects them beside the weights."""


class WholeModel:
    """All weights of a model: a folder that transformers loads."""

    file = MODEL_WEIGHTS

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        self._tokenizer = tokenizer

    def tensors(self) -> dict[str, Tensor]:
        found, seen = {}, set()
        for name, tensor in self._model.state_dict().items():
            if tensor.data_ptr() not in seen:
                seen.add(tensor.data_ptr())
                found[name] = tensor
        return found

    def restore(self, tensors: dict[str, Tensor]) -> list[str]:
        missing = {name for name, _ in self._model.named_parameters()} - tensors.keys()
        unknown = self._model.load_state_dict(tensors, strict=False).unexpected_keys
        return sorted([*missing, *unknown])

    def write_configs(self, folder: Path) -> None:
        model = self._model
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(folder)
        if model.generation_config is not None:
            # Not save_pretrained: it refuses what published models have, such as an unused temperature.
            model.generation_config.to_json_file(folder / "generation_config.json")
        self._tokenizer.save_pretrained(folder)


class AdapterAlone:
    """An adapter: a folder that peft loads, with a record of the base that it belongs to."""

    file = ADAPTER_WEIGHTS

    def __init__(self, adapter: Adapter, record: AdapterRecord, tokenizer: PreTrainedTokenizerBase) -> None:
        self._adapter = adapter
        self._record = record
        self._tokenizer = tokenizer

    def tensors(self) -> dict[str, Tensor]:
        return self._adapter.tensors()

    def restore(self, tensors: dict[str, Tensor]) -> list[str]:
        return self._adapter.load(tensors)

    def write_configs(self, folder: Path) -> None:
        self._adapter.write_config(folder)
        write_record(self._record, folder)
        self._tokenizer.save_pretrained(folder)
