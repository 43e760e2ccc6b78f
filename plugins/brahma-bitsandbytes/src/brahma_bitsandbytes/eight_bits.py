"""Linear layers in eight bits, a scale for each row, stored as LLM.int8 does (https://arxiv.org/abs/2208.07339).

bitsandbytes' own layer rounds the activations to eight bits as well, on GPUs always, on CPUs in evaluation;
there it also casts them to fp16, and logs each call. What is evaluated is then not what was trained. This one
computes with the weights in the compute dtype, everywhere: its gradients are those of the weights it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brahma_bitsandbytes.library import bnb

_MOST = 127.0  # the largest code


class EightBitLinear(bnb.nn.Linear8bitLt):  # type: ignore[misc]
    """A frozen linear layer; its weight holds codes [out, in] and, in `weight.SCB`, each row's largest value.

    Args:
        codes: int8 [out, in].
        scales: float32 [out].
        bias: [out], or None.
    """

    def __init__(
        self, codes: Tensor, scales: Tensor, bias: nn.Parameter | None, compute_dtype: torch.dtype
    ) -> None:
        out_features, in_features = codes.shape
        super().__init__(in_features, out_features, bias=False, has_fp16_weights=False, device="meta")
        self.weight = _parameter(codes, scales)
        self.bias = bias
        self.compute_dtype = compute_dtype

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out], in the dtype of `x`."""
        bias = None if self.bias is None else self.bias.to(self.compute_dtype)
        given = x.to(self.compute_dtype)
        product: Tensor = _Product.apply(given, self.weight.data, self.weight.SCB, bias)  # type: ignore[no-untyped-call]
        return product.to(x.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> EightBitLinear:
        """As of `nn.Module`; on a way between devices torch would lose the scales."""
        scales: Tensor = self.weight.SCB
        super()._apply(fn, recurse)
        self.weight = _parameter(self.weight.data, scales.to(self.weight.device))
        return self


class _Product(torch.autograd.Function):
    """x · Wᵀ + bias. Keeps the codes alone for the backward pass, neither `x` nor W."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(codes, scales)
        return F.linear(x, _weight(codes, scales, x.dtype), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor | None]:
        (gradient,) = gradients
        codes, scales = ctx.saved_tensors
        to_x = gradient @ _weight(codes, scales, gradient.dtype) if ctx.needs_input_grad[0] else None
        to_bias = gradient.flatten(0, -2).sum(0) if ctx.needs_input_grad[3] else None
        return to_x, None, None, to_bias


def _weight(codes: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """[out, in]; each value is rounded once."""
    return codes.to(dtype).mul_(scales.unsqueeze(1).mul(1 / _MOST))


def quantize(linear: nn.Linear, compute_dtype: torch.dtype, device: torch.device) -> EightBitLinear:
    """Round each row to multiples of a 127th of its largest value."""
    weight = linear.weight.detach().to(device, torch.float32)
    scales = weight.abs().amax(dim=1)
    steps = _MOST / scales.clamp_min(torch.finfo(torch.float32).tiny)  # a row of zeros stays one
    codes = (weight * steps.unsqueeze(1)).round_().to(torch.int8)
    return EightBitLinear(codes, scales, linear.bias, compute_dtype)


def dequantize(layer: EightBitLinear) -> Tensor:
    """[out, in], in the compute dtype."""
    return _weight(layer.weight.data, layer.weight.SCB, layer.compute_dtype)


def restore(
    tensors: Mapping[str, Tensor], compute_dtype: torch.dtype, device: torch.device
) -> EightBitLinear:
    """The layer of a state dictionary as bitsandbytes and transformers write it."""
    bias = tensors.get("bias")
    kept = None if bias is None else nn.Parameter(bias.to(device), requires_grad=False)
    return EightBitLinear(tensors["weight"].to(device), tensors["SCB"].to(device), kept, compute_dtype)


def _parameter(codes: Tensor, scales: Tensor) -> Any:
    return bnb.nn.Int8Params(codes, requires_grad=False, has_fp16_weights=False, SCB=scales)
