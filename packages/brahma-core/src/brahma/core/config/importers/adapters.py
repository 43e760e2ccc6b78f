"""Adapters and bits of the peers: the keys that mean the same, whatever they are called."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from brahma.core.config.importers import reasons
from brahma.core.config.importers.peer import Default
from brahma.core.config.importers.rules import Outcome, Rule, Source, custom, is_off, items_of, only_if, to

_LORA, _QUANTIZATION = "lora_config", "quantization"
_NEW_TOKENS = "tokenizer.new_tokens"

Condition = Callable[[Source], bool]


def target_modules(value: Any) -> Any:
    """Names of layers; `all` and `all_linear` are every linear layer."""
    names = items_of(value)
    if pattern := next((name for name in names if re.search(r"[\\^$()\[\]+|?{}]", name)), None):
        raise ValueError(f"{pattern} is a regular expression; here layers are named: left out")
    if len(names) == 1:
        word = names[0]
        return "all-linear" if word.replace("_", "-") in ("all", "all-linear") else word
    return names


def names(value: Any) -> list[str]:
    return items_of(value)


def switch(target: str) -> Rule:
    """A variant that is on or off; off is our default and is not written."""

    def apply(value: Any, source: Source) -> Outcome:
        if is_off(value):
            return Outcome("dropped", "off, as by default here")
        return Outcome("mapped", "", {target: True})

    return custom(f"`{target}`", apply)


TARGETS = to(f"{_LORA}.target_modules", target_modules)
SAVED_MODULES = to(f"{_LORA}.modules_to_save", names)
RSLORA, DORA = switch(f"{_LORA}.rslora"), switch(f"{_LORA}.dora")
LR_RATIO = to(f"{_LORA}.lr_ratio")
DOUBLE = switch(f"{_QUANTIZATION}.double_quantization")
TYPE = to(f"{_QUANTIZATION}.type")


def method(is_adapter: Condition) -> Rule:
    """What switches adapters on."""

    def apply(value: Any, source: Source) -> Outcome:
        if is_adapter(source):
            return Outcome("mapped", "adapters are trained: see lora_config")
        return Outcome("dropped", "off, as here: all weights are trained")

    return custom(f"`{_LORA}`", apply)


def bits(number_of_bits: int, trains_adapters: Condition) -> Rule:
    """A base model in few bits, which only exists under adapters."""

    def apply(value: Any, source: Source) -> Outcome:
        if is_off(value):
            return Outcome("dropped", "off, as here")
        if not trains_adapters(source):
            return Outcome("check", "no adapter is trained, and whole weights are not trained in few bits")
        return Outcome("mapped", "", {f"{_QUANTIZATION}.bits": number_of_bits})

    return custom(f"`{_QUANTIZATION}.bits`", apply)


def folder(path: str, source: Source) -> str:
    """The folder of an adapter, as it is written from the new file."""
    return source.path(path)


def folder_note(paths: list[str]) -> str:
    """What to do about adapters that are not on this machine; empty where all are."""
    absent = [path for path in paths if not os.path.isdir(os.path.expanduser(path))]
    return f"no such folder here: lay the adapter {', '.join(absent)} there" if absent else ""


def go_on(value: Any, source: Source) -> Outcome:
    """One adapter that is trained on."""
    if not isinstance(value, str):
        return Outcome("check", "the folder of an adapter was expected: left out", about=f"{_LORA}.adapter")
    note = folder_note([value])
    return Outcome("fill" if note else "mapped", note, {f"{_LORA}.adapter": folder(value, source)})


GO_ON = custom(f"`{_LORA}.adapter`", go_on)


def new_tokens(*keys: str) -> Rule:
    """Tokens that join the base model's tokenizer, from all of the peer's keys for them."""

    def apply(value: Any, source: Source) -> Outcome:
        tokens = list(dict.fromkeys(token for key in keys for token in items_of(source.get(key) or [])))
        if not tokens:
            return Outcome("dropped", "none are added")
        note = "special tokens here; under adapters only their rows are trained"
        return Outcome("mapped", note, {_NEW_TOKENS: tokens})

    return custom(f"`{_NEW_TOKENS}`", apply)


def in_four_bits(flag: str, trains_adapters: Condition) -> Condition:
    """Of a source: whether the base model is quantized to 4 bits."""
    return lambda source: trains_adapters(source) and source.get(flag) in (True, 4)


def four_bit_defaults(condition: Condition, *, double: bool) -> tuple[Default, ...]:
    """What bitsandbytes does through the peers when nothing else is said.

    Args:
        double: whether the peer quantizes the scales as well.
    """
    found = [
        Default(f"{_QUANTIZATION}.type", "nf4", when=condition),
        Default(f"{_QUANTIZATION}.group_size", 64, "the group of bitsandbytes", when=condition),
    ]
    if double:
        found.append(Default(f"{_QUANTIZATION}.double_quantization", True, when=condition))
    return tuple(found)


def only_under(trains_adapters: Condition, table: dict[str, Rule]) -> dict[str, Rule]:
    """Keys that have no effect where no adapter is trained."""
    return {key: only_if(trains_adapters, reasons.ADAPTER_OFF, rule) for key, rule in table.items()}
