"""What a quantizer does: it takes the place of linear layers, one at a time.

Which layers, with which group size, in which order they are read from the disk: all that is ours, and the
same for each quantizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from brahma.core.entries import QuantizedFormat


@dataclass(frozen=True)
class QuantizedLayers:
    """What the target of a `QuantizerEntry` is given.

    Attributes:
        format: the chosen one of the entry's formats.
        double_quantization: quantize the scales as well.
        compute_dtype: what products are computed in. What a layer gives back has the dtype of its input.
        device: where the layers compute.
    """

    format: QuantizedFormat
    double_quantization: bool
    compute_dtype: torch.dtype
    device: torch.device


class Quantizer(Protocol):
    """What that target makes. A quantized layer is frozen, and gradients flow through it to its input."""

    def quantize(self, linear: nn.Linear, group_size: int | None) -> nn.Module:
        """A quantized layer in place of a linear one, with its `in_features`, `out_features` and `bias`.

        Args:
            linear: weight [out, in] on any device; nothing else keeps it alive. Its bias is a parameter that
                may be trained, or None: the layer has the same one.
            group_size: weights of a row that share a scale, a divisor of its width; None: the whole row.

        A `weight` of the layer, if it has one, is a tensor: peft asks it where the adapter belongs.
        """

    def dequantize(self, layer: nn.Module) -> Tensor:
        """The weight [out, in] that the layer computes with, in the compute dtype."""

    def tensors(self, layer: nn.Module) -> dict[str, Tensor]:
        """All that the layer is made of, to be stored; its bias too."""

    def layer(self, tensors: dict[str, Tensor], *, in_features: int, out_features: int) -> nn.Module:
        """The layer that gave these tensors, bit for bit the same."""
