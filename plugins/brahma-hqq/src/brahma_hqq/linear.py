"""A frozen linear layer of whole numbers of few bits, with a scale and a zero point for each group of them.

W = (codes - zero) · scale. The solver is HQQ's; its own layer is not used: that takes only inputs of its
compute type, gives a trained bias a gradient of the wrong shape, and stays behind when a model is moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class HqqLinear(nn.Module):
    """y = x · Wᵀ + bias; products are computed in `compute_dtype`.

    Args:
        codes: uint8 [G, group size], or [G, half of it] with two codes a byte; groups lie along the rows.
        scale: [G, 1].
        zero: [G, 1].
        bias: [out], or None.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor

    def __init__(
        self,
        codes: Tensor,
        scale: Tensor,
        zero: Tensor,
        bias: nn.Parameter | None,
        *,
        in_features: int,
        out_features: int,
        compute_dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("zero", zero)
        self.bias = bias
        self.in_features = in_features
        self.out_features = out_features
        self.compute_dtype = compute_dtype

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out], in the dtype of `x`."""
        bias = None if self.bias is None else self.bias.to(self.compute_dtype)
        given = x.to(self.compute_dtype)
        product: Tensor = _Product.apply(given, bias, self.codes, self.scale, self.zero, self.shape)  # type: ignore[no-untyped-call]
        return product.to(x.dtype)

    def dequantized(self) -> Tensor:
        """[out, in], in the compute dtype."""
        return _weight(self.codes, self.scale, self.zero, self.shape, self.compute_dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)"""
        return self.out_features, self.in_features

    def extra_repr(self) -> str:
        group = self.in_features * self.out_features // len(self.codes)
        bits = 8 * self.codes.shape[1] // group
        return f"in_features={self.in_features}, out_features={self.out_features}, {bits=}, {group=}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> HqqLinear:
        """As of `nn.Module`; but a change of a model's precision leaves scales and zero points exact."""
        scale, zero = self.scale, self.zero
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.scale, self.zero = scale.to(self.codes.device), zero.to(self.codes.device)
        return self


class _Product(torch.autograd.Function):
    """Keeps the codes alone for the backward pass, neither `x` nor W."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bias: Tensor | None,
        codes: Tensor,
        scale: Tensor,
        zero: Tensor,
        shape: tuple[int, int],
    ) -> Tensor:
        ctx.save_for_backward(codes, scale, zero)
        ctx.shape = shape
        return F.linear(x, _weight(codes, scale, zero, shape, x.dtype), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        to_x = to_bias = None
        if ctx.needs_input_grad[0]:
            codes, scale, zero = ctx.saved_tensors
            to_x = gradient @ _weight(codes, scale, zero, ctx.shape, gradient.dtype)
        if ctx.needs_input_grad[1]:
            to_bias = gradient.flatten(0, -2).sum(0)
        return to_x, to_bias, None, None, None, None


def _weight(codes: Tensor, scale: Tensor, zero: Tensor, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """[out, in]"""
    group = shape[0] * shape[1] // len(codes)
    values = codes.to(dtype) if codes.shape[1] == group else unpacked(codes, dtype)
    return values.sub_(zero.to(dtype)).mul_(scale.to(dtype)).view(shape)


def packed(codes: Tensor) -> Tensor:
    """uint8 [G, n] of four bits each -> uint8 [G, n / 2]: a group's first half in the upper bits."""
    half = codes.shape[1] // 2
    return codes[:, :half] << 4 | codes[:, half:]


def unpacked(codes: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 [G, n / 2] -> [G, n]"""
    groups, half = codes.shape
    values = torch.empty(groups, 2 * half, dtype=dtype, device=codes.device)
    values[:, :half] = codes >> 4
    values[:, half:] = codes & 0b1111
    return values
