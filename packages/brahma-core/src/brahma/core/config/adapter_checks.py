"""Adapters, bits and new tokens: what of them makes no sense together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from brahma.core.config.problems import Mistake
from brahma.core.config.sections import Config, LoraSection, QuantizationSection, Text, Texts

_SHAPE = ("r", "alpha", "target_modules", "bias", "rslora", "dora", "modules_to_save")
"""What an adapter that is gone on with has already."""


def adapter_mistakes(config: Config) -> Iterator[Mistake]:
    """What in `lora_config`, `quantization` and `tokenizer.new_tokens` contradicts itself or the rest."""
    yield from _new_tokens(config)
    if config.quantization is not None:
        yield from _quantization(config.quantization, has_adapters=config.lora is not None)
    if config.lora is not None:
        yield from _place_of_adapters(config)
        yield from _lora(config.lora)


def _place_of_adapters(config: Config) -> Iterator[Mistake]:
    """Adapters learn on a base model that is there and stays as it is."""
    if config.model.base_model is None:
        text = "a new model has nothing to adapt: its frozen weights would be random"
        hint = 'give "base_model" in model_config, or remove lora_config'
        yield Mistake(("lora_config", "model_config"), text, hint)
    for key in ("freeze", "train_only"):
        if getattr(config.training, key) is not None:
            text = "stands beside lora_config, which freezes all of the base model"
            hint = 'remove it; "modules_to_save" in lora_config trains whole modules beside the adapters'
            yield Mistake((f"training_config.{key}", "lora_config"), text, hint)


def _lora(lora: LoraSection) -> Iterator[Mistake]:
    if lora.alpha is not None and "r" not in lora.model_fields_set and lora.adapter is None:
        text = "stands without r: the adapter is scaled by alpha / r"
        hint = f'give "r" in lora_config, {lora.r} for the default, or remove alpha'
        yield Mistake(("lora_config.alpha", "lora_config.r"), text, hint)
    if lora.adapter is not None:
        # A configuration that is written whole has the defaults in it.
        given = (key for key in _SHAPE if getattr(lora, key) != LoraSection.model_fields[key].default)
        for key in given:
            text = "stands beside adapter, whose own shape is gone on with"
            yield Mistake((f"lora_config.{key}", "lora_config.adapter"), text, "remove it")
    for key in ("target_modules", "modules_to_save", "stack"):
        yield from _doubled(f"lora_config.{key}", getattr(lora, key))
    if both := _names(lora.target_modules) & _names(lora.modules_to_save):
        text = f'"{min(both)}" is in target_modules as well: it is trained whole, or gets an adapter'
        yield Mistake(
            ("lora_config.modules_to_save", "lora_config.target_modules"), text, "name it in one of the two"
        )
    if lora.adapter is not None and lora.adapter in (lora.stack or ()):
        text = "is gone on with as well: an adapter is trained, or stays as it is"
        yield Mistake(("lora_config.stack", "lora_config.adapter"), text, "name it in one of the two")


def _quantization(quantization: QuantizationSection, *, has_adapters: bool) -> Iterator[Mistake]:
    if not has_adapters:
        text = "a quantized base model cannot be trained itself"
        hint = 'add "lora_config": {}: adapters are trained on it'
        yield Mistake(("quantization", "lora_config"), text, hint)
    yield from _doubled("quantization.skip_modules", quantization.skip_modules)
    bits = _bits_in(quantization.type)
    if bits is not None and bits != quantization.bits:
        text = f'"{quantization.type}" has {bits} bits, and "bits" is {quantization.bits}'
        hint = f'give "bits": {bits}' if bits in (4, 8) else 'for example "nf4" with 4 bits, "int8" with 8'
        yield Mistake(("quantization.type", "quantization.bits"), text, hint)


def _bits_in(type_name: str | None) -> int | None:
    """`nf4` -> 4, `float8_e4m3` -> 8; None where the name does not say."""
    found = re.match(r"[a-z]+?(\d+)", (type_name or "").lower())
    return int(found[1]) if found else None


def _new_tokens(config: Config) -> Iterator[Mistake]:
    tokenizer = config.tokenizer
    if tokenizer is None or tokenizer.new_tokens is None:
        return
    yield from _doubled("tokenizer.new_tokens", tokenizer.new_tokens)
    if any(not token.strip() for token in tokenizer.new_tokens):
        text = "a token of blanks alone would stand between all words"
        yield Mistake(("tokenizer.new_tokens",), text, "remove it")
    keys = ("tokenizer.new_tokens", "model_config.base_model")
    if config.lora is not None and config.lora.adapter is not None:
        text = "stand beside an adapter that is gone on with: its rows are trained, and no others"
        hint = (
            "remove them: the adapter's own tokenizer has its tokens; or train a new adapter on top (stack)"
        )
        yield Mistake(("tokenizer.new_tokens", "lora_config.adapter"), text, hint)
    if config.model.base_model is None:
        text = "are for a base model's tokenizer: a new model learns all of its tokens"
        yield Mistake(keys, text, "remove them")
    elif tokenizer.path is not None:
        text = "stand beside path: they join the base model's own tokenizer"
        hint = "remove one of the two; a tokenizer of your own can have the tokens in it"
        yield Mistake(("tokenizer.new_tokens", "tokenizer.path"), text, hint)


def _doubled(key: str, names: Text | Texts | None) -> Iterator[Mistake]:
    listed = names if isinstance(names, list) else []
    if double := next((name for name in listed if listed.count(name) > 1), None):
        yield Mistake((key,), f'"{double}" stands twice', "remove one of the two")


def _names(given: Text | Texts | None) -> set[str]:
    return {given} if isinstance(given, str) else set(given or ())
