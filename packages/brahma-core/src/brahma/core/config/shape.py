"""The architecture that `model_config` means, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brahma.core.config.nearest import nearest
from brahma.core.config.problems import Mistake
from brahma.core.config.sections import ModelSection
from brahma.core.presets import DEFAULTS, PRESETS

MODEL_TYPES = ("brahma", "llama", "mistral")
"""One and the same network; `mistral` is what transformers calls it where its Llama refuses the shape."""

NEEDED = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")

# Names of transformers.activations.ACT2FN that a gated feed-forward layer can use.
_ACTIVATIONS = (
    "silu",
    "swish",
    "gelu",
    "gelu_new",
    "gelu_pytorch_tanh",
    "relu",
    "relu2",
    "sigmoid",
    "mish",
    "tanh",
)
_NOT_SHAPE = frozenset({"preset", "base_model", "model_type", "sliding_window", "trust_remote_code"})


def explicit(section: ModelSection) -> dict[str, Any]:
    """The architecture keys that were given."""
    given = section.model_dump(exclude=set(_NOT_SHAPE))
    return {key: value for key, value in given.items() if value is not None}


def architecture(section: ModelSection) -> dict[str, Any]:
    """All architecture keys: given ones over the preset's over the defaults; a missing size is absent."""
    values = {**DEFAULTS, **PRESETS.get(section.preset or "", {}), **explicit(section)}
    hidden, heads = values.get("hidden_size"), values.get("num_attention_heads")
    if heads:
        values.setdefault("num_key_value_heads", heads)
    if hidden and heads and hidden % heads == 0:
        values.setdefault("head_dim", hidden // heads)
    return values


def model_mistakes(section: ModelSection) -> Iterator[Mistake]:
    """What makes no sense in a `model_config` by itself."""
    given = explicit(section)
    if section.base_model is not None:
        yield from _beside_base_model(section, given)
        return
    if section.trust_remote_code:
        yield _mistake("trust_remote_code", "has a meaning only with base_model", "remove it")
    if section.model_type not in (None, *MODEL_TYPES):
        yield _mistake(
            "model_type",
            f'"{section.model_type}" cannot be built from scratch',
            'write "brahma"; a model of another type is trained from its folder or hub id: "base_model"',
        )
    if section.preset is not None and section.preset not in PRESETS:
        near = nearest(section.preset, PRESETS)
        hint = f'did you mean "{near}"?' if near else f"presets: {', '.join(PRESETS)}"
        yield _mistake("preset", f'there is no preset "{section.preset}"', hint)
    elif section.preset is None and not given:
        yield Mistake(
            ("model_config",), "names no model", 'give "preset", "base_model" or the architecture\'s sizes'
        )
    else:
        yield from _shape_mistakes(architecture(section))


def _beside_base_model(section: ModelSection, given: Mapping[str, Any]) -> Iterator[Mistake]:
    if section.preset is not None:
        yield _mistake(
            "preset", "stands beside base_model: a model is new or it exists", "remove one of the two"
        )
    keys = [*given, *(["model_type"] if section.model_type is not None else [])]
    for key in keys:
        yield _mistake(key, "stands beside base_model, which has its own", "remove it")


def _shape_mistakes(values: Mapping[str, Any]) -> Iterator[Mistake]:
    missing = [key for key in NEEDED if key not in values]
    for key in missing:
        yield _mistake(key, "is missing", "an architecture needs it; or start from a preset")
    if missing:
        return
    heads, kv_heads, hidden = (
        values[key] for key in ("num_attention_heads", "num_key_value_heads", "hidden_size")
    )
    if heads % kv_heads:
        yield _mistake(
            "num_key_value_heads",
            f"{heads} heads cannot share {kv_heads} key-value heads",
            f"a divisor of {heads}",
        )
    if "head_dim" not in values:
        yield _mistake(
            "hidden_size",
            f"{hidden} is not a multiple of {heads} heads",
            f'give "head_dim", for example 128, or a multiple of {heads}',
        )
    elif values["head_dim"] % 2:
        yield _mistake(
            "head_dim", f"{values['head_dim']} is odd; rotary positions need pairs", "an even number"
        )
    if values["hidden_act"] not in _ACTIVATIONS:
        near = nearest(values["hidden_act"], _ACTIVATIONS) or ", ".join(_ACTIVATIONS)
        yield _mistake(
            "hidden_act", f'there is no activation "{values["hidden_act"]}"', f"did you mean {near}?"
        )
    for key in ("pad_token_id", "bos_token_id", "eos_token_id"):
        if values[key] >= values["vocab_size"]:
            yield _mistake(
                key, f"{values[key]} is not below vocab_size, {values['vocab_size']}", "a smaller id"
            )


def _mistake(key: str, text: str, hint: str) -> Mistake:
    return Mistake((f"model_config.{key}",), text, hint)
