"""A model and its tokenizer, loaded on first use. Importing this imports no torch."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from brahma.core.error_text import first_line
from brahma.core.errors import DeviceError, ModelError
from brahma.core.model_files import is_adapter
from brahma.core.progress import progress
from brahma.evaluation.locate import locate_model

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


_DTYPES = ("float32", "bfloat16", "float16")


class LoadedModel:
    """A model by name, and its tokenizer; nothing is loaded before it is used.

    Args:
        model_path: a run's name or folder (its best checkpoint is taken), a checkpoint's or model's folder,
            or a hub id.
        device: `auto` (an accelerator if there is one), `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: `float32`, `bfloat16` or `float16`; None: as it was saved.
        trust_remote_code: run code that the model's folder or repository ships.

    Attributes:
        model_path: the folder or hub id that was found.

    Raises:
        ModelError: there is no such model.
        DeviceError: `dtype` is none of these.
    """

    def __init__(
        self,
        model_path: str | Path,
        *,
        device: str = "auto",
        dtype: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        _check_dtype(dtype)
        self.model_path = locate_model(model_path)
        self._device = device
        self._dtype = dtype
        self._trust_remote_code = trust_remote_code

    @classmethod
    def from_model(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Self:
        """For a model that is in memory; it stays where it is and as it is."""
        loaded = cls.__new__(cls)
        loaded.model_path = str(model.config.name_or_path)
        loaded.__dict__.update(model=model, tokenizer=tokenizer)  # what the cached properties would load
        return loaded

    @cached_property
    def model(self) -> PreTrainedModel:
        """The model, loaded on first use.

        Raises:
            ModelError: it cannot be loaded.
            DeviceError: the device does not exist here.
        """
        source = self._source  # before torch is imported: a misspelt name is told at once
        with progress("loading torch and transformers"):
            from brahma.core.models import load_model

        load = partial(
            load_model,
            source,
            dtype=dtype_called(self._dtype),
            device=device_called(self._device),
            trust_remote_code=self._trust_remote_code,
        )
        try:
            return load()
        except ModelError as error:
            if not isinstance(error.__cause__, KeyError):
                raise
        return load(attention="eager")  # its own: GPT-J and others know none but a list of theirs

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, loaded on first use.

        Raises:
            TokenizerError: there is none beside the model, or it cannot be loaded.
        """
        from brahma.data.tokenizer import load_tokenizer

        return load_tokenizer(self._tokenizer_source)

    @property
    def has_tokenizer(self) -> bool:
        """Whether files of one lie in the model's folder."""
        return any(Path(self._source).glob("tokenizer*"))

    @property
    def source(self) -> str:
        """What libraries can load: a folder, a hub id, or the folder of the hub's copy.

        Raises:
            ModelError: there is no such model, or nobody answers.
        """
        return self._source

    @property
    def is_given(self) -> bool:
        """Whether the model was in memory already, see `from_model`."""
        return "_device" not in self.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._description})"

    @property
    def _description(self) -> str:
        """The path, and what is in memory of it: `'runs/a/…', torch.float32 on cpu`. Loads nothing."""
        model = self.__dict__.get("model")  # the property would load it
        state = f"{model.dtype} on {model.device}" if model is not None else "not loaded yet"
        return f"{self.model_path!r}, {state}"

    @property
    def _tokenizer_source(self) -> str:
        """The model's folder; of an adapter that came without a tokenizer, its base."""
        if self.has_tokenizer or not is_adapter(self._source):
            return self._source
        from brahma.core.models.adapters import read_record

        return read_record(self._source).base_model

    @cached_property
    def _source(self) -> str:
        from brahma.core.hub import reachable_source

        return reachable_source(self.model_path)


def _check_dtype(name: str | None) -> None:
    if name is not None and name not in _DTYPES:
        raise DeviceError(f"unknown dtype {name!r}", hint=f"There are: {', '.join(_DTYPES)}")


def dtype_called(name: str | None) -> torch.dtype | None:
    """Raises DeviceError for a name that is none."""
    import torch

    _check_dtype(name)
    return {each: getattr(torch, each) for each in _DTYPES}[name] if name else None


def device_called(name: str) -> torch.device:
    """Raises DeviceError for one that cannot be used here."""
    import torch

    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(
            f"device {name!r} cannot be used here", why=first_line(error), hint="device='auto'"
        ) from error
    return device
