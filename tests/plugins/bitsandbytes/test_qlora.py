"""Adapters over a quantized base: they learn, and their gradients are those over the dequantized base."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.errors import MissingDependencyError
from brahma_bitsandbytes.library import bnb, check_kernels
from brahma_bitsandbytes.quantizer import BitsandbytesQuantizer
from tests.plugins.bitsandbytes.layers import quantizer, relative_error
from tests.train.packed import VOCAB
from tests.train.stepping import small_model

_SIZES: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "attention_bias": True}
_FORMATS = [("nf4", 32), ("fp4", 32), ("int8", None)]


def _quantized(maker: BitsandbytesQuantizer, group: int | None, dtype: torch.dtype) -> PreTrainedModel:
    """A small Llama with all linear layers but the head quantized."""
    model = small_model(dtype=dtype, **_SIZES)
    torch.manual_seed(1)
    for name, layer in list(model.model.named_modules()):
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.1)
            model.model.set_submodule(name, maker.quantize(layer, group))
    model.config.use_cache = False
    model.set_attn_implementation("sdpa")  # for whole rows, not for packs
    return model


def _with_adapters(model: Any, *, own: bool) -> nn.Module:
    """By peft: around our layers as around any, or by its own layers for bitsandbytes'."""
    torch.manual_seed(2)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    if own:
        model.is_loaded_in_4bit = True
    adapted: nn.Module = get_peft_model(model, config)
    return adapted


def _dequantized(model: PreTrainedModel, maker: BitsandbytesQuantizer) -> PreTrainedModel:
    model = copy.deepcopy(model)
    for name, layer in list(model.model.named_modules()):
        if isinstance(layer, bnb.nn.Linear4bit | bnb.nn.Linear8bitLt):
            plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
            plain.weight = nn.Parameter(maker.dequantize(layer))
            plain.bias = layer.bias
            model.model.set_submodule(name, plain)
    return model


def _loss(model: nn.Module, ids: Tensor) -> Tensor:
    loss: Tensor = model(input_ids=ids, labels=ids).loss
    return loss


def _gradients(model: nn.Module, ids: Tensor) -> dict[str, Tensor]:
    torch.autograd.backward(_loss(model, ids))
    return {
        name.replace(".base_layer", ""): p.grad
        for name, p in model.named_parameters()
        if "lora_" in name and p.grad is not None
    }


def _ids() -> Tensor:
    return torch.randint(VOCAB, (2, 24), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_gradients_are_those_over_the_dequantized_base(
    type_: str, group: int | None, dtype: torch.dtype
) -> None:
    maker = quantizer(type_, dtype)
    base = _quantized(maker, group, dtype)
    plain = _with_adapters(_dequantized(base, maker), own=False)
    adapted = _with_adapters(base, own=False)
    found, expected = _gradients(adapted, _ids()), _gradients(plain, _ids())
    assert found.keys() == expected.keys() != set()
    most = max(relative_error(found[name], expected[name]) for name in expected)
    assert most < (1e-5 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize(("type_", "group"), _FORMATS)
def test_the_loss_falls_with_evaluations_in_between(type_: str, group: int | None) -> None:
    maker = quantizer(type_, torch.bfloat16)
    base = _quantized(maker, group, torch.bfloat16)
    before = {name: value.clone() for name, value in base.state_dict().items()}
    model = _with_adapters(base, own=type_ != "int8")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    losses = []
    for _ in range(20):
        model.eval()
        with torch.no_grad():
            evaluated = float(_loss(model, _ids()))
        model.train()
        loss = _loss(model, _ids())
        assert float(loss.detach()) == pytest.approx(evaluated, rel=0.01)
        losses.append(float(loss.detach()))
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.7 * losses[0]
    after = {name.replace(".base_layer", ""): value for name, value in base.state_dict().items()}
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False], ids=["with kernels", "without kernels"])
def test_importing_the_library_fetches_nothing_and_says_nothing(installed: bool, tmp_path: Path) -> None:
    if installed:
        (tmp_path / "kernels.py").write_text("def get_kernel(*a, **k): raise SystemExit('it fetches')\n")
    program = "import brahma_bitsandbytes.library, sys; print('kernels' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


@pytest.mark.skipif(torch.cuda.is_available(), reason="bitsandbytes has its GPU kernels here")
def test_a_gpu_without_kernels_is_refused_with_the_install_command() -> None:
    with pytest.raises(MissingDependencyError, match="no GPU kernels") as caught:
        check_kernels(torch.device("cuda"))
    assert caught.value.hint == 'pip install --force-reinstall "brahma-bitsandbytes"'
