"""Which layers of a model get an adapter: names resolved for each architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from brahma.core.errors import ModelError
from brahma.core.models.quantization import is_quantized
from brahma.core.suggest import suggestion

ALL_LINEAR = "all-linear"


def target_names(model: PreTrainedModel, targets: str | Sequence[str]) -> list[str]:
    """The ends of the names of the layers meant, sorted.

    Args:
        targets: ends of names, such as `q_proj`, or `all-linear`: all linear layers but the output head.

    Raises:
        ModelError: a name that no linear layer ends with; the nearest are given.
    """
    layers = linear_layers(model)
    if targets == ALL_LINEAR:
        return sorted({name.rpartition(".")[2] for name in layers})
    asked = [targets] if isinstance(targets, str) else list(targets)
    for name in asked:
        if not any(_ends(layer, name) for layer in layers):
            raise _unknown(model, name, layers, "lora_config.target_modules", "linear layer")
    return sorted(set(asked))


def check_modules(model: PreTrainedModel, asked: Iterable[str], where: str) -> None:
    """Refuse names that no module of the model ends with.

    Raises:
        ModelError: with the nearest names.
    """
    names = [name for name, _ in model.named_modules() if name]
    for name in asked:
        if not any(_ends(each, name) for each in names):
            raise _unknown(model, name, names, where, "module")


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Names of the linear layers, quantized ones too, without the output head."""
    head = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear | Conv1D) or is_quantized(module)) and module is not head
    ]


def module_name(model: PreTrainedModel, module: nn.Module) -> str:
    """What the model calls one of its modules."""
    names: Iterator[str] = (name for name, each in model.named_modules() if each is module)
    return next(names)


def ends_with_any(name: str, ends: Iterable[str]) -> bool:
    """Whether a name is meant by one of these, as configurations name modules."""
    return any(_ends(name, end) for end in ends)


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")


def _unknown(model: PreTrainedModel, name: str, known: Iterable[str], where: str, what: str) -> ModelError:
    ends = {each.rpartition(".")[2] for each in known}
    ends = {end for end in ends if not end.isdecimal()}
    return ModelError(
        f"{type(model).__name__} has no {what} called {name!r}",
        where=where,
        why=f"its own are {', '.join(sorted(ends))}",
        hint=suggestion(name, ends, nothing=f'"{ALL_LINEAR}" takes all linear layers'),
    )
