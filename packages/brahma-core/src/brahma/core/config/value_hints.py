"""What to write instead of a value of the wrong kind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from brahma.core.config.formats import KeyPath
from brahma.core.config.nearest import nearest
from brahma.core.presets import PRESETS

_FIRST_KEYS: Mapping[KeyPath, str] = {
    ("model_config",): "base_model",
    ("data_config",): "train",
    ("lora_config",): "r",
    ("quantization",): "bits",
    ("tokenizer", "train"): "vocab_size",
}
"""The key of a section that a lone value is likely to be meant for."""

_ADVICE: Mapping[KeyPath, str] = {
    (
        "lora_config",
        "r",
    ): "8 to 64 are usual, 16 is the default; without lora_config all weights train",
    ("quantization", "bits"): "4 takes the least memory, 8 is nearer to the original weights",
}
"""What to say of a number that is out of reach."""


def value_hint(path: KeyPath, value: Any, words: str) -> str | None:
    """What to write at a key; None when there is nothing better to say than what the key does.

    Args:
        words: what the key takes, as `expected` says it.
    """
    if path in _FIRST_KEYS and not isinstance(value, list | None):
        return _as_section(path, value)
    if path in _ADVICE and isinstance(value, int | float) and not isinstance(value, bool):
        return _ADVICE[path]
    if isinstance(value, str):
        return _for_text(value, words)
    if isinstance(value, float) and "whole number" in words:
        return _for_fraction(value)
    if isinstance(value, int | float) and words.startswith("a string"):
        return "put it in quotes"
    return None


def _as_section(path: KeyPath, value: Any) -> str:
    if isinstance(value, bool):
        return f'write "{path[-1]}": {{}} for its defaults' if value else f'remove "{path[-1]}"'
    key = "preset" if value in PRESETS else _key_for(path, value)
    return f'write "{path[-1]}": {{"{key}": {json.dumps(value, ensure_ascii=False)}}}'


def _key_for(path: KeyPath, value: Any) -> str:
    if path == ("quantization",) and isinstance(value, str):
        return "type"
    return "target_modules" if path == ("lora_config",) and isinstance(value, str) else _FIRST_KEYS[path]


def _for_text(value: str, words: str) -> str | None:
    choices = [part.strip('" ') for part in words.removeprefix("one of ").split(",")] if '"' in words else []
    if near := nearest(value, choices):
        return f'did you mean "{near}"?'
    if value.lower() in ("true", "false", "yes", "no", "on", "off") and "true or false" in words:
        return f"write {str(value.lower() in ('true', 'yes', 'on')).lower()}, without quotes"
    if "number" in words and _is_number(value):
        return f"write {value.strip()}, without quotes"
    if words == "a list of names" and value:
        return f'write ["{value}"]'
    if "letters, digits" in words and (usable := re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("._-")):
        return f'for example "{usable[:128]}"'
    return None


def _for_fraction(value: float) -> str | None:
    if value.is_integer():
        return f"write {value:.0f}"
    return "give a count, not a part of something" if 0 < value < 1 else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
