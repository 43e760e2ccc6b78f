"""Which layers of a model get an adapter: names resolved for each architecture."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from brahma.core.errors import ModelError
from brahma.core.layer_roles import ALL_LINEAR, ROLES, ends_with, role_of, usual_role
from brahma.core.models.inputs import decoder_of
from brahma.core.models.quantization import is_quantized
from brahma.core.suggest import suggestion


def target_names(model: PreTrainedModel, targets: str | Sequence[str]) -> list[str]:
    """The ends of the names of the layers meant, sorted: they mean these layers and no other module.

    Args:
        targets: ends of names, such as `q_proj`; the words `attention` and `mlp`, for all layers in such a
            place; or `all-linear`: all linear layers but the output head.

    Raises:
        ModelError: a name that no linear layer ends with, and what this architecture calls its own.
    """
    layers = linear_layers(model)
    ends: set[str] = set()
    for asked in [targets] if isinstance(targets, str) else targets:
        chosen = [name for name in layers if _is_meant(name, asked)]
        if not chosen:
            raise _no_layer(model, asked, layers)
        others = {name for name, _ in model.named_modules()} - set(chosen)
        plain = asked not in (ALL_LINEAR, *ROLES) and not any(ends_with(name, asked) for name in others)
        ends |= {asked} if plain else _shortest_ends(chosen, others)
    return sorted(ends)


def _is_meant(name: str, asked: str) -> bool:
    return asked == ALL_LINEAR or (role_of(name) == asked if asked in ROLES else ends_with(name, asked))


def _shortest_ends(names: Iterable[str], others: Collection[str]) -> set[str]:
    """Ends that mean these modules and none of the others; most often the last part of a name is enough."""

    @cache
    def is_theirs(end: str) -> bool:
        return not any(ends_with(other, end) for other in others)

    def ends_of(name: str) -> Iterator[str]:
        parts = name.split(".")
        return (".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1))

    return {next(filter(is_theirs, ends_of(name))) for name in names}


def check_modules(model: PreTrainedModel, asked: Iterable[str], where: str) -> None:
    """Refuse names that no module of the model ends with.

    Raises:
        ModelError: with the nearest names.
    """
    names = [name for name, _ in model.named_modules() if name]
    for name in asked:
        if not any(ends_with(each, name) for each in names):
            raise _unknown(model, name, names, where, "module")


def check_rank(model: PreTrainedModel, rank: int, ends: Collection[str]) -> None:
    """Refuse a rank above the smaller side of each of these layers, where it adds nothing.

    Raises:
        ModelError: with the largest that one can have.
    """
    modules = dict(model.named_modules())
    most = max(_largest_rank(modules[name]) for name in linear_layers(model) if ends_with_any(name, ends))
    if rank > most:
        raise ModelError(
            f"{rank} is more than the rank of any layer",
            where="lora_config.r",
            why=f"the largest can have {most}: more would take memory and add nothing",
            hint=f"at most {most}; 8 to 64 are usual",
        )


def _largest_rank(layer: Any) -> int:
    sides = layer.weight.shape if isinstance(layer, Conv1D) else (layer.in_features, layer.out_features)
    return int(min(sides))


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Names of the linear layers that text goes through, quantized ones too, without the output head."""
    head, inside = model.get_output_embeddings(), set(decoder_of(model).modules())
    return [
        name
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear | Conv1D) or is_quantized(module))
        and module in inside
        and module is not head
    ]


def module_name(model: PreTrainedModel, module: nn.Module) -> str:
    """What the model calls one of its modules."""
    names: Iterator[str] = (name for name, each in model.named_modules() if each is module)
    return next(names)


def ends_with_any(name: str, ends: Iterable[str]) -> bool:
    """Whether a name is meant by one of these, as configurations name modules."""
    return any(ends_with(name, end) for end in ends)


def _no_layer(model: PreTrainedModel, asked: str, layers: Iterable[str]) -> ModelError:
    """What this architecture calls the layers that are meant, as far as the name tells."""
    words = (*ROLES, ALL_LINEAR)
    error = _unknown(model, asked, layers, "lora_config.target_modules", "linear layer", words)
    role = usual_role(asked)
    here = sorted({name.rpartition(".")[2] for name in layers if role is not None and role_of(name) == role})
    if here:
        error.hint = f'layers of that kind are {", ".join(here)} here; "{role}" takes them all'
    return error


def _unknown(
    model: PreTrainedModel,
    name: str,
    known: Iterable[str],
    where: str,
    what: str,
    words: Iterable[str] = (),
) -> ModelError:
    """With the nearest of the module's names and of the words that may stand for them."""
    ends = {each.rpartition(".")[2] for each in known}
    ends = {end for end in ends if not end.isdecimal()}
    return ModelError(
        f"{type(model).__name__} has no {what} called {name!r}",
        where=where,
        why=f"its own are {', '.join(sorted(ends))}",
        hint=suggestion(name, {*ends, *words}, nothing=f'"{ALL_LINEAR}" takes all linear layers'),
    )
