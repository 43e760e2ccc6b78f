"""Layers with Gaussian weights, and what is compared of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brahma.core.models.quantization.contract import QuantizedLayers
from brahma.core.plugins import get_plugins
from brahma_bitsandbytes.quantizer import BitsandbytesQuantizer


def quantizer(
    type_: str = "nf4",
    compute_dtype: torch.dtype = torch.float32,
    *,
    double: bool = False,
    device: str = "cpu",
) -> BitsandbytesQuantizer:
    entry = get_plugins().find("quantizer", "bitsandbytes")
    form = next(each for each in entry.formats if each.type == type_ and device in each.devices)  # type: ignore[attr-defined]
    return BitsandbytesQuantizer(QuantizedLayers(form, double, compute_dtype, torch.device(device)), None)


def gaussian(width: int, height: int, *, bias: bool = False, dtype: torch.dtype = torch.float32) -> nn.Linear:
    generator = torch.Generator().manual_seed(width * 1000 + height)
    linear = nn.Linear(width, height, bias=bias)
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.normal_(0, 0.02, generator=generator)
    return linear.to(dtype)


def own_layer(maker: BitsandbytesQuantizer, linear: nn.Linear, group_size: int | None) -> nn.Module:
    return maker.quantize(linear, group_size)


def inputs(rows: int, width: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(7)).to(dtype)


def gradient_to_input(layer: nn.Module, x: Tensor) -> Tensor:
    """Of a loss that weighs each output differently."""
    x = x.detach().clone().requires_grad_()
    product = layer(x)
    torch.autograd.backward((product * torch.linspace(-1, 1, product.shape[-1])).sum())
    assert x.grad is not None
    return x.grad


def relative_error(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach().float(), expected.detach().float()
    return float((found - expected).norm() / expected.norm())
