"""`Trainer.fit`: what a run leaves behind."""

from __future__ import annotations

import json
import math
import typing
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from brahma.core.config import Config, DataSection, TrainingSection
from brahma.core.config.sections import LoraSection, QuantizationSection, Section
from brahma.core.errors import (
    ConfigError,
)
from brahma.core.spec import ModelSpec
from brahma.data import Dataset
from brahma.train import Trainer
from brahma.train.options import LoraOptions, QuantizationOptions, TrainerOptions
from tests.train.small_run import (
    EVALUATED,
    OPTIONS,
    fingerprint,
    small_trainer,
    train,
    write_rows,
)

pytestmark = pytest.mark.usefixtures("quick_start")


def test_the_keywords_are_those_of_the_sections() -> None:
    keys = set(TrainerOptions.__annotations__)
    others = keys - set(TrainingSection.model_fields)
    assert set(TrainingSection.model_fields) < keys
    sections = {"evaluation", "lora_config", "quantization"}
    assert others == {"seq_length", "packing", "on_long_row", "workers", *sections}
    assert others - sections < set(DataSection.model_fields)
    assert sections < {field.alias or name for name, field in Config.model_fields.items()}


@pytest.mark.parametrize(
    ("options", "section"), [(LoraOptions, LoraSection), (QuantizationOptions, QuantizationSection)]
)
def test_the_keywords_of_adapters_and_bits_are_those_of_their_sections(
    options: type, section: type[Section]
) -> None:
    hints = typing.get_type_hints(options)
    assert set(hints) == set(section.model_fields)
    for key, field in section.model_fields.items():
        nullable = type(None) in typing.get_args(field.annotation)
        assert (type(None) in typing.get_args(hints[key])) is nullable, key


@pytest.mark.parametrize(
    "given", [{"r": 8, "alpha": 32.0}, LoraSection(r=8, alpha=32.0), {"r": 8, "lora_alpha": 32}]
)
def test_adapters_mean_the_same_in_keywords_as_in_a_file(given: Any) -> None:
    trainer = Trainer("some/model", Dataset.from_rows(["one"]), lora_config=given, quantization=True)
    assert trainer.config.lora == LoraSection(r=8, alpha=32.0)
    assert trainer.config.quantization == QuantizationSection()


@pytest.mark.parametrize(
    ("given", "expected"), [(True, LoraSection()), ({}, LoraSection()), (False, None), (None, None)]
)
def test_adapters_are_switched_on_and_off(given: Any, expected: LoraSection | None) -> None:
    trainer = Trainer("some/model", Dataset.from_rows(["one"]), lora_config=given)
    assert trainer.config.lora == expected


def test_a_mistake_in_the_keywords_of_adapters_is_named() -> None:
    rows = Dataset.from_rows(["one"])
    with pytest.raises(ConfigError, match='did you mean "r"'):
        Trainer("some/model", rows, lora_config={"rank": 8})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="nothing to adapt"):
        Trainer(ModelSpec.preset("nano"), rows, lora_config=True)
    with pytest.raises(ConfigError, match='did you mean "lora_config"'):
        Trainer("some/model", rows, lora={"r": 8})  # type: ignore[call-arg]


def test_a_trainer_shows_its_adapters_and_bits() -> None:
    trainer = Trainer(
        "some/model", Dataset.from_rows(["one"]), lora_config={"r": 8}, quantization={"bits": 8}
    )
    assert "  lora_config={'r': 8},\n  quantization={'bits': 8},\n" in repr(trainer)
    assert "lora_config" not in repr(Trainer("some/model", Dataset.from_rows(["one"])))


def test_the_keywords_have_the_types_of_the_sections() -> None:
    hints = typing.get_type_hints(TrainerOptions)
    for key, field in {**DataSection.model_fields, **TrainingSection.model_fields}.items():
        if key not in hints:
            continue
        nullable = type(None) in typing.get_args(field.annotation)
        assert (type(None) in typing.get_args(hints[key])) is nullable, key


@pytest.mark.parametrize(
    ("options", "named"),
    [({"learning_rat": 1e-3}, "learning_rate"), ({"lr": "high"}, "lr"), ({"batch_size": 0}, "batch_size")],
)
def test_a_bad_keyword_is_named_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        small_trainer(tmp_path, **options)
    assert not (tmp_path / "runs").exists()


def test_a_run_leaves_everything_where_it_belongs(tmp_path: Path) -> None:
    run = train(tmp_path, **EVALUATED)
    assert run.status == "finished"
    assert run.directory == tmp_path / "runs" / "run"
    for name in ("config.json", "environment.json", "ledger.json", "metrics.jsonl", "state.json"):
        assert (run.directory / name).stat().st_size > 2
    assert (tmp_path / "logs" / "run.log").read_text()
    assert [folder.name for folder in run.checkpoints][-1] == "checkpoint-8"
    assert [path.name for path in (run.directory / "checkpoints").iterdir() if path.name[0] == "."] == []
    config = json.loads((run.directory / "config.json").read_text())
    assert config["config"]["training_config"]["lr"] == OPTIONS["lr"]
    assert config["origins"]["training_config.weight_decay"] == "default"


def test_metrics_have_the_rows_and_keys_that_were_asked_for(tmp_path: Path) -> None:
    run = train(tmp_path, **EVALUATED)
    rows = run.metrics()
    assert [row["step"] for row in rows if "train/loss" in row] == [1, 3, 6, 8]
    assert [row["step"] for row in rows if "eval/loss" in row] == [3, 6, 8]
    last = rows[-1]
    assert {"attempt", "time", "train/lr", "train/grad_norm", "train/tokens", "rate/mfu"} <= last.keys()
    assert last["eval/perplexity"] == pytest.approx(math.exp(last["eval/loss"]))
    state = json.loads((run.last / "trainer_state.json").read_text())
    assert last["train/tokens"] == state["tokens"]
    assert last["train/loss"] < rows[0]["train/loss"]


def test_the_logged_loss_is_the_mean_since_the_row_before(tmp_path: Path) -> None:
    every = train(tmp_path / "every", logging_steps=1).metrics()
    some = train(tmp_path / "some", logging_steps=4).metrics()
    tokens = {row["step"]: row["train/tokens"] for row in every}
    for row, start in zip(some[1:], [1, 4], strict=True):
        inside = [each for each in every if start < each["step"] <= row["step"]]
        weights = [tokens[each["step"]] - tokens[each["step"] - 1] for each in inside]
        mean = sum(w * each["train/loss"] for w, each in zip(weights, inside, strict=True)) / sum(weights)
        assert row["train/loss"] == pytest.approx(mean, rel=1e-12)


def test_the_same_run_twice_has_the_same_bits(tmp_path: Path, whole: dict[str, Any]) -> None:
    assert fingerprint(train(tmp_path, **EVALUATED)) == whole


def test_where_and_when_checkpoints_are_written_changes_no_bit(tmp_path: Path) -> None:
    plain = fingerprint(train(tmp_path / "a"))
    other = fingerprint(train(tmp_path / "b", async_save=False, save_steps=3, save_total_limit=1))
    assert (plain["model"], plain["optimizer"]) == (other["model"], other["optimizer"])


def test_gradient_checkpointing_changes_no_loss_and_is_not_saved(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"bf16": False, "fp16": False, "model": {"attention_dropout": 0.2}}
    plain = train(tmp_path / "a", **keys)
    saving = train(tmp_path / "b", gradient_checkpointing=True, **keys)
    losses = [[row["train/loss"] for row in run.metrics()] for run in (plain, saving)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert (plain.last / "config.json").read_text() == (saving.last / "config.json").read_text()
    assert json.loads((saving.last / "config.json").read_text())["use_cache"] is True


def test_float32_weights_are_stored_once_and_tied_ones_too(tmp_path: Path) -> None:
    run = train(tmp_path, bf16=False, fp16=False)
    model, optimizer = (load_file(run.last / f"{name}.safetensors") for name in ("model", "optimizer"))
    assert "model.embed_tokens.weight" in model
    assert "lm_head.weight" not in model
    assert {key.split("/")[0] for key in optimizer} == {"exp_avg", "exp_avg_sq", "step"}
    assert {tensor.dtype for tensor in model.values()} == {torch.float32}


def test_bf16_weights_are_their_masters_rounded(tmp_path: Path) -> None:
    run = train(tmp_path)
    model, optimizer = (load_file(run.last / f"{name}.safetensors") for name in ("model", "optimizer"))
    for name, weight in model.items():
        master = optimizer[f"master/{name}"]
        assert master.dtype == torch.float32
        assert torch.equal(master.bfloat16(), weight)
    assert json.loads((run.last / "config.json").read_text())["dtype"] == "bfloat16"


def test_evaluation_by_epochs(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "few.jsonl", 30)
    run = train(
        tmp_path,
        data=data,
        max_steps=None,
        epochs=3.0,
        validation=0.2,
        evaluation_strategy="epoch",
        batch_size=3,
    )
    evaluated = [row["step"] for row in run.metrics() if "eval/loss" in row]
    assert len(evaluated) == 3
    assert evaluated[-1] == run.state.total_steps


def test_without_a_strategy_the_end_is_evaluated(tmp_path: Path) -> None:
    held_out = write_rows(tmp_path / "held.jsonl", 9, seed=5)
    run = train(tmp_path, validation=Dataset.from_file(held_out))
    assert [row["step"] for row in run.metrics() if "eval/loss" in row] == [8]
    assert run.best == run.last


def test_the_best_checkpoint_outlives_the_newest(tmp_path: Path) -> None:
    """At such a rate the model only gets worse."""
    run = train(
        tmp_path, validation=0.1, evaluation_strategy="steps", eval_steps=1, save_steps=1, save_total_limit=2,
        lr=30.0, warmup_steps=0, schedule="constant",
    )  # fmt: skip
    losses = {row["step"]: row["eval/loss"] for row in run.metrics()}
    best = min(losses, key=lambda step: losses[step])
    assert best < 6
    assert run.best.name == f"checkpoint-{best}"
    assert [folder.name for folder in run.checkpoints] == [f"checkpoint-{step}" for step in (best, 7, 8)]


def test_a_run_in_minutes_has_as_many_steps_as_fit(tmp_path: Path) -> None:
    run = train(tmp_path, max_steps=None, max_minutes=0.01, warmup_steps=0)
    assert run.status == "finished"
    steps = run.state.step
    assert steps == run.state.total_steps
    counted = train(tmp_path / "counted", max_steps=steps, warmup_steps=0)  # the trial has changed no bit
    assert fingerprint(counted)["model"] == fingerprint(run)["model"]


def test_the_name_that_others_give_to_fit_is_answered() -> None:
    trainer = Trainer(ModelSpec.preset("nano"), Dataset.from_rows(["one", "two"]))
    with pytest.raises(AttributeError, match=r"no 'train'; fit\(\) trains"):
        getattr(trainer, "train")  # noqa: B009
    assert not hasattr(trainer, "evaluate")


def test_a_trainer_shows_what_it_will_do_and_where(tmp_path: Path) -> None:
    model = ModelSpec.preset("nano")
    data = Dataset.from_rows(["one", "two"])
    trainer = Trainer(
        model, data, validation=0.5, output_dir=tmp_path, max_minutes=3.0, gradient_accumulation_steps=2
    )
    assert repr(trainer).splitlines() == [
        "Trainer(",
        f"  {model!r},",
        "  Dataset(text, in memory, 2 rows),",
        "  validation=0.5,",
        "  max_minutes=3.0, lr=0.0003, batch_size=8, gradient_accumulation_steps=2, seq_length=1024,",
        f"  writes {tmp_path / 'runs' / 'run-<number>'}",
        ")",
    ]
    assert f"  writes {tmp_path / 'runs' / 'mine'}\n" in repr(
        Trainer(model, data, run_name="mine", output_dir=tmp_path)
    )
