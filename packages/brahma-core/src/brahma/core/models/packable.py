"""Whether a model computes packed documents exactly as each alone; refused with the reason otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from brahma.core.errors import ModelError
from brahma.core.models.attention import PACKED
from brahma.core.models.inputs import made_up, run
from brahma.core.modes import evaluating

_REACHES = ("sliding_window", "attention_chunk_size")
"""How far a token looks back, under the names of configurations and modules."""

_SLOTS = ("floor_scale",)
"""Lengths at which some models change what they compute, counted in slots of a batch, not of a document."""

_SHORT = 3
"""What these become while two short documents are tried: short enough for each document to go beyond."""

_OWN_CODE = "its attention is its own code, which knows no documents"
_PACKABLE = "choose a base model with plain causal attention (Llama, Mistral, Qwen, Gemma, GPT-2, …)"


def check_packable(model: PreTrainedModel, *, longest: int | None = None) -> None:
    """Run two short documents packed, and each alone by the model's own attention: the logits must agree.

    So nothing is trained that mixes documents, or whose attention has more to it than packed attention
    computes: used by itself, such a model would be another than the one that was trained. A window that is
    shorter than the documents to come is made shorter than the tried ones for as long, so that it is seen.

    Args:
        longest: length of the longest document that will come; None: any.

    Raises:
        ModelError: they differ, or it cannot run with packed attention, or it has a loss of its own beside.
    """
    name = type(model).__name__
    _refuse_router_loss(model)
    if model.config._attn_implementation != PACKED:
        raise ModelError(
            f"{name} was loaded with another attention than {PACKED}", hint="load it with load_model"
        )
    refuse_changing_positions(model, longest)
    try:
        difference, scale = _difference(model, longest)
    except ModelError:
        raise
    except Exception as error:  # whatever a model's code may raise that was not written for packs
        raise ModelError(
            f"{name} cannot run on packed documents",
            why=_OWN_CODE
            if _has_own_attention(model)
            else f"{type(error).__name__}: {error}".splitlines()[0],
            hint=_PACKABLE,
        ) from error
    if not difference <= (1e-4 if model.dtype == torch.float32 else 0.05) * scale:
        raise ModelError(
            f"{name} gives other logits for packed documents than for each alone (by {difference:.2g})",
            why=_reason(model, longest),
            hint=_hint(model, longest),
        )


def _refuse_router_loss(model: PreTrainedModel) -> None:
    if getattr(model.config.get_text_config(), "output_router_logits", False):
        raise ModelError(
            f"{type(model).__name__} adds an auxiliary router loss of its own",
            hint="set output_router_logits to false in the base model's config.json",
        )


def refuse_changing_positions(model: PreTrainedModel, longest: int | None) -> None:
    """Rotary frequencies of the kind `longrope` follow the longest document of a batch, not each its own."""
    given = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    for each in (given, *(part for part in given.values() if isinstance(part, dict))):
        limit = each.get("original_max_position_embeddings")
        if each.get("rope_type") == "longrope" and limit and (longest is None or longest > limit):
            raise ModelError(
                f"{type(model).__name__} computes short documents otherwise when a long one is beside them",
                why=f"its rotary positions (longrope) change beyond {limit} tokens",
                hint=f"set data_config.seq_length to at most {limit}",
            )


def _has_own_attention(model: PreTrainedModel) -> bool:
    """Whether its code does not ask transformers for the attention to use."""
    return not any(getattr(model, f"_supports_{kind}", False) for kind in ("sdpa", "attention_backend"))


def _reason(model: PreTrainedModel, longest: int | None) -> str:
    if getattr(model, "_is_stateful", False):
        return "it carries a state from token to token, which does not stop at a document's border"
    if _has_own_attention(model):
        return _OWN_CODE
    if _chunk(model, longest):
        return "its attention goes by chunks of a fixed length, which packed attention does not compute"
    return (
        "its attention or its mixing layers do not follow the documents' borders, or compute more than "
        "packed attention does"
    )


def _hint(model: PreTrainedModel, longest: int | None) -> str:
    if chunk := _chunk(model, longest):
        return f"set data_config.seq_length to at most {chunk}, or {_PACKABLE}"
    return _PACKABLE


def _chunk(model: PreTrainedModel, longest: int | None) -> int | None:
    chunk: int | None = getattr(model.config.get_text_config(), "attention_chunk_size", None)
    return chunk if chunk and (longest is None or chunk < longest) else None


def _difference(model: PreTrainedModel, longest: int | None) -> tuple[float, float]:
    """Largest difference of the logits, packed and alone, and the largest of those alone."""
    with evaluating(model), short_windows(model, longest):
        packed = _logits(model, (5, 11))
        model.set_attn_implementation("eager")
        try:
            alone = torch.cat([_logits(model, (5,)), _logits(model, (11,))])
        finally:
            model.set_attn_implementation(PACKED)
    return float((packed - alone).abs().max()), float(alone.abs().max())


@contextmanager
def short_windows(model: PreTrainedModel, longest: int | None) -> Iterator[None]:
    """Windows that a document can go beyond are shorter inside than any document that is tried."""
    owners: dict[int, Any] = {id(module): module for module in model.modules()}
    owners |= {id(config): config for config in (model.config, model.config.get_text_config())}
    owners |= {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}
    changed: list[tuple[Any, str, int]] = []
    for owner in owners.values():
        for key in (*_REACHES, *_SLOTS):
            value = getattr(owner, key, None)
            reached = key in _SLOTS or longest is None or (isinstance(value, int) and value < longest)
            if isinstance(value, int) and value > _SHORT and reached:
                changed.append((owner, key, value))
    for owner, key, _ in changed:
        setattr(owner, key, _SHORT)
    try:
        yield
    finally:
        for owner, key, value in changed:
            setattr(owner, key, value)


@torch.no_grad()
def _logits(model: PreTrainedModel, lengths: tuple[int, ...]) -> Tensor:
    """float32 logits [N, V] of made-up documents."""
    logits: Tensor = run(model, made_up(model, lengths)).logits[0]
    return logits.float()
