"""The promised memory of each size is reached by a documented method, and the planner names it."""

from __future__ import annotations

from typing import Any

import pytest

from brahma.core.config import Config, resolve_config
from brahma.core.sizes import size
from brahma.core.spec import ModelSpec
from brahma.train.estimate import Job, estimate, job_of, shape_of
from brahma.train.methods import MethodNeed, methods
from tests.docs.pages import ROOT

PROMISED = {"tiny": 8, "small": 16, "medium": 24, "large": 40, "xl": 80, "xxl": 160}
"""Minimum GPU memory of each size, GB."""


def tuning(preset: str) -> Job:
    """As the page of LoRA says: one pack of 2,048 tokens, in bf16, on a GPU."""
    shape = shape_of(ModelSpec.preset(preset))
    return Job(shape, batch_size=1, seq_length=2048, precision="bf16", checkpointing=True, device="cuda")


def method_that_fits(job: Job, budget: float) -> MethodNeed | None:
    """The most thorough way that needs at most so many bytes; None where none does."""
    return next((each for each in methods(job) if each.needs <= budget), None)


@pytest.mark.parametrize(("preset", "gigabytes"), PROMISED.items())
def test_each_size_is_tuned_in_its_promised_memory(preset: str, gigabytes: int) -> None:
    found = method_that_fits(tuning(preset), gigabytes * 1e9)
    assert found is not None
    assert found.needs <= gigabytes * 1e9
    qlora = methods(tuning(preset))[-1]
    assert (qlora.method, qlora.needs <= gigabytes * 1e9 / 2) == ("QLoRA", True)


def test_the_table_of_the_page_is_what_the_estimate_says() -> None:
    page = (ROOT / "docs" / "how-to" / "fine-tune-with-lora.md").read_text(encoding="utf-8")
    for preset, gigabytes in PROMISED.items():
        job = tuning(preset)
        full, lora, qlora = (size(each.needs) for each in methods(job))
        fitting = method_that_fits(job, gigabytes * 1e9)
        assert fitting is not None
        row = f"| `{preset}` | {gigabytes} GB | {full} | {lora} | {qlora} | {fitting.method} |"
        assert row in page, row


def test_each_method_needs_less_than_the_one_before_and_none_fits_in_nothing() -> None:
    needs = [each.needs for each in methods(tuning("tiny"))]
    assert needs == sorted(needs, reverse=True)
    assert [each.method for each in methods(tuning("tiny"))] == ["full", "LoRA", "QLoRA"]
    assert method_that_fits(tuning("tiny"), 1e9) is None


def config(**sections: Any) -> Config:
    values = {"model_config": {"base_model": "a/b"}, "data_config": {"train": "rows.jsonl"}}
    return resolve_config(values | sections).config


def trained(**sections: Any) -> int:
    job = job_of(config(**sections), shape_of(ModelSpec.preset("nano")), precision="bf16", device="cuda")
    return job.trained


def test_the_rank_layers_bits_and_tokens_of_a_configuration_are_counted() -> None:
    eight = trained(lora_config={"r": 8})
    assert trained(lora_config={"r": 16}) == 2 * eight
    assert 0 < trained(lora_config={"r": 8, "target_modules": ["q_proj", "v_proj"]}) < eight / 2
    assert trained(lora_config={"r": 8, "dora": True}) > eight
    hidden, rows = 256, 8192
    assert trained(lora_config={"r": 8, "modules_to_save": ["lm_head"]}) == eight + hidden * rows
    assert trained(lora_config={"r": 8}, tokenizer={"new_tokens": ["<a>", "<b>"]}) == eight + 2 * hidden


@pytest.mark.parametrize(
    ("quantization", "bytes_each"),
    [
        ({"bits": 4, "group_size": 128}, 0.5 + 4 / 128),
        ({"bits": 4, "group_size": 64}, 0.5 + 4 / 64),
        ({"bits": 4, "group_size": 64, "double_quantization": True}, 0.5 + (1 + 4 / 256) / 64),
        ({"bits": 8, "group_size": 32}, 1 + 4 / 32),
    ],
)
def test_a_frozen_weight_takes_its_bits_and_its_part_of_a_scale(
    quantization: dict[str, Any], bytes_each: float
) -> None:
    shape = shape_of(ModelSpec.preset("medium"))
    lora: dict[str, Any] = {"lora_config": {"r": 8}}

    def weights(**sections: Any) -> float:
        return estimate(job_of(config(**sections), shape, precision="bf16", device="cuda")).weights

    quantized = sum(layer.weights for layer in shape.linear)
    saved = weights(**lora) - weights(**lora, quantization=quantization)
    assert saved == pytest.approx(quantized * (2 - bytes_each))


@pytest.mark.parametrize(
    ("only", "layers"),
    [
        (None, 4),
        ("last_layers=2", 2),
        (["last_layers=1", "last_layers=3", "head"], 3),
        ("last_layers=9", 4),
        ("head", 0),
        (["last_layers=1", "embeddings"], 4),
        ("last_layers=x", 4),
    ],
)
def test_activations_are_kept_of_the_layers_that_gradients_go_through(only: Any, layers: int) -> None:
    shape = shape_of(ModelSpec.preset("nano"))
    job = job_of(config(training_config={"train_only": only}), shape, precision="bf16", device="cuda")
    assert job.backward_layers == layers
    whole = job_of(config(), shape, precision="bf16", device="cuda")
    assert (estimate(job).activations < estimate(whole).activations) is (layers < 4)


@pytest.mark.parametrize(
    ("training", "share"),
    [
        ({"train_only": "embeddings"}, 8192 * 256),
        ({"train_only": ["head", "last_layers=0"]}, 8192 * 256),
        ({"train_only": "*.q_proj.weight"}, 4 * 256 * 256),
        ({"train_only": "model.layers.0"}, 256 * (2 * 256 + 2 * 128) + 3 * 256 * 704),
    ],
)
def test_what_is_frozen_has_neither_gradient_nor_state(training: dict[str, Any], share: int) -> None:
    assert trained(training_config=training) == share
    whole = trained()
    assert trained(training_config={"freeze": "embeddings"}) == whole - 8192 * 256
    assert trained(training_config={"train_only": "last_layers=2"}) < whole / 2
