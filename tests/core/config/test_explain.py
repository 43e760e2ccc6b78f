"""Every value says where it comes from and what it does; what follows from others is worked out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from brahma.core.config import Config, ConfigKeyError, load_config, resolve_config
from brahma.core.config.explain import Explained, explain, explain_defaults, find
from brahma.core.config.outline import outline
from brahma.core.config.schema import keys_of, section_in, sections
from brahma.core.config.sections import Choice, EvaluationSection, QuantizationSection
from brahma.core.environment import cores
from brahma.core.errors import ConfigError
from tests.core.config.test_properties import configurations


def explained(values: dict[str, Any]) -> dict[str, Explained]:
    return {each.key: each for each in explain(resolve_config(values))}


def test_every_key_is_explained_once(smallest: dict[str, Any]) -> None:
    rows = explain(resolve_config(smallest))
    keys = [each.key for each in rows]
    assert len(keys) == len(set(keys))
    plain = {
        ".".join(map(str, (*path, key)))
        for path, section in sections(Config)
        for key, annotation in keys_of(section).items()
        if (inner := section_in(annotation)) is None or issubclass(inner, Choice)
    }
    assert plain <= set(keys)
    assert all(each.does and each.takes and each.origin for each in rows)


@pytest.mark.parametrize(
    ("key", "value", "kind", "origin"),
    [
        ("model_config.preset", "micro", "given", "{file}:3"),
        ("training_config.lr", 1e-5, "given", "alias learning_rate at {file}:14"),
        ("training_config.batch_size", 4, "given", "--set"),
        ("training_config.weight_decay", 0.01, "default", "default"),
        ("training_config.schedule", "cosine", "given", "{file}:16"),
        ("training_config.schedule.min_ratio", 0.1, "given", "{file}:17"),
        ("training_config.optimizer.fused", True, "default", "default"),
        ("training_config.trackers", ["tensorboard"], "default", "default"),
        ("model_config.hidden_size", 512, "derived", "preset micro"),
        ("model_config.vocab_size", 8192, "derived", "at most tokenizer.train.vocab_size"),
        ("model_config.rope_theta", 10000.0, "default", "default"),
        ("training_config.global_batch_size", 8, "derived", "batch_size × accumulation × 1 process"),
        ("training_config.init_seed", 7, "derived", "seed"),
        ("training_config.epochs", None, "derived", "max_steps ends the run"),
        ("training_config.bf16", None, "derived", "measured when the run starts"),
        ("data_config.workers", cores(), "derived", "one for each core of this machine"),
        ("lora_config", None, "default", "default"),
        ("lora_config.r", None, "absent", "there is no lora_config"),
        ("output_dir", str(Path.cwd()), "derived", "the working directory"),
    ],
)
def test_each_value_has_its_origin(
    write: Any, smallest: dict[str, Any], key: str, value: object, kind: str, origin: str
) -> None:
    schedule = {"name": "cosine", "min_ratio": 0.1}
    training = {"learning_rate": 1e-5, "schedule": schedule, "gradient_accumulation_steps": 2}
    smallest["training_config"] = {**training, "seed": 7, "max_steps": 9}
    file = write("a.json", smallest)
    rows = explain(load_config(file, ["training_config.batch_size=4"]))
    found = {each.key: (each.value, each.kind, each.origin) for each in rows}
    assert found[key] == (value, kind, origin.format(file=file))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(configurations())
def test_whatever_is_valid_can_be_explained(values: dict[str, Any]) -> None:
    try:
        resolved = resolve_config(values)
    except ConfigError:
        assume(False)
    rows = explain(resolved)
    assert len({each.key for each in rows}) == len(rows)
    given_keys = {key for key, value, _ in resolved.given() if value is not None}
    explained_keys = {each.key for each in rows if each.kind == "given"}
    assert all(
        any(key == known or key.startswith(f"{known}.") for known in explained_keys) for key in given_keys
    )
    assert all(text for _, text in outline(resolved.config))
    json.dumps([each.to_dict() for each in rows], allow_nan=False)


def test_sizes_without_a_preset_follow_from_each_other(smallest: dict[str, Any]) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    rows = explained(smallest | {"model_config": sizes})
    assert (rows["model_config.head_dim"].value, rows["model_config.head_dim"].kind) == (16, "derived")
    assert rows["model_config.num_key_value_heads"].origin == "num_attention_heads"
    assert rows["model_config.hidden_size"].kind == "given"


def test_an_object_is_given_where_its_first_key_is(write: Any, smallest: dict[str, Any]) -> None:
    smallest["model_config"]["rope_scaling"] = {"rope_type": "linear", "factor": 2.0}
    file = write("a.json", smallest)
    rows = {each.key: each for each in explain(load_config(file))}
    scaling = rows["model_config.rope_scaling"]
    assert (scaling.value["factor"], scaling.kind, scaling.origin) == (2.0, "given", f"{file}:5")


def test_a_base_model_brings_its_architecture_and_tokenizer(smallest: dict[str, Any]) -> None:
    rows = explained({**smallest, "model_config": {"base_model": "a/b"}, "tokenizer": None})
    for key in ("model_config.hidden_size", "model_config.rope_theta", "tokenizer"):
        assert (rows[key].value, rows[key].origin) == (None, "the base model's own")
    assert rows["training_config.init_seed"].kind == "default"


def test_the_accumulation_follows_from_the_global_batch(smallest: dict[str, Any]) -> None:
    rows = explained(smallest | {"training_config": {"global_batch_size": 32}})
    assert rows["training_config.gradient_accumulation_steps"].value == 4


def test_threads_come_from_the_environment(smallest: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    threads = explained(smallest)["training_config.threads"]
    assert (threads.value, threads.origin) == (3, "OMP_NUM_THREADS")


def test_what_is_explained_is_what_the_run_gets(smallest: dict[str, Any]) -> None:
    from brahma.core.spec import ModelSpec

    resolved = resolve_config(smallest)
    spec = ModelSpec.from_section(resolved.config.model).with_tokenizer(8192, 0, 1, 2).to_dict()
    rows = {each.key: each.value for each in explain(resolved)}
    shared = [key for key in spec if f"model_config.{key}" in rows and key != "model_type"]
    assert len(shared) > 15
    assert [rows[f"model_config.{key}"] for key in shared] == [spec[key] for key in shared]


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("training_config.lr", ["training_config.lr"]),
        ("lr", ["training_config.lr"]),
        ("learning_rate", ["training_config.lr"]),
        ("training_config.learning_rate", ["training_config.lr"]),
        ("fp16", ["training_config.fp16"]),
        ("optimizer", ["training_config.optimizer"]),
        ("training_config.optimizer.fused", ["training_config.optimizer.fused"]),
        ("tokenizer.train.vocab_size", ["tokenizer.train.vocab_size"]),
        ("output_dir", ["output_dir"]),
        (
            "tokenizer.train.",
            ["tokenizer.train.vocab_size", "tokenizer.train.min_frequency", "tokenizer.train.max_bytes"],
        ),
        (
            "quantization",
            ["quantization", *(f"quantization.{key}" for key in QuantizationSection.model_fields)],
        ),
        ("evaluation", [f"evaluation.{key}" for key in EvaluationSection.model_fields]),
    ],
)
def test_a_key_is_found_by_the_names_it_has(smallest: dict[str, Any], word: str, keys: list[str]) -> None:
    found = find(explain(resolve_config(smallest)), word, where="a.json")
    assert [each.key for each in found] == keys


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("learnig_rate", 'did you mean "learning_rate"? It belongs to "training_config"'),
        ("training_config.bach_size", 'did you mean "batch_size"?'),
        ("warmup_ratio", "warmup_steps"),
        ("vocab_size", "model_config.vocab_size or tokenizer.train.vocab_size"),
        ("xyzzy", "keys here: "),
        ("", "keys here: "),
        ("training_config.optimizer.fusedd", 'did you mean "fused"?'),
    ],
)
def test_a_key_that_is_none_or_many_is_refused(smallest: dict[str, Any], word: str, hint: str) -> None:
    with pytest.raises(ConfigKeyError) as caught:
        find(explain(resolve_config(smallest)), word, where="a.json")
    assert hint in str(caught.value.hint)
    assert caught.value.where == "a.json"


def test_no_default_speaks_of_a_configuration_that_is_not_there() -> None:
    known = explain_defaults(["training_config.lr=1"])
    assert {each.origin for each in known} == {"default", "--set"}
    assert all(each.value == each.default for each in known if each.origin == "default")
