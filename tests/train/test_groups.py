"""Groups of parameters by rule."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from brahma.core.config.sections import ParameterRule
from brahma.core.errors import ConfigError
from brahma.train.groups import ParameterGroup, parameter_groups
from brahma.train.parameters import NamedParameters
from tests.train.stepping import differing, small_model, small_stepper


def grouped(*rules: dict[str, Any], only: str | None = None) -> list[ParameterGroup]:
    model = small_model()
    named: list[tuple[str, Tensor]] = [
        (n, p) for n, p in model.named_parameters() if only is None or only in n
    ]
    return parameter_groups(
        named,
        weight_decay=0.1,
        parameters=NamedParameters(model),
        rules=[ParameterRule.model_validate(rule) for rule in rules],
    )


def settings(groups: list[ParameterGroup]) -> dict[str, tuple[float, float]]:
    return {n: (g["lr_ratio"], g["weight_decay"]) for g in groups for n in g["names"]}


def test_without_rules_there_are_the_two_groups_that_there_always_were() -> None:
    decayed, kept = grouped()
    assert (decayed["lr_ratio"], decayed["weight_decay"]) == (1.0, 0.1)
    assert (kept["lr_ratio"], kept["weight_decay"]) == (1.0, 0.0)
    assert decayed["roles"][0] == "embedding"
    assert set(kept["roles"]) == {"norm"}


def test_the_first_rule_that_matches_holds() -> None:
    found = settings(
        grouped(
            {"match": "embeddings", "lr_ratio": 0.1, "weight_decay": 0.0},
            {"match": ["*.layers.1.*", "head"], "lr_ratio": 2.0},
            {"match": "norms", "weight_decay": 0.5},
        )
    )
    assert found["model.embed_tokens.weight"] == (0.1, 0.0)
    assert found["lm_head.weight"] == (2.0, 0.1)
    assert found["model.layers.1.input_layernorm.weight"] == (2.0, 0.0)
    assert found["model.layers.0.input_layernorm.weight"] == found["model.norm.weight"] == (1.0, 0.5)
    assert found["model.layers.0.mlp.up_proj.weight"] == (1.0, 0.1)
    assert found.keys() == {name for name, _ in small_model().named_parameters()}


def test_a_rule_that_matches_nothing_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        grouped({"match": "norms"}, {"match": ["head", "*.q_prj.*"]})
    assert caught.value.where == "training_config.parameter_groups.1.match"
    assert "q_proj" in str(caught.value.hint)


def test_a_rule_for_what_is_frozen_or_taken_is_refused() -> None:
    with pytest.raises(ConfigError, match='"embeddings" changes nothing: all that it names is not trained'):
        grouped({"match": "embeddings"}, only="layers.1")
    with pytest.raises(ConfigError, match="is taken by earlier rules: 0") as caught:
        grouped({"match": "*"}, {"match": "norms", "lr_ratio": 2.0})
    assert caught.value.where == "training_config.parameter_groups.1.match"


def test_b_matrices_have_a_rate_of_their_own_where_no_rule_matches() -> None:
    names = ["a.lora_A.default.weight", "a.lora_B.default.weight", "e.lora_embedding_B", "e.lora_embedding_A"]
    named: list[tuple[str, Tensor]] = [(name, nn.Parameter(torch.ones(2, 2))) for name in names]
    assert settings(parameter_groups(named, weight_decay=0.1, b_ratio=16.0)) == {
        names[0]: (1.0, 0.1), names[1]: (16.0, 0.1), names[2]: (16.0, 0.1), names[3]: (1.0, 0.1)
    }  # fmt: skip


def test_a_ratio_multiplies_the_rate_of_each_step() -> None:
    rules = [{"match": "embeddings", "lr_ratio": 0.0}, {"match": "norms", "lr_ratio": 0.5}]
    stepper = small_stepper(lr=0.01, parameter_groups=rules, weight_decay=0.1)
    embedding = stepper.model.get_parameter("model.embed_tokens.weight")
    before = embedding.detach().clone()
    stepper.step(0)
    assert [group["lr"] for group in stepper.optimizer.param_groups] == [0.01, 0.0, 0.005]
    assert torch.equal(embedding, before)


def test_rules_that_change_nothing_change_no_bit() -> None:
    plain = small_stepper(lr=0.01)
    ruled = small_stepper(lr=0.01, parameter_groups=[{"match": "*.layers.0.*"}, {"match": "head"}])
    for step in range(3):
        plain.step(step)
        ruled.step(step)
    assert differing(plain, ruled) == []
