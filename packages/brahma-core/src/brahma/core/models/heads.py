"""Output heads as the chunked loss takes them: from hidden states to the logits that the model gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.models.attention import PACKED
from brahma.core.models.inputs import Inputs, decoder_of, made_up, run
from brahma.core.models.loss import Head
from brahma.core.modes import evaluating

if TYPE_CHECKING:
    from peft.utils.other import ModulesToSaveWrapper, TrainableTokensWrapper

_Bend = tuple[float, float]
"""What the logits are multiplied by, and the bound that they are then bent to; (1, 0): neither."""

_known: WeakKeyDictionary[PreTrainedModel, tuple[type[nn.Module], _Bend | None]] = WeakKeyDictionary()


def head_of(model: PreTrainedModel) -> Head | None:
    """The model's head, with the weights that it has now.

    Returns:
        None: the logits are not `bend(head(decoder(ids)))`, or the head is no plain linear layer, such as
        one with an adapter of its own.
    """
    head = model.get_output_embeddings()
    weights = None if head is None else _weights(head)
    if weights is None:
        return None
    known = _known.get(model)
    if known is None or known[0] is not type(head):
        known = _known[model] = type(head), _find_bend(model, head, weights)
    return None if known[1] is None else Head(*weights, *known[1])


def _weights(head: nn.Module) -> tuple[Tensor, Tensor | None] | None:
    """Weight [V, H] and bias [V] of a head; of one that peft wraps, those that it computes with."""
    if isinstance(head, nn.Linear):
        return head.weight, head.bias
    if type(head).__module__.startswith("peft."):
        return _weights_under_peft(head)
    return None


def _weights_under_peft(head: nn.Module) -> tuple[Tensor, Tensor | None] | None:
    from peft.utils.other import ModulesToSaveWrapper, TrainableTokensWrapper

    if isinstance(head, ModulesToSaveWrapper):
        return _weights(_saved_whole(head))
    if isinstance(head, TrainableTokensWrapper) and isinstance(head.original_module, nn.Linear):
        return _with_trained_rows(head)
    return None


def _saved_whole(head: ModulesToSaveWrapper) -> nn.Module:
    active = [] if head.disable_adapters else head.active_adapters
    module = head.modules_to_save[active[0]] if active else head.original_module
    assert isinstance(module, nn.Module)
    return module


def _with_trained_rows(head: TrainableTokensWrapper) -> tuple[Tensor, Tensor | None]:
    layer, base = head.token_adapter, head.original_module
    if head.disable_adapters or layer.merged or not layer.active_adapters:
        return base.weight, base.bias
    return layer.get_merged_weights(layer.active_adapters), None  # peft's own forward leaves out the bias


@torch.no_grad()
def _find_bend(
    model: PreTrainedModel, head: nn.Module, weights: tuple[Tensor, Tensor | None]
) -> _Bend | None:
    """Try it: the head reads what the decoder gives, is linear, and its output, bent, are the logits.

    The head's output is replaced on its way by large numbers, because a bound hardly shows on small ones.
    """
    decoder = decoder_of(model)
    if head is decoder:
        return None
    seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def swap(_head: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        given = torch.linspace(-100, 100, output.numel()).to(output).view_as(output)
        seen.append((args[0], output, given))
        return given

    inputs = made_up(model, (8,))
    with head.register_forward_hook(swap), evaluating(model):
        logits = _run_one(model, model, inputs).logits
        hidden = getattr(_run_one(model, decoder, inputs), "last_hidden_state", None)
    if hidden is None or len(seen) != 1:
        return None
    read, output, given = seen[0]
    if not torch.equal(read, hidden) or not (
        isinstance(head, nn.Linear) or _is_linear(read, weights, output)
    ):
        return None
    return _bend_between(model, given, logits)


def _run_one(model: PreTrainedModel, module: nn.Module, inputs: Inputs) -> Any:
    """What the model or its decoder gives for one document.

    Where it has its own attention, without borders: some models refuse those that they cannot follow.
    """
    if model.config._attn_implementation == PACKED:
        return run(module, inputs)
    return module(input_ids=inputs.input_ids, use_cache=False)


def _is_linear(read: Tensor, weights: tuple[Tensor, Tensor | None], output: Tensor) -> bool:
    """Whether a wrapped head computes with these weights and nothing more."""
    allowed = _error(output) * float(output.abs().max())
    return torch.allclose(output, F.linear(read, *weights), rtol=0, atol=allowed)


def _bend_between(model: PreTrainedModel, given: Tensor, logits: Tensor) -> _Bend | None:
    """How `given` became `logits`: not at all, bit for bit, or by what the configuration names."""
    if torch.equal(given.float(), logits.float()):
        return 1.0, 0.0
    config = model.config.get_text_config()
    factors = [
        1.0,
        getattr(config, "logit_scale", None),
        1 / (getattr(config, "logits_scaling", None) or 1.0),
    ]
    caps = [0.0, getattr(config, "final_logit_softcapping", None)]
    for factor in (float(each) for each in factors if each):
        for cap in (float(each) for each in caps if each is not None):
            expected = Head(given, None, factor, cap).bent(given.float())
            if torch.allclose(expected, logits.float(), rtol=_error(logits), atol=0):
                return factor, cap
    return None


def _error(x: Tensor) -> float:
    """Relative rounding error to be expected of a few operations in this precision."""
    return 8 * torch.finfo(x.dtype).eps
