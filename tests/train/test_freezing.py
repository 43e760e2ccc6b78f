"""What is frozen has no gradient, no master, no state, and stays as it is to the bit."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from brahma.core.config import TrainingSection
from brahma.core.errors import ConfigError
from brahma.train.freezing import apply_freezing
from tests.train.stepping import differing, restore, saved, small_model, small_stepper

PRECISIONS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
NORMS_OF_THE_LAST = {f"model.layers.1.{name}_layernorm.weight" for name in ("input", "post_attention")}


def trained(*, tied: bool = False, **keys: Any) -> set[str]:
    model = small_model(tied=tied)
    apply_freezing(model, TrainingSection(**keys))
    return {name for name, p in model.named_parameters() if p.requires_grad}


def everything(*, tied: bool = False) -> set[str]:
    return {name for name, _ in small_model(tied=tied).named_parameters()}


def test_without_the_keys_all_is_trained() -> None:
    assert trained() == everything()


def test_train_only_keeps_and_freeze_takes() -> None:
    assert trained(train_only="embeddings") == {"model.embed_tokens.weight"}
    assert trained(freeze=["embeddings", "head"]) == everything() - {
        "model.embed_tokens.weight",
        "lm_head.weight",
    }
    last = trained(train_only="last_layers=1")
    assert last == {name for name in everything() if ".layers.1." in name}
    assert trained(train_only="last_layers=1", freeze="norms") == last - NORMS_OF_THE_LAST
    assert trained(train_only=["norms", "lm_head"]) == {n for n in everything() if "norm" in n} | {
        "lm_head.weight"
    }


def test_what_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing of the model is left to train"):
        trained(freeze="*")
    with pytest.raises(ConfigError, match="nothing of the model is left"):
        trained(train_only="norms", freeze=["norms"])


@pytest.mark.parametrize("key", ["freeze", "train_only"])
def test_a_pattern_that_matches_nothing_names_its_key(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_freezing(small_model(), TrainingSection.model_validate({key: ["norms", "*.q_prj.*"]}))
    assert caught.value.where == f"training_config.{key}"
    assert "q_proj" in str(caught.value.hint)


@pytest.mark.parametrize(("kept", "frozen"), [("embeddings", "head"), ("head", "embeddings")])
def test_words_for_one_matrix_may_not_contradict_each_other(kept: str, frozen: str) -> None:
    with pytest.raises(ConfigError, match="one matrix") as caught:
        trained(tied=True, train_only=["norms", kept], freeze=frozen)
    assert "tie_word_embeddings" in str(caught.value.why)
    assert trained(train_only=["norms", kept], freeze=frozen) > {"model.norm.weight"}


def test_one_line_says_how_much_is_trained(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "brahma.train.freezing"):
        trained(train_only="norms")
        trained(tied=True, freeze="embeddings")
    plain, tied = caplog.messages
    total = small_model().num_parameters()
    assert plain == f"160 of {total:,} parameters are trained; the rest is frozen"
    assert tied.endswith(". The head goes with the embeddings: they are one matrix")


@PRECISIONS
@pytest.mark.parametrize(
    "keys",
    [
        {"train_only": "last_layers=1"},
        {"freeze": ["embeddings", "norms"]},
        {"train_only": "head"},
        {"train_only": "embeddings"},
    ],
    ids=str,
)
def test_frozen_weights_stay_and_nothing_is_kept_for_them(dtype: torch.dtype, keys: dict[str, Any]) -> None:
    stepper = small_stepper(dtype=dtype, lr=0.01, **keys)
    before = {name: p.detach().clone() for name, p in stepper.model.named_parameters()}
    chosen = {name for name, p in stepper.model.named_parameters() if p.requires_grad}
    assert 0 < len(chosen) < len(before)
    norms = [stepper.step(step).grad_norm for step in range(3)]
    weights, state = saved(stepper)
    assert {name for name in before if not torch.equal(weights[name], before[name])} == chosen
    assert {key.split("/", 1)[1] for key in state} == chosen == set(stepper.weights.names)
    assert all(p.grad is None for p in stepper.model.parameters())
    whole = small_stepper(dtype=dtype, lr=0.01).step(0).grad_norm
    assert 0 < norms[0] < whole


@PRECISIONS
def test_a_run_with_frozen_parts_goes_on_bit_for_bit(dtype: torch.dtype) -> None:
    keys: dict[str, Any] = {"train_only": ["last_layers=1", "head"], "freeze": "norms", "lr": 0.01}
    whole = small_stepper(dtype=dtype, **keys)
    for step in range(3):
        whole.step(step)
    kept = saved(whole)
    resumed = restore(small_stepper(dtype=dtype, **keys), kept)
    assert [whole.step(step) for step in range(3, 6)] == [resumed.step(step) for step in range(3, 6)]
    assert differing(resumed, whole) == []


def test_gradients_reach_the_embeddings_below_frozen_layers_with_checkpointing() -> None:
    plain = small_stepper(train_only="embeddings", lr=0.01)
    saving = small_stepper(train_only="embeddings", lr=0.01)
    saving.model.activation_checkpointing_enable()
    for step in range(2):
        assert saving.step(step).grad_norm == pytest.approx(plain.step(step).grad_norm, rel=1e-6)
    below = small_stepper(train_only="last_layers=1", lr=0.01)
    below.model.activation_checkpointing_enable()
    assert below.step(0).grad_norm > 0
