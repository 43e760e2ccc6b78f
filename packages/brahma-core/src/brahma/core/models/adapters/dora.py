"""DoRA on quantized layers: it needs their weights, and asks peft for them."""

from __future__ import annotations

import torch
from torch import nn

from brahma.core.error_text import first_line
from brahma.core.errors import ModelError
from brahma.core.models.quantization import dequantized, quantized_layers

_ROUNDING = 0.01
"""Of the weights' norm: two ways to compute them, in the lower precisions."""


@torch.no_grad()
def check_dora(model: nn.Module, where: str) -> None:
    """Refuse a quantizer whose weights peft cannot read, or reads wrongly. One layer stands for all.

    Raises:
        ModelError: with the quantizer that can.
    """
    for name, layer in quantized_layers(model):
        if (why := _why_not(layer)) is not None:
            raise ModelError(
                "DoRA cannot be trained on layers of this quantizer",
                where=where,
                why=f"it needs the weights of {name}, and {why}",
                hint='"quantizer": "bitsandbytes" can; or remove dora',
            )
        return


def _why_not(layer: nn.Module) -> str | None:
    from peft.utils.integrations import dequantize_module_weight

    expected = dequantized(layer).weight.float()
    try:
        found = dequantize_module_weight(layer).float()
    except Exception as error:  # whatever comes of a layer that peft does not know
        return f"peft cannot read them ({first_line(error)})"
    if found.shape != expected.shape or (found - expected).norm() > _ROUNDING * expected.norm():
        return "peft reads other values there"
    return None
