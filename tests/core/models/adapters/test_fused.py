"""The fused forward and backward are peft's own, without its copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn

from brahma.core.models.adapters.fused import fuse

IN, OUT, RANK = 24, 40, 4


class OneLayer(nn.Module):
    def __init__(self, bias: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer = nn.Linear(IN, OUT, bias=bias, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        return found


def layer(
    *,
    dtype: torch.dtype = torch.float32,
    dropout: float = 0.0,
    bias: bool = False,
    adapters: int = 1,
    fused: bool = True,
    **options: Any,
) -> LoraLinear:
    """The same weights on each call."""
    torch.manual_seed(0)
    config = LoraConfig(
        r=RANK,
        lora_alpha=6,
        lora_dropout=dropout,
        target_modules=["layer"],
        init_lora_weights=False,
        **options,
    )
    model: Any = get_peft_model(OneLayer(bias, dtype), config, autocast_adapter_dtype=False)
    for number in range(1, adapters):
        model.add_adapter(f"more_{number}", config)
    model.base_model.set_adapter(["default", *(f"more_{number}" for number in range(1, adapters))])
    model.to(dtype)
    if fused:
        assert fuse(model) == 1
    found: LoraLinear = model.base_model.model.layer
    return found


def results(module: nn.Module, x: Tensor, seed: int = 3) -> dict[str, Tensor]:
    """The output, and the gradients of input and parameters."""
    x = x.clone().requires_grad_()
    torch.manual_seed(seed)
    y: Tensor = module(x)
    weights = torch.linspace(-1, 1, y.numel()).view(y.shape).to(y.dtype)
    module.zero_grad()
    torch.autograd.backward((y * weights).sum())
    assert x.grad is not None
    found = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    return {"y": y.detach(), "x": x.grad, **found}


def inputs(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randn(*shape, IN, generator=torch.Generator().manual_seed(1)).to(dtype)


def check(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert float((found[name] - value).norm() / value.norm()) < tolerance, name


TOLERANCES = [(torch.float32, 1e-6), (torch.bfloat16, 0.02)]


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float32", "bf16"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": True},
        {"bias": True, "lora_bias": True},
        {"adapters": 3},
        {"use_rslora": True},
        {"use_dora": True},
        {"use_dora": True, "adapters": 2},
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_it_is_peft_to_rounding(options: dict[str, Any], dtype: torch.dtype, tolerance: float) -> None:
    x = inputs(dtype, 2, 7)
    expected = results(layer(dtype=dtype, fused=False, **options), x)
    check(results(layer(dtype=dtype, **options), x), expected, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float32", "bf16"])
def test_with_dropout_it_is_what_peft_makes_of_the_same_mask(dtype: torch.dtype, tolerance: float) -> None:
    x = inputs(dtype, 9)
    ours, theirs = layer(dtype=dtype, dropout=0.25), layer(dtype=dtype, dropout=0.25, fused=False)
    found = results(ours, x)
    torch.manual_seed(3)
    keep = torch.empty_like(x).bernoulli_(0.75).div_(0.75)

    class SameMask(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return given * keep

    theirs.lora_dropout["default"] = SameMask()
    check(found, results(theirs, x), tolerance)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    module = layer(dropout=0.25)
    a: Any = module.lora_A["default"]
    b: Any = module.lora_B["default"]
    base: Any = module.get_base_layer()
    with torch.no_grad():
        base.weight.zero_()
        x = inputs(torch.float32, 1).expand(4000, IN)
        torch.manual_seed(0)
        dropped = module(x)
        module.eval()
        whole = module(x[:1])[0]
        assert torch.equal(module(x)[0], module(x)[1])
    spread = dropped.std(0) / len(dropped) ** 0.5
    assert float(((dropped.mean(0) - whole).abs() / spread).max()) < 4.5
    # Var(sum of w·x·mask / (1-p)) = p / (1-p) · sum (w·x)²
    product = b.weight @ a.weight * module.scaling["default"]
    expected = (0.25 / 0.75 * (product * x[0]).square().sum(1)).sqrt()
    assert torch.allclose(dropped.std(0), expected, rtol=0.08)


def test_disabled_or_merged_it_is_the_plain_layer() -> None:
    x = inputs(torch.float32, 5)
    module = layer()
    with torch.no_grad():
        whole = module(x)
        module.merge()
        merged = module(x)
        module.unmerge()
        module.enable_adapters(False)
        assert torch.allclose(module(x), module.base_layer(x))
    assert torch.allclose(merged, whole, atol=1e-5)
    assert not torch.allclose(whole, module.base_layer(x), atol=0.1)


def test_the_base_is_not_needed_by_the_backward_of_a_frozen_input() -> None:
    module = layer()
    x = inputs(torch.float32, 5)  # as in the lowest layer: nothing before it is trained
    module.base_layer.weight.requires_grad_(False)
    torch.autograd.backward(module(x).sum())
    assert module.lora_A["default"].weight.grad is not None
    assert x.grad is None


def _kept(module: nn.Module, x: Tensor) -> list[Tensor]:
    """What the forward keeps for the backward."""
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(x)
    return kept


def test_it_keeps_no_copy_in_float32_and_none_of_the_input() -> None:
    x = inputs(torch.bfloat16, 64).requires_grad_()
    module = layer(dtype=torch.bfloat16)
    kept = _kept(module, x)
    assert kept
    assert {tensor.dtype for tensor in kept} == {torch.bfloat16}
    own = {parameter.data_ptr() for parameter in module.parameters()} | {x.data_ptr()}
    copies = [tensor for tensor in kept if tensor.data_ptr() not in own]
    assert sum(tensor.numel() for tensor in copies) == 64 * RANK  # A·x alone


@pytest.mark.parametrize("wrap", ["checkpoint", pytest.param("compile", marks=pytest.mark.slow)])
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_recomputed_or_compiled_it_is_the_same(wrap: str, dropout: float) -> None:
    from torch.utils.checkpoint import checkpoint

    x = inputs(torch.float32, 6)
    module = layer(dropout=dropout)
    expected = results(module, x)
    if wrap == "compile" and dropout:
        module.eval()  # a compiled mask is drawn by another generator
        expected = results(module, x)
    runs: dict[str, Callable[[Tensor], Tensor]] = {
        "checkpoint": lambda given: checkpoint(module, given, use_reentrant=False),
        "compile": torch.compile(module, backend="aot_eager"),
    }

    class Wrapped(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return runs[wrap](given)

        def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
            return module.named_parameters(*args, **kwargs)

        def zero_grad(self, set_to_none: bool = True) -> None:
            module.zero_grad(set_to_none)

    check(results(Wrapped(), x), expected, 1e-6)
