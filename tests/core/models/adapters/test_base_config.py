"""An adapter knows its base's configuration: what computes otherwise is named, the rest is let be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from brahma.core.errors import ModelError
from brahma.core.models import load_model
from brahma.core.models.adapters.merging import merge
from brahma.core.models.base_config import changed_values, computing_values
from tests.core.models.adapters.adapted import NF4, base_model, ids, largest_difference, logits, stored
from tests.core.models.architectures import TRAINED, saved


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return base_model(tmp_path / "base")


def edit(folder: Path, name: str = "config.json", **values: Any) -> None:
    found = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(found | values))


def with_theta(folder: Path, theta: float) -> None:
    """As transformers writes it now, or wrote it before version 5."""
    found = json.loads((folder / "config.json").read_text())
    if "rope_parameters" in found:
        edit(folder, rope_parameters={**found["rope_parameters"], "rope_theta": theta})
    else:
        edit(folder, rope_theta=theta)


@pytest.mark.parametrize("quantization", [None, NF4], ids=["lora", "qlora"])
def test_a_base_that_computes_otherwise_is_refused_by_the_keys_that_changed(
    quantization: Any, base: Path, tmp_path: Path
) -> None:
    folder, _ = stored(base, tmp_path / "adapter", quantization=quantization)
    with_theta(base, 500_000.0)
    edit(base, rms_norm_eps=1e-3)
    for use in (load_model, merge):
        with pytest.raises(ModelError, match="base model is configured otherwise") as caught:
            use(folder)
        error = caught.value
        assert error.where == str(folder)
        assert str(base / "config.json") in str(error.why)
        assert "rope_theta was 10000.0, is 500000.0" in str(error.why)
        assert "rms_norm_eps was 1e-06, is 0.001" in str(error.why)
        assert "brahma merge" in str(error.hint)


def test_a_moved_base_is_looked_at_too(base: Path, tmp_path: Path) -> None:
    folder, _ = stored(base, tmp_path / "adapter")
    base.rename(tmp_path / "moved")
    edit(tmp_path / "moved", hidden_act="gelu")
    with pytest.raises(ModelError, match="configured otherwise") as caught:
        merge(folder, base_model=str(tmp_path / "moved"))
    assert "hidden_act was 'silu', is 'gelu'" in str(caught.value.why)


def test_what_computes_the_same_is_let_be(base: Path, tmp_path: Path) -> None:
    folder, adapter = stored(base, tmp_path / "adapter")
    edit(
        base, _name_or_path="elsewhere", transformers_version="4.40.0", use_cache=False,
        torch_dtype="bfloat16", dtype="float32", eos_token_id=[2, 3], attention_dropout=0.1,
        initializer_range=0.5, temperature=0.7,
    )  # fmt: skip
    assert largest_difference(logits(load_model(folder), ids()), logits(adapter.model, ids())) == 0


def test_another_way_of_writing_the_same_is_let_be(base: Path, tmp_path: Path) -> None:
    """As another version of transformers writes it: under an old name, or without what is usual anyway."""
    folder, _ = stored(base, tmp_path / "adapter")
    found = json.loads((base / "config.json").read_text())
    theta = found.pop("rope_parameters")["rope_theta"]
    del found["mlp_bias"], found["hidden_act"]
    (base / "config.json").write_text(json.dumps(found | {"rope_theta": theta}))
    load_model(folder)
    edit(base, rope_theta=500_000.0)
    with pytest.raises(ModelError, match="configured otherwise") as caught:
        load_model(folder)
    assert caught.value.why is not None
    assert caught.value.why.count(" was ") == 1
    assert "rope_theta was 10000.0, is 500000.0" in caught.value.why


def test_an_adapter_that_was_stored_without_it_still_loads(base: Path, tmp_path: Path) -> None:
    folder, _ = stored(base, tmp_path / "adapter")
    record = json.loads((folder / "brahma_adapter.json").read_text())
    assert record.pop("base_config")["rms_norm_eps"] == 1e-6
    (folder / "brahma_adapter.json").write_text(json.dumps(record))
    edit(base, rms_norm_eps=1e-3)
    load_model(folder)


def test_a_lower_adapter_that_is_scaled_otherwise_is_named(base: Path, tmp_path: Path) -> None:
    lower, _ = stored(base, tmp_path / "lower")
    upper, _ = stored(base, tmp_path / "upper", stack=[lower])
    edit(lower, "adapter_config.json", inference_mode=False, peft_version="0.1")
    load_model(upper)
    edit(lower, "adapter_config.json", lora_alpha=99)
    with pytest.raises(ModelError, match="adapter below this one has changed") as caught:
        load_model(upper)
    assert "lora_alpha was" in str(caught.value.why)
    assert "is 99" in str(caught.value.why)


@pytest.mark.parametrize("model_type", TRAINED)
def test_no_architecture_changes_by_being_saved_and_loaded(model_type: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, model_type)
    before = computing_values(folder)
    assert before is not None
    config: Any = load_model(folder, dtype=torch.bfloat16).config
    config.eos_token_id = 1
    config.save_pretrained(tmp_path / "again")
    after = computing_values(tmp_path / "again")
    assert after is not None
    assert changed_values(before, after, training=True) == []
    assert changed_values(before, {**after, "hidden_act": "tanh", "activation_function": "tanh"})


def test_a_type_that_transformers_does_not_know_is_compared_as_written() -> None:
    mine = {"model_type": "mine", "hidden_act": "silu", "inner": {"use_cache": True, "width": 3}}
    assert changed_values(mine, {**mine, "inner": {"width": 3}, "use_cache": False}) == []
    assert changed_values(mine, {**mine, "inner": {"width": 4}}) == ["inner.width was 3, is 4"]
    assert changed_values(mine, {**mine, "hidden_act": None}) == ["hidden_act was 'silu', is None"]


def test_dropout_counts_where_a_training_goes_on() -> None:
    before, after = ({"model_type": "llama", "attention_dropout": p} for p in (0.0, 0.1))
    assert changed_values(before, after) == []
    assert changed_values(before, after, training=True) == ["attention_dropout was 0.0, is 0.1"]
