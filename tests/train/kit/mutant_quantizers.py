"""A quantizer that does all it should, and others that each do one thing wrong."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brahma.core.models.quantization.contract import QuantizedLayers


class Layer(nn.Module):
    """Rounded weights: int8 each, or two of 4 bits a byte, and a float32 scale for each group."""

    def __init__(self, codes: Tensor, scales: Tensor, bias: Tensor | None, bits: int) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.bits = bits
        self.calls = 0

    def weight(self) -> Tensor:
        codes = self.codes
        assert isinstance(codes, Tensor)
        if self.bits == 4:
            codes = torch.stack([codes & 15, codes >> 4], dim=-1).flatten(1).to(torch.int8) - 8
        scales = self.get_buffer("scales")
        return (codes.reshape(len(codes), scales.shape[1], -1) * scales[..., None]).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight(), self.bias)


class Right:
    layer_type: type[Layer] = Layer
    levels = 1.0
    group_factor = 1.0

    def __init__(self, settings: QuantizedLayers, options: None) -> None:
        self.bits = settings.format.bits

    @torch.no_grad()
    def quantize(self, linear: nn.Linear, group_size: int | None) -> nn.Module:
        weight = linear.weight.detach()
        size = int((group_size or weight.shape[1]) * self.group_factor)
        groups = weight.reshape(len(weight), -1, size)
        scales = groups.abs().amax(-1) / int((2 ** (self.bits - 1) - 1) * self.levels)
        codes = (groups / scales[..., None]).round().to(torch.int8).flatten(1)
        if self.bits == 4:
            shifted = (codes + 8).to(torch.uint8).reshape(len(codes), -1, 2)
            codes = shifted[..., 0] | (shifted[..., 1] << 4)
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return self.layer_type(codes, scales, bias, self.bits)

    def dequantize(self, layer: Any) -> Tensor:
        weight: Tensor = layer.weight()
        return weight

    def tensors(self, layer: Any) -> dict[str, Tensor]:
        found = {"codes": layer.codes, "scales": layer.scales}
        return found if layer.bias is None else found | {"bias": layer.bias.detach()}

    def layer(self, tensors: dict[str, Tensor], *, in_features: int, out_features: int) -> nn.Module:
        scales = tensors["scales"].float()
        return self.layer_type(tensors["codes"], scales, tensors.get("bias"), self.bits)


class Coarse(Right):
    levels = 0.45


class SmallGroups(Right):
    group_factor = 0.5


class LargeGroups(Right):
    group_factor = 3.0


class _EvaluatesOtherwise(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1.0 if self.training else 1.1)


class EvaluatesOtherwise(Right):
    layer_type = _EvaluatesOtherwise


class _HalfGradient(Layer):
    def forward(self, x: Tensor) -> Tensor:
        output = super().forward(x) / 2
        return output + output.detach()


class HalfGradient(Right):
    layer_type = _HalfGradient


class _Trained(Layer):
    def __init__(self, codes: Tensor, scales: Tensor, bias: Tensor | None, bits: int) -> None:
        super().__init__(codes, scales, bias, bits)
        self.fraction = nn.Parameter(torch.ones(1))


class Trained(Right):
    layer_type = _Trained


class _Repacks(Layer):
    def forward(self, x: Tensor) -> Tensor:
        output = super().forward(x)
        if not self.training and not x.requires_grad:
            self.get_buffer("scales").mul_(1.1)
        return output


class Repacks(Right):
    layer_type = _Repacks


class AddsBias(Right):
    def quantize(self, linear: nn.Linear, group_size: int | None) -> nn.Module:
        if linear.bias is None:
            linear.bias = nn.Parameter(torch.full((linear.out_features,), 1e-3))
        return super().quantize(linear, group_size)


class RoundsFiles(Right):
    def tensors(self, layer: Any) -> dict[str, Tensor]:
        return super().tensors(layer) | {"scales": layer.scales.bfloat16()}


class _KeepsAll(Layer):
    def __init__(self, codes: Tensor, scales: Tensor, bias: Tensor | None, bits: int) -> None:
        super().__init__(codes, scales, bias, bits)
        self.register_buffer("full", self.weight())


class KeepsAll(Right):
    layer_type = _KeepsAll


class _Tires(Layer):
    """Its gradients are wrong after some steps."""

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        output = super().forward(x)
        return output if self.calls < 8 else 2 * output.detach() - output


class Tires(Right):
    layer_type = _Tires
