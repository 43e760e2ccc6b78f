"""The quantizer `hqq` (https://mobiusml.github.io/hqq_blog/)."""

from __future__ import annotations

from typing import Any

import torch
from hqq.core.quantize import Quantizer as Solver
from torch import Tensor, nn

from brahma.core.models.quantization.contract import QuantizedLayers
from brahma_hqq.linear import HqqLinear, packed
from brahma_hqq.options import HqqOptions

_CONSTANT = 1e-4
"""The library's own bound."""
_AT_ONCE = 2**22
"""Weights that the solver sees at once: it holds six float32 copies of them."""


class HqqQuantizer:
    """See `brahma.core.models.quantization.contract.Quantizer`."""

    def __init__(self, settings: QuantizedLayers, options: HqqOptions) -> None:
        self._settings = settings
        self._optimize = options.optimize and settings.format.bits == 4

    def quantize(self, linear: nn.Linear, group_size: int | None) -> nn.Module:
        width, device = linear.in_features, self._settings.device
        group = group_size or width
        if width % group:
            raise ValueError(f"groups of {group} do not divide a width of {width}")
        weight = linear.weight.detach().to(device)
        blocks = weight.split(max(1, _AT_ONCE // width))
        pieces = [self._solve(rows.float().view(-1, group)) for rows in blocks]
        codes, scale, zero = map(torch.cat, zip(*pieces, strict=True))
        bias = linear.bias
        if bias is not None and bias.device != device:
            bias = nn.Parameter(bias.to(device), bias.requires_grad)
        return self._layer(codes, scale, _halved(zero), bias, width, linear.out_features)

    def dequantize(self, layer: nn.Module) -> Tensor:
        return _own(layer).dequantized()

    def tensors(self, layer: nn.Module) -> dict[str, Tensor]:
        return dict(_own(layer).state_dict())

    def layer(self, tensors: dict[str, Tensor], *, in_features: int, out_features: int) -> nn.Module:
        here = {name: value.to(self._settings.device) for name, value in tensors.items()}
        bias = nn.Parameter(here["bias"], requires_grad=False) if "bias" in here else None
        return self._layer(here["codes"], here["scale"], here["zero"], bias, in_features, out_features)

    def _layer(
        self,
        codes: Tensor,
        scale: Tensor,
        zero: Tensor,
        bias: nn.Parameter | None,
        in_features: int,
        out_features: int,
    ) -> HqqLinear:
        return HqqLinear(
            codes,
            scale,
            zero,
            bias,
            in_features=in_features,
            out_features=out_features,
            compute_dtype=self._settings.compute_dtype,
        )

    def _solve(self, groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes, scales and zero points of float32 [G, n], each group first brought to the same size.

        The library takes a group whose values span less than 1e-4 for a constant, and a wrong one where it
        rounds zero points: that is done here. A power of two is exact.
        """
        size = torch.exp2(groups.abs().amax(1, keepdim=True).clamp_min(2.0**-100).log2().floor())
        scaled = groups / size
        codes, scale, zero = self._solver(scaled, self._optimize)
        if not bool(zero.isfinite().all()):  # on a GPU it searches in fp16, which far-off groups leave
            codes, scale, zero = self._solver(scaled, optimize=False)
        constant = scaled.amax(1, keepdim=True) - scaled.amin(1, keepdim=True) <= _CONSTANT
        scale = torch.where(constant, scaled.mean(1, keepdim=True), scale)
        codes, zero = torch.where(constant, 1, codes).to(torch.uint8), torch.where(constant, 0, zero)
        whole = packed(codes) if self._settings.format.bits == 4 else codes
        return whole, (scale * size).to(torch.bfloat16), zero

    def _solver(self, groups: Tensor, optimize: bool) -> tuple[Tensor, Tensor, Tensor]:
        bits = self._settings.format.bits
        found: tuple[Tensor, dict[str, Any]] = Solver.quantize(
            groups,
            nbits=bits,
            group_size=groups.shape[1],
            optimize=optimize,
            round_zero=True,  # whole ones are exact in any compute dtype
            axis=1,
            bitpack=False,
            device=str(groups.device),
        )
        codes, meta = found  # made in inference mode, which a copy leaves
        return codes.clone(), meta["scale"].clone(), meta["zero"].clone()


def _halved(zero: Tensor) -> Tensor:
    """In fp16 unless one of them is too large for it."""
    half = zero.half()
    return half if bool(half.isfinite().all()) else zero


def _own(layer: nn.Module) -> HqqLinear:
    assert isinstance(layer, HqqLinear), f"{type(layer).__name__} is none of this quantizer's layers"
    return layer
