"""The quantizer `bitsandbytes`: layers of four or of eight bits."""

from __future__ import annotations

from torch import Tensor, nn

from brahma.core.config.sections import Section
from brahma.core.models.quantization.contract import QuantizedLayers
from brahma_bitsandbytes import eight_bits, four_bits
from brahma_bitsandbytes.eight_bits import EightBitLinear
from brahma_bitsandbytes.four_bits import FourBitLinear
from brahma_bitsandbytes.library import check_kernels


class BitsandbytesQuantizer:
    """See `brahma.core.models.quantization.contract.Quantizer`.

    Raises:
        MissingDependencyError: bitsandbytes cannot compute on the device.
    """

    def __init__(self, settings: QuantizedLayers, options: Section | None) -> None:
        check_kernels(settings.device)
        self._settings = settings

    def quantize(self, linear: nn.Linear, group_size: int | None) -> nn.Module:
        settings = self._settings
        if linear.bias is not None and linear.bias.device != settings.device:
            linear.bias = nn.Parameter(linear.bias.to(settings.device), linear.bias.requires_grad)
        if settings.format.bits == 8:
            if group_size is not None:
                raise ValueError("eight bits have one scale for a whole row")
            return eight_bits.quantize(linear, settings.compute_dtype, settings.device)
        if group_size is None:
            raise ValueError("four bits need a group size")
        return four_bits.quantize(
            linear,
            group_size,
            settings.compute_dtype,
            type=settings.format.type,
            double_quantization=settings.double_quantization,
            device=settings.device,
        )

    def dequantize(self, layer: nn.Module) -> Tensor:
        if isinstance(layer, EightBitLinear):
            return eight_bits.dequantize(layer)
        assert isinstance(layer, FourBitLinear), f"{type(layer).__name__} is none of this quantizer's layers"
        return four_bits.dequantize(layer)

    def tensors(self, layer: nn.Module) -> dict[str, Tensor]:
        """With the names of a state dictionary that bitsandbytes or transformers writes."""
        return dict(layer.state_dict())

    def layer(self, tensors: dict[str, Tensor], *, in_features: int, out_features: int) -> nn.Module:
        settings = self._settings
        made: FourBitLinear | EightBitLinear
        if "SCB" in tensors:
            made = eight_bits.restore(tensors, settings.compute_dtype, settings.device)
        else:
            made = four_bits.restore(tensors, settings.compute_dtype, settings.device)
        if (made.in_features, made.out_features) != (in_features, out_features):
            raise ValueError(
                f"the tensors are of a layer [{made.out_features}, {made.in_features}], "
                f"not [{out_features}, {in_features}]"
            )
        return made
