"""What can be varied, by which names and in which ranges; what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brahma.core.config import Config, ResolvedConfig, resolve_config
from brahma.core.errors import ConfigError
from brahma.train.search.parameters import find_key, searchable
from brahma.train.search.ranges import (
    Circumstances,
    Numbers,
    Values,
    default_range,
    given_range,
    range_from_dict,
)
from brahma.train.search.space import Space, asked_parameters
from tests.train.search.small_search import base


def resolved(tmp_path: Path, search: dict[str, Any] | None = None, **training: Any) -> ResolvedConfig:
    return resolve_config(base(tmp_path, search, **training))


def circumstances(config: Config, *, most: int = 64, least_steps: int = 1) -> Circumstances:
    return Circumstances(config, lambda size: size <= most, lambda packs: -(-180 // packs), least_steps)


def space(tmp_path: Path, names: str, search: dict[str, Any] | None = None, **training: Any) -> Space:
    config = resolved(tmp_path, search, **training)
    asked = asked_parameters(names.split(","), config.config)
    return Space(config, asked, circumstances(config.config), {})


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("lr", "lr"),
        ("learning_rate", "lr"),
        ("learning-rate", "lr"),
        ("training_config.lr", "lr"),
        ("per_device_train_batch_size", "batch_size"),
        ("r", "lora_config.r"),
        ("lora_alpha", "lora_config.alpha"),
        ("lora_config.dropout", "lora_config.dropout"),
        ("attention_dropout", "model_config.attention_dropout"),
        ("optimizer", "optimizer"),
        ("optimizer.momentum", "optimizer.momentum"),
        ("training_config.optimizer.momentum", "optimizer.momentum"),
    ],
)
def test_a_parameter_goes_by_the_names_people_type(name: str, known: str) -> None:
    assert find_key(name).name == known


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("batchsize", 'did you mean "batch_size"?'),
        ("warmup_step", 'did you mean "warmup_steps"?'),
        ("lora_config.rank_", 'did you mean "lora_config.r"?'),
        ("qqq", "there are: "),
    ],
)
def test_an_unknown_parameter_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"no parameter is called '{name}'") as caught:
        find_key(name)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "name", ["seq_length", "data_config.train", "output_dir", "trackers", "preset", "tasks"]
)
def test_what_no_search_varies_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be searched") as caught:
        find_key(name)
    assert caught.value.why


def test_every_key_that_is_offered_has_a_name_that_finds_it() -> None:
    keys = list(searchable())
    assert len(keys) > 30
    assert [find_key(key.name) for key in keys] == keys


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ("lr,lr", "lr is named twice"),
        ("lr,learning_rate", "lr is named twice"),
        ("lora_config.r", "there is no lora_config"),
        ("bits", "there is no quantization"),
        ("epochs", "max_steps ends the run"),
    ],
)
def test_what_changes_nothing_is_refused(tmp_path: Path, names: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked_parameters(names.split(","), resolved(tmp_path).config)
    assert what in str(caught.value)


def test_a_parameter_under_two_names_is_refused(tmp_path: Path) -> None:
    base = resolved(tmp_path).to_dict()
    both = {**base, "search": {"parameters": {"lr": [1e-3, 1e-2], "learning_rate": [1e-4, 1e-2]}}}
    with pytest.raises(ConfigError, match="lr is named twice"):
        asked_parameters(None, resolve_config(both).config)


def test_a_batch_size_under_a_global_one_is_refused(tmp_path: Path) -> None:
    config = resolved(tmp_path, global_batch_size=4).config
    with pytest.raises(ConfigError, match="batch_size cannot be searched here"):
        asked_parameters(["batch_size"], config)
    assert asked_parameters(["global_batch_size"], config)


def test_a_length_in_minutes_is_refused(tmp_path: Path) -> None:
    config = resolved(tmp_path, max_steps=None, max_minutes=1.0).config
    with pytest.raises(ConfigError, match="trials of one length"):
        asked_parameters(["lr"], config)


def test_nothing_to_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is searched"):
        asked_parameters(None, resolved(tmp_path, {"parameters": {}}).config)


def test_default_ranges_follow_from_the_configuration(tmp_path: Path) -> None:
    found = space(tmp_path, "lr,batch_size,warmup_steps,weight_decay,schedule", max_steps=90).ranges
    assert found["lr"] == Numbers(1e-4, 1e-2, log=True)
    assert found["batch_size"] == Values((1, 2, 4, 8))
    assert found["warmup_steps"] == Numbers(0, 4, whole=True)  # of 23 steps, with batches of 8
    assert found["weight_decay"] == Numbers(0.0, 0.2)
    assert found["schedule"] == Values(("linear", "cosine", "constant", "wsd"))


def test_batches_are_those_that_memory_and_steps_permit(tmp_path: Path) -> None:
    config, key = resolved(tmp_path, batch_size=16).config, find_key("batch_size")
    assert default_range(key, circumstances(config), 9) == Values((4, 8, 16, 32, 64))
    assert default_range(key, circumstances(config, most=32), 9) == Values((4, 8, 16, 32))
    assert default_range(key, circumstances(config, least_steps=20), 9) == Values((4, 8, 16))
    odd = resolved(tmp_path, batch_size=6).config
    assert default_range(key, circumstances(odd), 9) == Values((2, 4, 6, 8, 16))


def test_a_parameter_without_a_default_range_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.momentum has no default range"):
        space(tmp_path, "optimizer.momentum")


@pytest.mark.parametrize(
    ("name", "given", "what"),
    [
        ("lr", {"low": 1, "high": 1}, "low 1 is not below high 1"),
        ("lr", {"low": 0, "high": 1, "log": True}, "low 0 is not above 0"),
        ("lr", {"low": 0.1}, "needs high"),
        ("lr", {"low": 0.1, "high": 1, "lag": 1}, "unknown key 'lag'"),
        ("lr", [], "has no values"),
        ("lr", [0.1, 0.1], "has 0.1 twice"),
        ("lr", "high", "expected a range"),
        ("lr", {"low": 0.1, "high": 1, "step": 2}, "step 2 does not lie in the range"),
        ("lr", {"low": 0.1, "high": 1, "log": True, "step": 0.1}, "both log and step"),
        ("batch_size", {"low": 1.5, "high": 4}, "takes whole numbers"),
        ("schedule", {"low": 1, "high": 4}, "takes names"),
    ],
)
def test_a_range_that_is_none_is_refused(name: str, given: Any, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        given_range(find_key(name), given)
    assert what in str(caught.value)


def test_a_wrong_range_in_a_file_is_told_with_all_other_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(tmp_path, {"parameters": {"lr": {"low": 2, "high": 1}}, "storage": "study.db"})
    told = str(caught.value)
    assert "search.parameters.lr" in told
    assert "search.storage" in told


@pytest.mark.parametrize(
    ("names", "ranges", "why"),
    [
        ("lr", {"lr": [1e-3, -1.0]}, "expected a number above 0"),
        ("batch_size", {"batch_size": [2, 2.5]}, "expected a whole number"),
        ("optimizer", {"optimizer": ["adamw", "adamv"]}, "no optimizer is called 'adamv'"),
        ("warmup_steps", {"warmup_steps": {"low": 0, "high": 9}}, "the whole run would be warm-up"),
        ("optimizer.momentum", {"optimizer.momentum": {"low": 0, "high": 1}}, "unknown key"),
        (
            "batch_size,warmup_steps",
            {"batch_size": [2, 4], "warmup_steps": {"low": 0, "high": 6}},
            "the whole run would be warm-up",
        ),
    ],
)
def test_what_the_configuration_would_refuse_is_refused_before_anything_runs(
    tmp_path: Path, names: str, ranges: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        space(tmp_path, names, {"parameters": ranges})
    assert why in str(caught.value)


def test_a_trial_sees_as_many_packs_whatever_its_batch(tmp_path: Path) -> None:
    found = space(tmp_path, "batch_size", {"parameters": {"batch_size": [1, 2, 3, 4]}}, max_steps=12)
    lengths = {
        size: found.configuration({"batch_size": size}, "run").config.training.max_steps
        for size in (1, 2, 3, 4)
    }
    assert lengths == {1: 24, 2: 12, 3: 8, 4: 6}


def test_a_length_that_is_searched_is_taken_as_it_is(tmp_path: Path) -> None:
    ranges = {"batch_size": [1, 2], "max_steps": [10, 20]}
    found = space(tmp_path, "batch_size,max_steps", {"parameters": ranges})
    config = found.configuration({"batch_size": 1, "max_steps": 20}, "run").config
    assert config.training.max_steps == 20


def test_the_base_configuration_is_a_point_if_it_lies_in_the_space(tmp_path: Path) -> None:
    found = space(tmp_path, "lr,batch_size,optimizer")
    assert found.base_values() == {"lr": 1e-3, "batch_size": 2, "optimizer": "adamw"}
    outside = space(tmp_path, "lr,batch_size", {"parameters": {"batch_size": [4, 8]}})
    assert outside.base_values() is None


def test_names_choose_things_in_a_trial(tmp_path: Path) -> None:
    found = space(tmp_path, "optimizer,bf16")
    config = found.configuration({"optimizer": "lion", "bf16": False}, "run").config
    assert (config.training.optimizer.name, config.run_name, config.search) == ("lion", "run", None)


@pytest.mark.parametrize(
    "span", [Numbers(0.1, 1.0, log=True), Numbers(0, 8, step=2, whole=True), Values((1, None))]
)
def test_ranges_are_stored_and_read_again(span: Numbers | Values) -> None:
    assert range_from_dict(span.to_dict()) == span


def test_what_lies_in_a_range() -> None:
    assert 4 in Numbers(0, 8, step=2, whole=True)
    assert 3 not in Numbers(0, 8, step=2, whole=True)
    assert 0.5 not in Numbers(0, 8, whole=True)
    assert True not in Numbers(0, 8)
    assert True not in Values((1, 2))
    assert 1 in Values((1, 2))
    assert 0.0 in Values((0, 0.1)), "as a configuration has it where people write 0"
    assert 1 not in Values((True,))
    tenths = Numbers(0.1, 1.0, step=0.1)
    assert all(number / 10 in tenths for number in range(1, 11)), "whatever their last bits"
    assert 0.75 not in tenths
