"""Whether two models compute the same, as far as their precision tells.

How far logits may lie apart is measured on the model itself: each linear layer's output is shifted by one
unit in the last place, up or down at random, and what that does to the logits is the precision's error. A
merge rounds each weight once, so it should do about as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.modes import evaluating

ALLOWED = 4.0
"""Of the precision's error; measured for small models of each kind: 0.4 to 1.3."""

_MADE_UP = 2
"""Sequences of random ids."""

_LENGTH = 96
"""Tokens of a sequence at most."""


@dataclass(frozen=True)
class Outputs:
    """What a model makes of some sequences.

    Attributes:
        logits: float32 [N, V], of all positions.
        loss: mean negative log-likelihood of each sequence's next tokens, in nats.
    """

    logits: Tensor
    loss: float


def sequences(
    model: PreTrainedModel, real: Sequence[Sequence[int]], always: Sequence[int] = ()
) -> list[Tensor]:
    """Token ids [T] to try a model on: made-up ones over the whole vocabulary, and those of real text.

    Args:
        real: ids of texts; cut to what the model has positions for.
        always: ids that are among the made-up ones, such as those of new tokens.
    """
    weight: Any = model.get_input_embeddings().weight
    longest = min(_LENGTH, getattr(model.config, "max_position_embeddings", None) or _LENGTH)
    generator = torch.Generator().manual_seed(0)
    found = [torch.randint(weight.shape[0], (longest,), generator=generator) for _ in range(_MADE_UP)]
    found += [torch.tensor(always[start : start + longest]) for start in range(0, len(always), longest)]
    found += [torch.tensor(ids[:longest]) for ids in real if len(ids) > 1]
    return [ids.to(weight.device) for ids in found]


@torch.no_grad()
def outputs(model: PreTrainedModel, given: Sequence[Tensor]) -> Outputs:
    """The logits and the loss, one sequence after the other, without dropout."""
    with evaluating(model):
        each = [model(input_ids=ids[None], use_cache=False).logits[0].float().cpu() for ids in given]
    pairs = [(logits[:-1], ids[1:].cpu()) for logits, ids in zip(each, given, strict=True)]
    loss = F.cross_entropy(torch.cat([logits for logits, _ in pairs]), torch.cat([ids for _, ids in pairs]))
    return Outputs(torch.cat(each), float(loss))


def distance(first: Outputs, second: Outputs) -> float:
    """Root of the mean squared difference of the logits."""
    return float((first.logits - second.logits).square().mean().sqrt())


def precision_error(model: PreTrainedModel, given: Sequence[Tensor], dtype: torch.dtype) -> float:
    """How far logits move when each linear layer's output is off by one unit in the last place of `dtype`."""
    before = outputs(model, given)
    with _shifted(model, torch.finfo(dtype).eps):
        return distance(before, outputs(model, given))


@contextmanager
def _shifted(model: nn.Module, unit: float) -> Iterator[None]:
    generator = torch.Generator().manual_seed(1)

    def shift(_layer: nn.Module, _args: Any, output: Tensor) -> Tensor:
        signs = torch.randint(2, output.shape, generator=generator).to(output.device) * 2 - 1
        return (output.float() * (1 + unit * signs)).to(output.dtype)

    hooks = [
        module.register_forward_hook(shift)
        for module in model.modules()
        if hasattr(module, "in_features") and hasattr(module, "out_features") and not _inside(module)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _inside(module: nn.Module) -> bool:
    """Whether it is a wrapper, whose own layer is shifted."""
    return hasattr(module, "base_layer")
