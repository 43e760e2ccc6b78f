"""A model in another state for a while, and then exactly as it was. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """`model.eval()` inside; each module's own mode afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def attention(model: PreTrainedModel, name: str) -> Iterator[None]:
    """The attention function of that name inside: `brahma_packed` to score, `sdpa` to write with a cache.

    A model whose attention is its own code, such as BLOOM, has no other; its masks still follow the name, and
    those of `eager` are what such code reads, unless it says that it has an `sdpa` of its own, as Falcon.
    """
    before = model.config._attn_implementation
    if not model._can_set_attn_implementation():
        name = "eager" if name == "sdpa" and not model._supports_sdpa else name
    if before == name:
        yield
        return
    _set_attention(model, name)
    try:
        yield
    finally:
        _set_attention(model, before)


def _set_attention(model: PreTrainedModel, name: str) -> None:
    if model._can_set_attn_implementation():
        model.set_attn_implementation(name)
    else:
        model.config._attn_implementation = name
