"""What a stored adapter is: its configuration and its tensors, read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file
from torch import Tensor

from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.hub import best_of_run
from brahma.core.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from peft import LoraConfig

_PICKLED = "adapter_model.bin"
_NAME_ONE = f"name a folder with {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}"


def read_config(folder: str | Path) -> LoraConfig:
    """The configuration of a stored adapter, as one that can be trained.

    Raises:
        ModelError: there is none, it is no LoRA, or its weights are a pickle.
    """
    from brahma.core.models.adapters.library import peft

    folder = Path(folder)
    try:
        if not (folder / ADAPTER_CONFIG).is_file():
            raise FileNotFoundError(f"it holds no {ADAPTER_CONFIG}")
        config = peft.PeftConfig.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        checkpoint = best_of_run(folder)
        hint = f'it is a run; its best adapter is "{checkpoint}"' if checkpoint else _NAME_ONE
        raise ModelError(
            "the adapter cannot be read", where=str(folder), why=first_line(error), hint=hint
        ) from error
    if not isinstance(config, peft.LoraConfig):
        kind = getattr(config.peft_type, "value", config.peft_type)
        raise ModelError(
            f"the adapter is no LoRA but {kind}",
            where=str(folder / ADAPTER_CONFIG),
            hint="only LoRA adapters (DoRA and rsLoRA among them) are loaded",
        )
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise _no_weights(folder)
    config.inference_mode = False
    return config


def read_weights(folder: str | Path) -> dict[str, Tensor]:
    """The tensors of a stored adapter, by peft's names.

    Raises:
        ModelError: the file is missing or damaged.
    """
    file = Path(folder) / ADAPTER_WEIGHTS
    if not file.is_file():
        raise _no_weights(Path(folder))
    try:
        tensors = load_file(file)
    except Exception as error:  # safetensors raises a type of its own for a damaged file
        raise ModelError(
            "the adapter's weights are damaged",
            where=str(file),
            why=first_line(error),
            hint="copy them again, or use another checkpoint of the run",
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ModelError(
                "the adapter's weights hold NaN or infinity",
                where=str(file),
                why=f"in {name}",
                hint="use an earlier checkpoint of the run; its training went astray",
            )
    return tensors


def trained_rows(config: LoraConfig) -> set[int]:
    """Ids of the tokens whose rows of the embedding an adapter replaces."""
    given = config.trainable_token_indices or []
    lists: Iterable[Sequence[int]] = given.values() if isinstance(given, dict) else [given]
    return {row for rows in lists for row in rows}


def _no_weights(folder: Path) -> ModelError:
    if (folder / _PICKLED).is_file():
        return ModelError(
            "the adapter's weights are in a pickle file, which could run code and is not loaded",
            where=str(folder / _PICKLED),
            hint="where you trust it, load it with peft and save it again: save_pretrained writes "
            f"{ADAPTER_WEIGHTS}",
        )
    return ModelError("the adapter has no weights", where=str(folder / ADAPTER_WEIGHTS), hint=_NAME_ONE)
