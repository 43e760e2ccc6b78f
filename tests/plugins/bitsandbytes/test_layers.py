"""Quantized layers: what they compute, what they keep, and what they give back from a file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from brahma.core.kit import assert_passes
from brahma.core.plugins import get_plugins
from brahma_bitsandbytes.library import bnb
from tests.plugins.bitsandbytes.layers import (
    gaussian,
    gradient_to_input,
    inputs,
    quantizer,
    relative_error,
)

_FORMATS = [("nf4", 64), ("nf4", 128), ("fp4", 64), ("fp4", 128), ("int8", None)]
_DTYPES = [torch.float32, torch.bfloat16]
_MOST_ERROR = {
    ("nf4", 64): 0.093, ("nf4", 128): 0.097, ("fp4", 64): 0.124, ("fp4", 128): 0.131, ("int8", None): 0.0085
}  # fmt: skip
"""Relative error of Gaussian weights of width 512, for each format: what was measured, and a little."""


def test_it_passes_the_kit() -> None:
    assert_passes("quantizer", "bitsandbytes")


@pytest.mark.parametrize("double", [False, True], ids=["", "double"])
@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_the_error_of_gaussian_weights_is_the_formats(type_: str, group: int | None, double: bool) -> None:
    if type_ == "int8" and double:
        pytest.skip("int8 has no double quantization")
    linear, maker = gaussian(512, 256), quantizer(type_, double=double)
    error = relative_error(maker.dequantize(maker.quantize(linear, group)), linear.weight)
    assert 0.8 * _MOST_ERROR[type_, group] < error < _MOST_ERROR[type_, group]


@pytest.mark.parametrize("type_", ["nf4", "fp4"])
def test_every_group_size_that_is_offered_is_what_the_state_has(type_: str) -> None:
    entry = get_plugins().find("quantizer", "bitsandbytes")
    (form,) = [each for each in entry.formats if each.type == type_ and "cpu" in each.devices]  # type: ignore[attr-defined]
    for size in form.group_sizes:
        linear, maker = gaussian(1024, 4), quantizer(type_)
        layer: Any = maker.quantize(linear, size)
        assert layer.weight.quant_state.blocksize == size
        assert layer.weight.quant_state.absmax.numel() == 4 * 1024 // size
        assert relative_error(maker.dequantize(layer), linear.weight) < 0.15


@pytest.mark.parametrize("compute", _DTYPES)
@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_it_computes_with_the_weight_that_it_dequantizes_to(
    type_: str, group: int | None, dtype: torch.dtype, compute: torch.dtype
) -> None:
    linear, maker = gaussian(256, 96, bias=True, dtype=dtype), quantizer(type_, compute)
    bias = linear.bias.detach().clone()
    layer = maker.quantize(linear, group)
    weight = maker.dequantize(layer)
    assert weight.dtype == compute
    plain = nn.Linear(256, 96).to(compute)
    plain.load_state_dict({"weight": weight, "bias": bias})
    x = inputs(5, 256, dtype).reshape(1, 5, 256)
    found, expected = layer(x), plain(x.to(compute)).to(dtype)
    assert found.dtype == dtype
    assert relative_error(found, expected) < 1e-6 + (0.005 if torch.bfloat16 in (dtype, compute) else 0)
    gradient = gradient_to_input(layer, x.to(compute))
    assert relative_error(gradient, gradient_to_input(plain, x.to(compute))) < 1e-6


@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_its_bias_can_be_trained(type_: str, group: int | None) -> None:
    linear = gaussian(128, 32, bias=True)
    layer = quantizer(type_, torch.float32).quantize(linear, group)
    assert layer.bias is linear.bias
    torch.autograd.backward(layer(torch.randn(2, 3, 128)).sum())
    assert linear.bias.grad is not None
    assert torch.equal(linear.bias.grad, torch.full((32,), 6.0))


@pytest.mark.parametrize("double", [False, True], ids=["", "double"])
@pytest.mark.parametrize("compute", _DTYPES)
@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_it_comes_back_from_a_file_bit_for_bit(
    type_: str, group: int | None, compute: torch.dtype, double: bool, tmp_path: Path
) -> None:
    maker = quantizer(type_, compute, double=double)
    layer = maker.quantize(gaussian(256, 96, bias=True, dtype=compute), group)
    stored = maker.tensors(layer)
    save_file(stored, tmp_path / "layer.safetensors")
    again = maker.layer(load_file(tmp_path / "layer.safetensors"), in_features=256, out_features=96)
    x = inputs(5, 256, compute)
    assert torch.equal(again(x), layer(x))
    assert torch.equal(gradient_to_input(again, x), gradient_to_input(layer, x))
    assert torch.equal(maker.dequantize(again), maker.dequantize(layer))
    twice = maker.tensors(again)
    assert twice.keys() == stored.keys()
    assert all(torch.equal(twice[name], value) for name, value in stored.items())


def test_the_librarys_own_layer_reads_what_is_stored() -> None:
    maker = quantizer("nf4", torch.float32, double=True)
    layer = maker.quantize(gaussian(256, 96), 128)
    stored = maker.tensors(layer)
    scales = {name.removeprefix("weight."): value for name, value in stored.items() if name != "weight"}
    stock = bnb.nn.Linear4bit(256, 96, bias=False, compute_dtype=torch.float32, device="meta")
    stock.weight = bnb.nn.Params4bit.from_prequantized(stored["weight"], scales, device="cpu", module=stock)
    x = inputs(5, 256, torch.float32)
    assert stock.weight.quant_state.blocksize == 128
    assert torch.equal(stock.train()(x), layer(x))


def test_the_librarys_own_int8_layer_reads_what_is_stored() -> None:
    maker = quantizer("int8", torch.float32)
    layer = maker.quantize(gaussian(256, 96), None)
    stored = maker.tensors(layer)
    stock = bnb.nn.Linear8bitLt(256, 96, bias=False, has_fp16_weights=False, device="meta")
    stock.weight = bnb.nn.Int8Params(
        stored["weight"], requires_grad=False, CB=stored["weight"], SCB=stored["SCB"]
    )
    x = inputs(5, 256, torch.float32)
    assert torch.equal(stock.train()(x), layer(x))


def test_tensors_of_another_shape_are_refused() -> None:
    maker = quantizer("nf4")
    stored = maker.tensors(maker.quantize(gaussian(256, 96), 64))
    with pytest.raises(ValueError, match=r"a layer \[96, 256\], not \[96, 512\]"):
        maker.layer(stored, in_features=512, out_features=96)


@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_copies_and_conversions_change_nothing(type_: str, group: int | None) -> None:
    maker = quantizer(type_, torch.bfloat16, double=type_ != "int8")
    layer = maker.quantize(gaussian(256, 96, bias=True, dtype=torch.bfloat16), group)
    x = inputs(5, 256, torch.bfloat16)
    expected, gradient = layer(x), gradient_to_input(layer, x)
    for other in (copy.deepcopy(layer), layer.to(torch.bfloat16).cpu(), layer.eval(), layer.train()):
        assert torch.equal(other(x), expected)
        assert torch.equal(gradient_to_input(other, x), gradient)


@pytest.mark.parametrize("double", [False, True], ids=["", "double"])
@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_rows_of_zeros_stay_zeros(type_: str, group: int | None, double: bool) -> None:
    linear, maker = gaussian(256, 64), quantizer(type_, double=double)
    with torch.no_grad():
        linear.weight[3] = 0
    weight = maker.dequantize(maker.quantize(linear, group))
    assert not weight[3].any()
    assert weight.isfinite().all()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_int8_says_nothing_and_computes_alike_in_training_and_evaluation(
    dtype: torch.dtype, training: bool, caplog: pytest.LogCaptureFixture
) -> None:
    maker = quantizer("int8", dtype)
    layer = maker.quantize(gaussian(256, 96), None).train(training)
    x = inputs(5, 256, dtype)
    assert torch.equal(layer(x), F.linear(x, maker.dequantize(layer)))
    assert not caplog.records


def test_int8_keeps_neither_input_nor_weight_for_the_backward_pass() -> None:
    layer = quantizer("int8").quantize(gaussian(256, 96), None)
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        layer(inputs(500, 256, torch.float32).requires_grad_())
    assert sorted(tensor.nbytes for tensor in kept) == [96 * 4, 96 * 256]


@pytest.mark.parametrize(("type_", "group", "text"), [("int8", 64, "whole row"), ("nf4", None, "group size")])
def test_a_group_size_that_the_format_has_not_is_refused(type_: str, group: int | None, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        quantizer(type_).quantize(gaussian(256, 96), group)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("type_", "group"), [*_FORMATS, ("nf4", 2048), ("nf4", 4096)])
def test_a_gpu_computes_as_a_cpu_does(type_: str, group: int | None) -> None:
    width = max(group or 0, 256)
    linear = gaussian(width, 96, bias=True)
    made = quantizer(type_, device="cuda")
    on_gpu = made.quantize(copy.deepcopy(linear), group)
    error = relative_error(made.dequantize(on_gpu).cpu(), linear.weight)
    assert error < 0.17
    moved = quantizer(type_).quantize(linear, group if group is None or group < 2048 else 1024).to("cuda")
    assert moved(inputs(5, width, torch.float32).cuda()).device.type == "cuda"
