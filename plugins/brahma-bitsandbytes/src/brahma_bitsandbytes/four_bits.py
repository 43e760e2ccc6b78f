"""Linear layers in four bits: bitsandbytes' own, without the faults that it has on CPUs.

Three faults of bitsandbytes 0.50 on CPUs are kept out here, each shown by
tests/plugins/bitsandbytes/test_library_faults.py:

- Called for evaluation, its layer repacks its weights in place. From then on no gradient passes through it,
  and dequantizing gives something else. Our `forward` never repacks.
- That repacking fails where the group size does not divide the width, or the height is no multiple of 32.
- Its dequantization is wrong, silently, where the group size does not divide the width: that is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from brahma_bitsandbytes.library import bnb


class FourBitLinear(bnb.nn.Linear4bit):  # type: ignore[misc]
    """A frozen linear layer; products are computed in `compute_dtype`.

    Its weight holds two codes a byte, [out · in / 2, 1]; `weight.quant_state` holds the scales of the groups.

    Args:
        codes: the weight's.
        state: its scales, type and shape.
        bias: [out], or None.
    """

    def __init__(
        self, codes: Tensor, state: Any, bias: nn.Parameter | None, compute_dtype: torch.dtype
    ) -> None:
        out_features, in_features = state.shape
        if in_features % state.blocksize:
            raise ValueError(f"groups of {state.blocksize} do not divide a width of {in_features}")
        super().__init__(in_features, out_features, bias=False, compute_dtype=compute_dtype, device="meta")
        state.dtype = compute_dtype  # what the backward pass dequantizes to: else one more copy for each
        self.weight = _parameter(codes, state)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out], in the dtype of `x`."""
        bias = None if self.bias is None else self.bias.to(self.compute_dtype)
        state = self.weight.quant_state
        product: Tensor = bnb.matmul_4bit(x.to(self.compute_dtype), self.weight, bias=bias, quant_state=state)
        return product.to(x.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FourBitLinear:
        """As of `nn.Module`; on a way between devices torch would lose the scales."""
        state = self.weight.quant_state
        super()._apply(fn, recurse)
        state.to(self.weight.device)
        self.weight = _parameter(self.weight.data, state)
        return self


def quantize(linear: nn.Linear, group_size: int, compute_dtype: torch.dtype, **how: Any) -> FourBitLinear:
    """Args: how: `type` (nf4, fp4), `double_quantization`, `device`."""
    if linear.in_features % group_size:  # before the library computes something else
        raise ValueError(f"groups of {group_size} do not divide a width of {linear.in_features}")
    codes, state = bnb.functional.quantize_4bit(
        linear.weight.detach().to(how["device"]).contiguous(),
        blocksize=group_size,
        compress_statistics=how["double_quantization"],
        quant_type=how["type"],
    )
    return FourBitLinear(codes, state, linear.bias, compute_dtype)


def dequantize(layer: FourBitLinear) -> Tensor:
    """[out, in], in the compute dtype."""
    weight: Tensor = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return weight


def restore(tensors: Mapping[str, Tensor], compute_dtype: torch.dtype, device: torch.device) -> FourBitLinear:
    """The layer of a state dictionary as bitsandbytes and transformers write it."""
    stored = {name.removeprefix("weight."): value for name, value in tensors.items() if "weight." in name}
    state = bnb.functional.QuantState.from_dict(stored, device)
    bias = tensors.get("bias")
    kept = None if bias is None else nn.Parameter(bias.to(device), requires_grad=False)
    return FourBitLinear(tensors["weight"].to(device), state, kept, compute_dtype)


def _parameter(codes: Tensor, state: Any) -> Any:
    return bnb.nn.Params4bit(
        codes,
        requires_grad=False,
        quant_state=state,
        blocksize=state.blocksize,
        compress_statistics=state.nested,
        quant_type=state.quant_type,
        quant_storage=codes.dtype,
        bnb_quantized=True,
    )
