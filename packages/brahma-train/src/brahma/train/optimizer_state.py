"""What an optimizer keeps, as tensors of a file, and back.

Keys of `optimizer.safetensors`:

    master/<parameter>            a float32 master that is not the weight itself
    <kind>/<parameter>            a tensor of the parameter's state
    <kind>:<type>/<parameter>     a Python number of it, of no dimensions; the type is int, float or bool
    group.<n>/<key>[:<type>]      what the optimizer changed or keeps as a tensor in its n-th group

A number comes back as the type that it was: `step` as an int of Python is not a tensor afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import quote, unquote

import torch
from torch import Tensor

from brahma.core.errors import TrainingError
from brahma.train.weights import MasterWeights

OURS = ("params", "names", "roles", "lr", "weight_decay", "lr_ratio")
"""Keys of a group that the platform sets, and that no checkpoint needs."""

_MASTER = "master"
_GROUP = re.compile(r"group\.(\d+)")
_TYPES: dict[str, tuple[type, torch.dtype]] = {
    "int": (int, torch.int64),
    "float": (float, torch.float64),
    "bool": (bool, torch.bool),
}
_LARGEST = 2**63
_STATES = "the state of a torch.optim.Optimizer is a dictionary, and holds one for each parameter"


class Stateful(Protocol):
    """What of an optimizer is read and written.

    One may have `beginnings`, the numbers of each group when it was made; else they are its defaults.
    """

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    @property
    def state(self) -> MutableMapping[Tensor, Any]: ...
    @property
    def defaults(self) -> dict[str, Any]: ...


def optimizer_tensors(optimizer: Stateful, weights: MasterWeights) -> dict[str, Tensor]:
    """The optimizer's state by the keys above, and the masters where they are not the weights.

    Raises:
        TrainingError: the optimizer keeps something else than tensors and numbers, which would be lost, or
            state of a parameter that it was not given.
    """
    names = {id(master): name for name, master in weights.named_masters()}
    tensors = {f"{_MASTER}/{name}": master for name, master in weights.copies()}
    for parameter, state in _states(optimizer).items():
        if id(parameter) not in names:
            raise _lost(optimizer, "state of a parameter that it was not given")
        if not isinstance(state, Mapping):
            kind = type(state).__name__
            raise _lost(optimizer, f"{kind} as the state of {names[id(parameter)]}", _STATES)
        for kind, value in state.items():
            suffix, tensor = _packed(optimizer, kind, value)
            tensors[f"{_escaped(kind)}{suffix}/{names[id(parameter)]}"] = tensor
    beginnings = getattr(optimizer, "beginnings", None) or [optimizer.defaults] * len(optimizer.param_groups)
    for number, (group, beginning) in enumerate(zip(optimizer.param_groups, beginnings, strict=True)):
        for key, value in _changed(group, beginning):
            suffix, tensor = _packed(optimizer, key, value)
            tensors[f"group.{number}/{_escaped(key)}{suffix}"] = tensor
    return tensors


@torch.no_grad()
def load_optimizer_tensors(
    optimizer: Stateful, weights: MasterWeights, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave; the weights are rounded from the masters again.

    Raises:
        TrainingError: the optimizer has no state that anything can be put into.
    """
    masters, states = dict(weights.named_masters()), _states(optimizer)
    for key, value in tensors.items():
        first, last = key.split("/", 1)
        if first == _MASTER:
            masters[last].copy_(value)
        elif found := _GROUP.fullmatch(first):
            _restore_in_group(optimizer.param_groups[int(found[1])], last, value)
        else:
            kind, _, name = first.partition(":")
            at = value if value.ndim == 0 else value.to(masters[last].device)
            if masters[last] not in states:
                states[masters[last]] = {}
            states[masters[last]][unquote(kind)] = _unpacked(name, at)
    weights.publish()


def _states(optimizer: Stateful) -> MutableMapping[Tensor, Any]:
    if not isinstance(optimizer.state, MutableMapping):
        raise _lost(optimizer, f"its state as {type(optimizer.state).__name__}", _STATES)
    return optimizer.state


def _packed(optimizer: Stateful, key: object, value: Any) -> tuple[str, Tensor]:
    """A value as (`:<type>` or nothing, tensor)."""
    if not isinstance(key, str):
        raise _lost(optimizer, f"{key!r} under a key that is no text")
    if isinstance(value, Tensor):
        return "", value
    if not is_kept(value) or (type(value) is int and not -_LARGEST <= value < _LARGEST):
        raise _lost(optimizer, f"{key!r} as {type(value).__name__}")
    name = type(value).__name__
    return f":{name}", torch.tensor(value, dtype=_TYPES[name][1])


def _unpacked(type_name: str, tensor: Tensor) -> Any:
    return _TYPES[type_name][0](tensor.item()) if type_name else tensor.clone()


def _changed(group: Mapping[str, Any], beginning: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Tensors of a group, and numbers that are not as they were at the beginning; none that are ours."""
    for key, value in group.items():
        if key in OURS or not is_kept(value):
            continue
        was = beginning.get(key)
        if isinstance(value, Tensor) or type(value) is not type(was) or value != was:
            yield key, value


def is_kept(value: object) -> bool:
    """Whether a checkpoint can hold it."""
    return isinstance(value, Tensor) or type(value) in (int, float, bool)


def _restore_in_group(group: dict[str, Any], key: str, value: Tensor) -> None:
    name, _, type_name = key.partition(":")
    name, now = unquote(name), group.get(unquote(name))
    if not type_name and isinstance(now, Tensor) and now.shape == value.shape:
        now.copy_(value)  # others may hold the same tensor
    else:
        group[name] = _unpacked(type_name, value)


def _escaped(kind: str) -> str:
    """A kind without `/` and `:`, and none that is taken."""
    text = quote(kind, safe="")
    return f"%{ord(text[0]):X}{text[1:]}" if text == _MASTER or _GROUP.fullmatch(text) else text


def _lost(optimizer: Stateful, what: str, why: str | None = None) -> TrainingError:
    name = getattr(optimizer, "label", type(optimizer).__name__)
    return TrainingError(
        f"{name} keeps {what}",
        where="training_config.optimizer",
        why=why
        or "a checkpoint holds tensors, ints, floats and bools, and a run that goes on without the rest is "
        "another run",
        hint="choose another optimizer, such as adamw",
    )
