"""The forward and backward of a linear layer with one plain adapter, without copies in another precision.

peft computes `base(x) + B(A(dropout(x)))·s` as separate operations, in float32 when the adapter is; here it
is one function that keeps x, which the neighbours share, and A·x, which is thin. Both agree to rounding.

y = base(x) + s·B·A·x for x [..., in], A [r, in], B [out, r]; https://arxiv.org/abs/2106.09685.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn


class _AddAdapter(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, base_NO: Tensor, x_NI: Tensor, a_RI: Tensor, b_OR: Tensor, scale: float, keep: Tensor | None
    ) -> Tensor:
        seen = x_NI if keep is None else x_NI * keep
        low_NR = seen @ a_RI.t()
        ctx.save_for_backward(x_NI, a_RI, b_OR, low_NR, keep)
        ctx.scale = scale
        return torch.addmm(base_NO, low_NR, b_OR.t(), alpha=scale)

    @staticmethod
    def backward(ctx: Any, grad_NO: Tensor) -> tuple[Tensor | None, ...]:
        x_NI, a_RI, b_OR, low_NR, keep = ctx.saved_tensors
        needs_x, needs_a, needs_b = ctx.needs_input_grad[1:4]
        grad_low = (grad_NO @ b_OR).mul_(ctx.scale)
        grad_b = (grad_NO.t() @ low_NR).mul_(ctx.scale) if needs_b else None
        grad_a = grad_low.t() @ (x_NI if keep is None else x_NI * keep) if needs_a else None
        grad_x = grad_low @ a_RI if needs_x else None
        if grad_x is not None and keep is not None:
            grad_x.mul_(keep)
        return grad_NO, grad_x, grad_a, grad_b, None, None


def fuse(model: nn.Module) -> int:
    """Give each layer with a plain adapter this forward; others keep peft's own.

    Returns:
        How many layers have it.
    """
    from peft.tuners.lora import Linear as LoraLinear

    count = 0
    for module in model.modules():
        if type(module) is LoraLinear and not module.fan_in_fan_out:
            setattr(module, "forward", MethodType(_forward, module))  # noqa: B010
            count += 1
    return count


def _forward(layer: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if layer.disable_adapters or layer.merged or args or kwargs or layer.lora_variant:
        result: Tensor = type(layer).forward(layer, x, *args, **kwargs)
        return result
    result = layer.base_layer(x)
    for name in layer.active_adapters:
        if name in layer.lora_A:
            result = _with_adapter(layer, name, x, result)
    return result


def _with_adapter(layer: Any, name: str, x: Tensor, result: Tensor) -> Tensor:
    a, b = layer.lora_A[name], layer.lora_B[name]
    flat, base = x.flatten(0, -2).to(a.weight.dtype), result.flatten(0, -2)
    dropout = layer.lora_dropout[name]
    rate = dropout.p if layer.training and isinstance(dropout, nn.Dropout) else 0.0
    keep = torch.empty_like(flat).bernoulli_(1 - rate).div_(1 - rate) if rate > 0 else None
    added = _AddAdapter.apply(  # type: ignore[no-untyped-call]
        base.to(a.weight.dtype), flat, a.weight, b.weight, layer.scaling[name], keep
    )
    if b.bias is not None:
        added = added + b.bias * layer.scaling[name]
    return added.to(result.dtype).view(result.shape)  # type: ignore[no-any-return]
