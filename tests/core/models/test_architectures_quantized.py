"""Adapters on quantized base models of each architecture (https://arxiv.org/abs/2305.14314)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from brahma.core.config.sections import LoraSection
from brahma.core.errors import BrahmaError
from brahma.core.models import check_packable, packed_loss
from brahma.core.models.adapters import attach
from brahma.core.models.adapters.targets import linear_layers
from brahma.core.models.quantization import is_quantized, load_quantized
from tests.core.models.architectures import TRAINED, saved
from tests.core.models.quantization.toys import chosen
from tests.core.models.tiny import documents, gradients

QUANTIZED = [name for name, kind in TRAINED.items() if kind.quantized]


@pytest.mark.parametrize("quantizer", ["bitsandbytes", "hqq"])
@pytest.mark.parametrize("model_type", QUANTIZED)
def test_a_step_of_adapters_on_four_bits_lowers_the_loss(
    tmp_path: Path, model_type: str, quantizer: str
) -> None:
    asked = chosen(quantizer, group_size=32)
    model, report = load_quantized(saved(tmp_path, model_type), asked, dtype=torch.float32)
    check_packable(model, longest=40)
    quantized = {name for name, module in model.named_modules() if is_quantized(module)}
    assert quantized >= set(linear_layers(model)) - set(report.left)
    adapter = attach(model, LoraSection(r=4), base_model="base", seed=1)
    inputs = documents([9, 40], masked=0.3)._replace(input_ids=documents([9, 40]).input_ids.clamp_min(3))
    loss, before = packed_loss(model, inputs, scale=1e-2)
    steps = gradients(model, loss)
    assert steps.keys() == set(adapter.names.values())
    size = sum(float(step.square().sum()) for step in steps.values()) ** 0.5
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in steps:
                parameter.sub_(steps[name], alpha=0.02 / size)
    assert float(packed_loss(model, inputs)[1]) < float(before)


@pytest.mark.parametrize("quantizer", ["bitsandbytes", "hqq"])
def test_gpt2_is_refused_by_name(tmp_path: Path, quantizer: str) -> None:
    with pytest.raises(BrahmaError, match="GPT2LMHeadModel") as caught:
        load_quantized(saved(tmp_path, "gpt2"), chosen(quantizer, group_size=32), dtype=torch.float32)
    assert caught.value.hint
