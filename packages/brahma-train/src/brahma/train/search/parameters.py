"""What a search can vary: the keys of a configuration, by the names people type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from brahma.core.config import Config
from brahma.core.config.aliases import canonical
from brahma.core.config.draft import dotted
from brahma.core.config.formats import KeyPath
from brahma.core.config.nearest import normal
from brahma.core.config.schema import annotation_at, keys_of, section_in
from brahma.core.config.sections import Choice
from brahma.core.errors import ConfigError
from brahma.core.suggest import suggestion

Value = bool | int | float | str | None
"""What a parameter can be."""

Kind = Literal["whole", "number", "name", "other"]
"""What a key takes: whole numbers, numbers, one of several names, anything else."""

_SECTIONS = ("training_config", "lora_config", "model_config", "quantization")
"""What is searched in. A name alone means the key of the first section that has it."""

_HOMES = (*_SECTIONS, "data_config", "evaluation")
"""What a name alone is looked for in: who asks for seq_length is told why not."""

_MEASURED_ALIKE = "all trials are trained and measured on the same packs"
_NOT_LEARNING = "it changes nothing that the model learns"
_REFUSED: Mapping[str, str] = {
    "data_config": _MEASURED_ALIKE,
    "tokenizer": _MEASURED_ALIKE,
    "evaluation": "all trials are measured alike",
    "search": "it says how to search",
    "output_dir": _NOT_LEARNING,
    "run_name": _NOT_LEARNING,
    "model_config.preset": "a larger model would win by its size: search its lr for each size",
    "model_config.base_model": "trials go on from the same model",
    "training_config.max_minutes": "trials are compared after as many tokens, not minutes",
    **{
        f"training_config.{key}": _NOT_LEARNING
        for key in (
            *("logging_steps", "save_steps", "save_total_limit", "async_save", "trackers", "threads"),
            *("evaluation_strategy", "eval_steps", "backend", "deepspeed_config", "gradient_checkpointing"),
            "compile",
        )
    },
}
"""Keys, or sections, that no search varies, and why."""


@dataclass(frozen=True)
class Key:
    """A key that can be varied.

    Attributes:
        path: in a configuration.
        kind: what it takes.
        names: what it takes, for kind `name`; empty where only installed plugins tell.
    """

    path: KeyPath
    kind: Kind
    names: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """What the study calls it: `lr`, `lora_config.r`."""
        return dotted(self.path[1:]) if self.path[0] == "training_config" else dotted(self.path)


def find_key(name: str) -> Key:
    """The key that people mean by a name: `lr`, `learning_rate`, `r`, `training_config.optimizer.momentum`.

    Raises:
        ConfigError: no key is called so (the nearest names are given), or no search varies it.
    """
    where = "search.parameters"
    path = _path_of(name)
    if path is None:
        known = {word for key in searchable() for word in (key.name, str(key.path[-1]))}
        hint = suggestion(name, known, nothing="")
        raise ConfigError(f"no parameter is called {name!r}", where=where, hint=hint)
    for length in range(1, len(path) + 1):
        if why := _REFUSED.get(dotted(path[:length])):
            raise ConfigError(
                f"{dotted(path)} cannot be searched", where=where, why=why, hint=f"leave {name} out"
            )
    return _key(path)


def searchable() -> Iterator[Key]:
    """The keys that have a number, a name or a choice in them."""
    for section in _SECTIONS:
        inner = section_in(annotation_at(Config, (section,)))
        for name in keys_of(inner) if inner else ():
            key = _key((section, name))
            if key.kind != "other" and dotted(key.path) not in _REFUSED:
                yield key


def _path_of(name: str) -> KeyPath | None:
    parts = tuple(part if number else normal(part) for number, part in enumerate(name.split(".")))
    candidates = [canonical(parts), *(canonical((home, *parts)) for home in _HOMES)]
    return next((path for path in candidates if _exists(path)), None)


def _exists(path: KeyPath) -> bool:
    """Whether a path is a key, or an option of what is chosen by name."""
    if len(path) == 1 and section_in(annotation_at(Config, path)) is not None:
        return str(path[0]) in _REFUSED
    return annotation_at(Config, path) is not None or _is_option(path)


def _is_option(path: KeyPath) -> bool:
    chosen = section_in(annotation_at(Config, path[:-1]))
    return len(path) == 3 and chosen is not None and issubclass(chosen, Choice)


def _key(path: KeyPath) -> Key:
    annotation = annotation_at(Config, path)
    if annotation is None:
        return Key(path, "other")
    chosen = section_in(annotation)
    if chosen is not None and issubclass(chosen, Choice):
        return Key(path, "name")
    kinds = set(_bare(annotation)) - {NoneType}
    names = tuple(value for kind in kinds if get_origin(kind) is Literal for value in get_args(kind))
    if names and all(get_origin(kind) is Literal for kind in kinds):
        return Key(path, "name", names)
    if kinds == {bool}:
        return Key(path, "name", (False, True))
    if kinds == {int}:
        return Key(path, "whole")
    return Key(path, "number") if kinds == {float} else Key(path, "other")


def _bare(annotation: Any) -> Iterator[Any]:
    """The members of a union, each without its conditions."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _bare(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _bare(part)
    else:
        yield annotation
