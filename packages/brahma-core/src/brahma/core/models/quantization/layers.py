"""Which layers of a model are quantized, and how many weights share a scale in each."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from brahma.core.errors import ConfigError, ModelError
from brahma.core.layer_roles import ends_with
from brahma.core.models.inputs import decoder_of
from brahma.core.quantizers import ChosenQuantizer
from brahma.core.suggest import suggestion

SMALLER = (128, 64, 32)
"""Group sizes that are tried, largest first, where the one asked for does not divide a layer's width."""

_SKIPPED = "skip_modules names it"
_SHOWN = 12
"""Patterns of layers that a line tells of."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuantizationReport:
    """What becomes of the layers with weight matrices, by name; the embeddings and the head apart.

    Attributes:
        group_sizes: of the quantized ones: weights that share a scale; None: a whole row.
        left: the others, and why.
    """

    group_sizes: dict[str, int | None]
    left: dict[str, str]


def plan_layers(model: PreTrainedModel, chosen: ChosenQuantizer) -> QuantizationReport:
    """Decide for each layer. Reads names and shapes only: the model may be on the meta device.

    Raises:
        ConfigError: `skip_modules` names what is not there, no layer's width takes the group size, or with
            `strict` there is one that does not.
        ModelError: nothing of the model can be quantized.
    """
    linears, left = _sorted_out(model)
    for name in _skipped(linears, model, chosen.section.skip_modules or ()):
        del linears[name]
        left[name] = _SKIPPED
    if not linears:
        raise _nothing_to_quantize(model, left)
    sizes: dict[str, int | None] = {}
    for name, linear in linears.items():
        size = _group_size(linear.in_features, chosen)
        if size == 0:
            left[name] = _no_multiple(linear.in_features, chosen)
        else:
            sizes[name] = size
    _check_sizes(sizes, linears, left, chosen)
    return QuantizationReport(sizes, left)


def log_deviations(report: QuantizationReport, chosen: ChosenQuantizer, model: PreTrainedModel) -> None:
    """One line for all layers that are not as they were asked for, each pattern of names once."""
    found = {name: f"stays as it is ({why})" for name, why in report.left.items() if why != _SKIPPED}
    for name, size in report.group_sizes.items():
        if size != chosen.group_size:
            width = getattr(model.get_submodule(name), "in_features", 0)
            found[name] = f"{size} ({_no_multiple(width, chosen)})"
    if found:
        asked = "whole rows" if chosen.group_size is None else f"group_size {chosen.group_size}"
        _log.warning("not quantized with %s: %s", asked, "; ".join(_patterns(found)))


def _sorted_out(model: PreTrainedModel) -> tuple[dict[str, nn.Linear], dict[str, str]]:
    """The linear layers, and what else holds matrices; not the embeddings, not the head."""
    head = _head_of(model)
    shared = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    linears: dict[str, nn.Linear] = {}
    left: dict[str, str] = {}
    for name, module in model.named_modules():
        if module in head or isinstance(module, nn.Embedding):
            continue
        if type(module) is nn.Linear:  # a subclass computes something else
            if shared[id(module.weight)] > 1:
                left[name] = "its weight is another layer's as well"
            else:
                linears[name] = module
        elif any(p.dim() > 1 for p in module.parameters(recurse=False)):
            left[name] = f"{type(module).__name__} is no linear layer of torch's"
    return linears, left


def _head_of(model: PreTrainedModel) -> set[nn.Module]:
    """The output head; of one that has several layers, as ModernBERT's, all of them."""
    inside = {*model.base_model.modules(), *decoder_of(model).modules()}
    last = model.get_output_embeddings()
    return {module for module in model.modules() if module is last or module not in inside}


def _skipped(linears: Mapping[str, nn.Linear], model: PreTrainedModel, ends: Iterable[str]) -> list[str]:
    """The layers whose names end so, by whole parts: `down_proj`, `mlp.down_proj`, …"""
    head = _head_of(model)
    names = [*linears, *(name for name, module in model.named_modules() if name and module in head)]
    found: set[str] = set()
    for end in ends:
        matching = {name for name in names if ends_with(name, end)}
        if not matching:
            known = {name.rpartition(".")[2] for name in names}
            raise ConfigError(
                f"no layer's name ends with {end!r}",
                where="quantization.skip_modules",
                hint=suggestion(end, known, nothing="remove it"),
            )
        found |= matching
    return [name for name in linears if name in found]


def _group_size(width: int, chosen: ChosenQuantizer) -> int | None:
    """What is asked for, a smaller one that divides the width, or 0 for none."""
    asked = chosen.group_size
    if asked is None or width % asked == 0:
        return asked
    smaller = (size for size in SMALLER if size < asked and size in chosen.format.group_sizes)
    return next((size for size in smaller if width % size == 0), 0)


def _no_multiple(width: int, chosen: ChosenQuantizer) -> str:
    return f"its width {width} is no multiple of {chosen.group_size}"


def _check_sizes(
    sizes: Mapping[str, int | None],
    linears: Mapping[str, nn.Linear],
    left: Mapping[str, str],
    chosen: ChosenQuantizer,
) -> None:
    asked = chosen.group_size
    if asked is None:
        return
    others = {name: layer for name, layer in linears.items() if layer.in_features % asked}
    if not others:
        return
    if len(others) == len(linears):
        raise ConfigError(
            f"no layer takes groups of {asked}",
            where="quantization.group_size",
            why=f"the layers are {_widths(linears)} wide",
            hint=_sizes_that_work(linears.values(), chosen),
        )
    if chosen.section.strict:
        texts = {name: _no_multiple(layer.in_features, chosen) for name, layer in others.items()}
        raise ConfigError(
            f"{len(others)} of {len(linears)} layers do not take groups of {asked}",
            where="quantization.strict",
            why="; ".join(_patterns(texts)),
            hint=f"{_sizes_that_work(linears.values(), chosen)}; or name them in skip_modules; without "
            "strict they get smaller groups, or stay as they are",
        )


def _sizes_that_work(linears: Iterable[nn.Linear], chosen: ChosenQuantizer) -> str:
    """The offered sizes that divide all widths, or else at least one."""
    widths = {layer.in_features for layer in linears}
    offered = chosen.format.group_sizes
    good = [size for size in offered if all(width % size == 0 for width in widths)]
    good = good or [size for size in offered if any(width % size == 0 for width in widths)]
    if not good:
        return '"group_size": "row", where a quantizer can do that, or no quantization'
    return f'"group_size": {" or ".join(map(str, good))}'


def _nothing_to_quantize(model: PreTrainedModel, left: Mapping[str, str]) -> ModelError:
    return ModelError(
        f"nothing of {type(model).__name__} can be quantized",
        where="quantization",
        why="; ".join(_patterns(left)) or "it has no linear layers",
        hint="remove quantization, or choose a model of linear layers (Llama, Mistral, Qwen, …)",
    )


def _widths(linears: Mapping[str, nn.Linear]) -> str:
    return ", ".join(map(str, sorted({layer.in_features for layer in linears.values()})))


def _patterns(texts: Mapping[str, str]) -> Iterator[str]:
    """`model.layers.*.mlp.down_proj: …` for layers that differ in their numbers alone."""
    found = dict.fromkeys((re.sub(r"(?<![^.])\d+(?![^.])", "*", name), text) for name, text in texts.items())
    yield from (f"{name}: {text}" for name, text in list(found)[:_SHOWN])
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more"
