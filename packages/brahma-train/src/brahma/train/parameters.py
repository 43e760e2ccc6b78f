"""A model's parameters by what they are: by a word such as `embeddings`, or by a pattern of names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Literal

from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.errors import ConfigError
from brahma.core.models.forward import decoder_of
from brahma.core.suggest import nearest

Role = Literal["embedding", "head", "norm", ""]
WORDS = ("embeddings", "head", "norms", "last_layers")
_LAST_LAYERS = "last_layers"
_SHOWN = 6


class NamedParameters:
    """The parameters of a model, each storage once, and the words for parts of it.

    Attributes:
        names: as `model.named_parameters()` has them; a tied parameter has the name of the first place.
        tied: the head's matrix is that of the embeddings.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._parameters = dict(model.named_parameters())
        self.names = list(self._parameters)
        self._name_of = {id(parameter): name for name, parameter in self._parameters.items()}
        self._modules = {name: module for name, module in model.named_modules() if name}
        self._embeddings = self._inside(_embeddings(model))
        self._head = self._inside([model.get_output_embeddings()])
        self._norms = self._inside(module for module in model.modules() if _is_norm(module))
        self._layers = [self._inside([layer]) for layer in _layers(model)]
        self.tied = bool(self._embeddings & self._head)

    def role(self, name: str) -> Role:
        """What a parameter is; a tied head counts as the embeddings."""
        if name in self._embeddings:
            return "embedding"
        if name in self._head:
            return "head"
        return "norm" if name in self._norms else ""

    def size(self, names: Iterable[str]) -> int:
        """Numbers in these parameters."""
        return sum(self._parameters[name].numel() for name in names)

    def select(self, choice: str, where: str) -> set[str]:
        """The names of the parameters that a word or a pattern stands for.

        A pattern is that of a shell (`*`, `?`, `[ab]`) for whole names, of parameters or of modules that
        hold them: `model.layers.0` is all of that layer.

        Args:
            choice: `embeddings` (tables of tokens and positions), `head`, `norms`, `last_layers=K`, or a
                pattern.
            where: the key that says so, for the errors.

        Raises:
            ConfigError: it stands for nothing in this model; the nearest names are given.
        """
        word, equals, number = (part.strip() for part in choice.partition("="))
        if word == _LAST_LAYERS:
            return self._last(number, where, given=bool(equals))
        found = self._word(word) if not equals else None
        if found is None:
            found = {name for name in self.names if fnmatchcase(name, choice)}
            found |= self._inside(
                module for name, module in self._modules.items() if fnmatchcase(name, choice)
            )
        if not found:
            raise ConfigError(
                f'"{choice}" is no parameter of this model', where=where, hint=self._hint(choice)
            )
        return found

    def _word(self, word: str) -> set[str] | None:
        return {"embeddings": self._embeddings, "head": self._head, "norms": self._norms}.get(word)

    def _last(self, number: str, where: str, *, given: bool) -> set[str]:
        if not (number.isdecimal() and int(number) > 0):
            raise ConfigError(
                f'"{_LAST_LAYERS}{"=" if given else ""}{number}": how many is not said',
                where=where,
                hint='give a whole number above 0, such as "last_layers=2"',
            )
        if int(number) > len(self._layers):
            raise ConfigError(
                f'"{_LAST_LAYERS}={number}": this model has {len(self._layers)} layers',
                where=where,
                hint=f"give {len(self._layers)} or less"
                if self._layers
                else "name its parameters by patterns",
            )
        return set().union(*self._layers[-int(number) :])

    def _hint(self, choice: str) -> str:
        """The nearest word, name or part of a name; else what the names look like."""
        known = [*WORDS, *self.names, *self._modules]
        if close := nearest(choice, known):
            return f'did you mean "{close}"?'
        core = choice.strip("*.")
        parts = {part for name in self.names for part in name.split(".")}
        if core and (close := nearest(core, [*sorted(parts), *known])):
            return f'did you mean "{choice.replace(core, close)}"?'
        shapes = list(dict.fromkeys(re.sub(r"\.\d+(?=\.|$)", ".*", name) for name in self.names))
        more = f" and {len(shapes) - _SHOWN} more" if len(shapes) > _SHOWN else ""
        words = f"embeddings, head, norms, {_LAST_LAYERS}=K"
        return f"there are {words}, and parameters such as: {', '.join(shapes[:_SHOWN])}{more}"

    def _inside(self, modules: Iterable[nn.Module | None]) -> set[str]:
        parameters: Iterator[Tensor] = (
            p for module in modules if module is not None for p in module.parameters()
        )
        return {self._name_of[id(p)] for p in parameters if id(p) in self._name_of}


def _embeddings(model: PreTrainedModel) -> Iterator[nn.Module]:
    yield model.get_input_embeddings()
    yield from (module for module in model.modules() if isinstance(module, nn.Embedding))


def _is_norm(module: nn.Module) -> bool:
    """By the name of its class: each architecture has one of its own (`LlamaRMSNorm`, `LayerNorm`, …)."""
    return "norm" in type(module).__name__.lower() and not any(True for _ in module.children())


def _layers(model: PreTrainedModel) -> list[nn.Module]:
    """The decoder's layers, first to last: the longest list of modules that is its own."""
    lists = [module for module in decoder_of(model).children() if isinstance(module, nn.ModuleList)]
    return max((list(layers) for layers in lists), key=len, default=[])
