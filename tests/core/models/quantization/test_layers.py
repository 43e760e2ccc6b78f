"""Each layer gets the group size that was asked for, or is named with what it gets instead."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from brahma.core.errors import ConfigError, ModelError
from brahma.core.models import load_model
from brahma.core.models.quantization import QuantizationReport, plan_layers, quantize_model, quantized_layers
from tests.core.models import architectures
from tests.core.models.quantization.toys import chosen
from tests.core.models.tiny import llama

DOWN = "model.layers.{}.mlp.down_proj"


def model(**changes: Any) -> PreTrainedModel:
    """Widths 128, and 192 of `down_proj`."""
    return llama(**{"hidden_size": 128, "intermediate_size": 192, "head_dim": 32, **changes})


def plan(keys: dict[str, Any] | None = None, **changes: Any) -> QuantizationReport:
    return plan_layers(model(**changes), chosen(**(keys or {})))


def test_all_linear_layers_but_the_head_are_quantized() -> None:
    found = plan()
    assert len(found.group_sizes) == 2 * 7
    assert not found.left
    assert not any("lm_head" in name or "embed" in name for name in found.group_sizes)


def test_of_a_head_of_several_layers_none_is_quantized(tmp_path: Path) -> None:
    bert = load_model(architectures.saved(tmp_path, "modernbert-decoder"))
    assert isinstance(bert.get_submodule("lm_head.dense"), nn.Linear)
    found = plan_layers(bert, chosen(group_size=32))
    assert found.group_sizes
    assert not any("head" in name for name in [*found.group_sizes, *found.left])
    named = plan_layers(bert, chosen(group_size=32, skip_modules=["lm_head.dense", "decoder"]))
    assert named == found


def test_a_width_that_it_does_not_divide_takes_the_largest_that_does() -> None:
    sizes = plan({"group_size": 128}).group_sizes
    assert {sizes[DOWN.format(i)] for i in range(2)} == {64}
    assert {size for name, size in sizes.items() if "down_proj" not in name} == {128}
    assert plan({"group_size": 128}, intermediate_size=96).group_sizes[DOWN.format(0)] == 32
    assert plan({"group_size": 64}).group_sizes[DOWN.format(0)] == 64


def test_a_width_that_none_divides_stays_as_it_is() -> None:
    found = plan({"group_size": 128}, intermediate_size=200)
    assert found.left == {DOWN.format(i): "its width 200 is no multiple of 128" for i in range(2)}
    assert len(found.group_sizes) == 2 * 6


def test_whole_rows_fit_any_width() -> None:
    found = plan({"bits": 8, "group_size": "row"}, intermediate_size=201)
    assert set(found.group_sizes.values()) == {None}
    assert len(found.group_sizes) == 2 * 7


@pytest.mark.parametrize(
    "keys", [{"skip_modules": ["down_proj"]}, {"skip_modules": ["mlp.down_proj", "lm_head"]}]
)
def test_skipped_layers_stay_and_do_not_count_as_strange(keys: dict[str, Any], caplog: Any) -> None:
    asked, whole = chosen(group_size=128, strict=True, **keys), model()
    with caplog.at_level(logging.WARNING):
        found = quantize_model(whole, asked, torch.float32)
    assert set(found.left) == {DOWN.format(i) for i in range(2)}
    assert set(found.group_sizes.values()) == {128}
    assert type(whole.get_submodule(DOWN.format(0))) is nn.Linear
    assert not caplog.records


def test_one_layer_can_be_skipped() -> None:
    assert list(plan({"skip_modules": [DOWN.format(1)]}).left) == [DOWN.format(1)]


def test_a_skipped_name_that_matches_nothing_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="ends with 'down_prj'") as caught:
        plan({"skip_modules": ["down_prj"]})
    assert caught.value.hint == 'did you mean "down_proj"?'
    with pytest.raises(ConfigError, match="ends with 'proj'"):  # by whole parts
        plan({"skip_modules": ["proj"]})


def test_strict_refuses_naming_all_and_what_would_do() -> None:
    with pytest.raises(ConfigError, match="2 of 14 layers do not take groups of 128") as caught:
        plan({"group_size": 128, "strict": True})
    assert caught.value.why == "model.layers.*.mlp.down_proj: its width 192 is no multiple of 128"
    assert '"group_size": 32 or 64' in str(caught.value.hint)
    assert plan({"group_size": 64, "strict": True}).group_sizes[DOWN.format(0)] == 64


def test_a_size_that_no_layer_takes_is_refused_with_those_that_would_do() -> None:
    with pytest.raises(ConfigError, match="no layer takes groups of 512") as caught:
        plan({"group_size": 512})
    assert caught.value.why == "the layers are 128, 192 wide"
    assert caught.value.hint == '"group_size": 32 or 64'
    with pytest.raises(ConfigError, match="no layer takes groups of 64") as caught:
        plan({"group_size": 64}, hidden_size=24, intermediate_size=40, head_dim=6)
    assert '"group_size": "row"' in str(caught.value.hint)


def test_layers_that_deviate_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        quantize_model(model(num_hidden_layers=4), chosen(group_size=128), torch.float32)
    (line,) = (record.getMessage() for record in caplog.records)
    assert line == (
        "not quantized with group_size 128: "
        "model.layers.*.mlp.down_proj: 64 (its width 192 is no multiple of 128)"
    )


def test_nothing_is_said_where_all_is_as_asked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        quantize_model(model(), chosen(group_size=64), torch.float32)
    assert not caplog.records


def test_the_layers_that_gpt2_has_are_named() -> None:
    gpt2 = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=32, n_head=2, vocab_size=61))
    with pytest.raises(ModelError, match="nothing of GPT2LMHeadModel can be quantized") as caught:
        plan_layers(gpt2, chosen(group_size=32))
    assert "transformer.h.*.attn.c_attn: Conv1D is no linear layer of torch's" in str(caught.value.why)


def test_a_weight_that_two_layers_share_stays() -> None:
    whole = model()
    first, second = (whole.get_submodule(f"model.layers.{i}.mlp.up_proj") for i in range(2))
    second.weight = first.weight
    found = plan_layers(whole, chosen(group_size=64))
    assert found.left == dict.fromkeys(
        (f"model.layers.{i}.mlp.up_proj" for i in range(2)), "its weight is another layer's as well"
    )


@pytest.mark.parametrize("quantizer", ["hqq", "bitsandbytes"])
@pytest.mark.parametrize("size", [128, 64])
def test_the_stored_tensors_have_as_many_scales_as_there_are_groups(quantizer: str, size: int) -> None:
    whole = model(intermediate_size=256)
    quantize_model(whole, chosen(quantizer, group_size=size), torch.float32)
    scales = {"hqq": "scale", "bitsandbytes": "weight.absmax"}[quantizer]
    for name, layer in quantized_layers(whole):
        weights = layer.in_features * layer.out_features  # type: ignore[operator]
        stored = layer.state_dict()
        assert stored[scales].numel() == weights / size, name
    assert sum(1 for _ in quantized_layers(whole)) == 2 * 7
