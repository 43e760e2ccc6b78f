"""HQQ's layers: the groups that were asked for, little lost, and a model's moves leave them as they are."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import nn

from brahma.core.entries import QuantizerEntry
from brahma.core.models.quantization import QuantizedLayers
from brahma.core.plugins import get_plugins
from brahma_hqq.linear import HqqLinear, packed, unpacked
from brahma_hqq.options import HqqOptions
from brahma_hqq.quantizer import HqqQuantizer


def quantizer(bits: int = 4, dtype: torch.dtype = torch.float32, *, optimize: bool = True) -> HqqQuantizer:
    entry = cast(QuantizerEntry, get_plugins().find("quantizer", "hqq"))
    form = next(each for each in entry.formats if each.bits == bits)
    return HqqQuantizer(
        QuantizedLayers(form, False, dtype, torch.device("cpu")), HqqOptions(optimize=optimize)
    )


def gaussian(width: int = 256, height: int = 48, *, bias: bool = False) -> nn.Linear:
    linear = nn.Linear(width, height, bias=bias)
    with torch.no_grad():
        linear.weight.normal_(0, 0.02, generator=torch.Generator().manual_seed(width))
    return linear


def made(linear: nn.Linear, group: int | None, maker: HqqQuantizer | None = None) -> HqqLinear:
    layer = (maker or quantizer()).quantize(linear, group)
    assert isinstance(layer, HqqLinear)
    return layer


def lost(linear: nn.Linear, layer: HqqLinear) -> float:
    weight = linear.weight.detach()
    return float((layer.dequantized().float() - weight).norm() / weight.norm())


@pytest.mark.parametrize(("bits", "most"), [(4, 0.105), (8, 0.0075)])
@pytest.mark.parametrize("group", [64, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_little_is_lost(bits: int, most: float, group: int, dtype: torch.dtype) -> None:
    linear = gaussian(1024, 256)
    assert lost(linear, made(linear, group, quantizer(bits, dtype))) < most


def test_the_search_loses_less_than_plain_rounding() -> None:
    linear = gaussian(1024, 256)
    searched, plain = (made(linear, 64, quantizer(optimize=each)) for each in (True, False))
    assert lost(linear, searched) < 0.97 * lost(linear, plain)


@pytest.mark.parametrize("group", [32, 64, 128, 256])
def test_a_group_has_one_scale_and_one_zero_point(group: int) -> None:
    layer = made(gaussian(), group)
    groups = 48 * 256 // group
    assert layer.codes.shape == (groups, group // 2)
    assert layer.codes.dtype == torch.uint8
    assert layer.scale.shape == layer.zero.shape == (groups, 1)
    assert layer.scale.nbytes == layer.zero.nbytes == 2 * groups


def test_whole_rows_of_any_width() -> None:
    layer = made(gaussian(77, 5), None, quantizer(8))
    assert layer.codes.shape == (5, 77)


def test_a_group_that_does_not_divide_the_width_is_refused() -> None:
    with pytest.raises(ValueError, match="do not divide a width of 192"):
        quantizer().quantize(gaussian(192), 128)


def test_one_layer_is_the_same_each_time_and_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = quantizer(optimize=False)  # the search stops by the error of all that it sees
    first, second = made(gaussian(), 64, plain), made(gaussian(), 64, plain)
    monkeypatch.setattr("brahma_hqq.quantizer._AT_ONCE", 256 * 7)
    blocks = made(gaussian(), 64, plain)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
        assert torch.equal(value, blocks.state_dict()[name]), name


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1.0, 1e4])
def test_weights_of_any_size_lose_as_little(size: float) -> None:
    """The library alone takes groups that span less than 1e-4 for constants."""
    linear = gaussian()
    exact = lost(linear, made(linear, 64))
    with torch.no_grad():
        linear.weight.mul_(size)
    assert lost(linear, made(linear, 64)) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_far_from_zero_and_constant_ones_stay_finite(bits: int) -> None:
    linear = gaussian()
    with torch.no_grad():
        linear.weight.add_(1000.0)
        linear.weight[0] = 0.0
        linear.weight[1] = -3.0
    layer = made(linear, 64, quantizer(bits))
    assert lost(linear, layer) < 1e-2
    assert not layer.dequantized()[0].any()
    assert torch.allclose(layer.dequantized()[1], torch.tensor(-3.0), rtol=5e-3)


def test_two_codes_a_byte_and_back() -> None:
    codes = torch.randint(0, 16, (6, 64), dtype=torch.uint8)
    assert torch.equal(unpacked(packed(codes), torch.float32), codes.float())


def test_the_output_has_the_dtype_of_the_input() -> None:
    layer = made(gaussian(bias=True), 64, quantizer(dtype=torch.bfloat16))
    x = torch.randn(2, 3, 256)
    assert layer(x).dtype == torch.float32
    assert torch.equal(layer(x), layer(x.bfloat16()).float())
    assert layer.dequantized().dtype == torch.bfloat16


def test_a_trained_bias_gets_its_gradient() -> None:
    """The library's own layer sums a batch's first dimension alone."""
    layer = made(gaussian(bias=True), 64)
    assert layer.bias is not None
    layer.bias.requires_grad_()
    torch.autograd.backward(layer(torch.randn(2, 3, 256)).sum())
    assert layer.bias.grad is not None
    assert torch.equal(layer.bias.grad, torch.full((48,), 6.0))


def test_another_precision_of_the_model_leaves_its_layers_exact() -> None:
    layer = made(gaussian(), 64)
    before = layer.dequantized()
    layer.to(torch.bfloat16).half().double()
    assert torch.equal(layer.dequantized(), before)
    assert layer.scale.dtype == torch.bfloat16
    assert layer.zero.dtype == torch.float16


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    made(gaussian(), 64)
    assert capsys.readouterr() == ("", "")


def test_a_layer_says_what_it_is() -> None:
    assert repr(made(gaussian(), 64)) == "HqqLinear(in_features=256, out_features=48, bits=4, group=64)"
