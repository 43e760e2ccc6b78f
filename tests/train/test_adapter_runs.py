"""Runs that train adapters: what they leave, what uses it, and how they go on."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from brahma.core.errors import ModelError, ResumeError
from brahma.core.models import load_model
from brahma.evaluation import Evaluator, Generator
from brahma.evaluation.merging import merge_adapter
from tests.train.adapter_run import (
    EVALUATED,
    FLOAT32,
    LORA,
    NF4,
    STILL,
    adapter_run,
    base_run,
    compared,
    first_loss,
    last_evaluation,
)
from tests.train.small_run import digest, signal_at_step

pytestmark = pytest.mark.usefixtures("quick_start")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_run(tmp_path_factory.mktemp("base"))


def held_out(folder: Path) -> Path:
    """Rows that a run validates on, to be scored again by others."""
    from tests.train.small_run import write_rows

    return write_rows(folder / "held_out.jsonl", count=20, seed=9)


@pytest.mark.parametrize("quantization", [None, NF4], ids=["lora", "qlora"])
def test_evaluator_and_generator_take_a_run_or_its_checkpoint(
    quantization: Any, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_out(tmp_path)
    before = digest(base / "model.safetensors")
    run = adapter_run(
        base, tmp_path, quantization=quantization, lr=1e-2, **{**EVALUATED, "validation": str(held)}
    )
    assert digest(base / "model.safetensors") == before
    trained = sum(each.numel() for each in load_file(run.last / "adapter_model.safetensors").values())
    assert f"{trained:,} parameters are trained; those of the base model are frozen" in run.log.read_text()
    expected = next(
        float(row["eval/loss"])
        for row in run.metrics()
        if f"checkpoint-{row['step']}" == run.best.name and row.get("eval/loss") is not None
    )
    monkeypatch.chdir(tmp_path)
    for name in ("run", run.best):
        found = Evaluator(name, seq_length=64, device="cpu").evaluate_custom(held)
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
    bare = Evaluator(base, seq_length=64, device="cpu").evaluate_custom(held)
    assert abs(bare["loss"] - expected) > 0.01
    assert Generator("run", device="cpu").generate("word1 word2", max_new_tokens=4, temperature=0)
    merged = merge_adapter("run", tmp_path / "merged")
    assert merged.quantized == (quantization is not None)
    assert merged.difference < 0.01 * merged.adapter_effect
    after = Evaluator(tmp_path / "merged", seq_length=64, device="cpu").evaluate_custom(held)
    assert after["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_run_goes_on_from_an_adapter_where_that_one_was(base: Path, tmp_path: Path) -> None:
    held = str(held_out(tmp_path))
    options = {**EVALUATED, "validation": held, "lr": 1e-2}
    first = adapter_run(base, tmp_path / "first", **options)
    second = adapter_run(base, tmp_path / "second", lora={"adapter": str(first.last)}, **{**options, **STILL})
    assert last_evaluation(second) == pytest.approx(last_evaluation(first), rel=1e-6)
    config, before = (json.loads((run.last / "adapter_config.json").read_text()) for run in (second, first))
    assert config == before
    tensors, others = (load_file(run.last / "adapter_model.safetensors") for run in (second, first))
    assert all(torch.allclose(tensors[name], value, atol=1e-9) for name, value in others.items())


def test_a_stack_begins_at_the_lower_adapters_loss_and_leaves_it_as_it_is(base: Path, tmp_path: Path) -> None:
    options = {**EVALUATED, "validation": str(held_out(tmp_path)), "lr": 1e-2}
    lower = adapter_run(base, tmp_path / "lower", **options)
    before = digest(lower.last / "adapter_model.safetensors")
    stacked = {**LORA, "stack": [str(lower.last)]}
    still = adapter_run(base, tmp_path / "still", lora=stacked, **{**options, **STILL})
    assert last_evaluation(still) == pytest.approx(last_evaluation(lower), rel=1e-6)
    upper = adapter_run(base, tmp_path / "upper", lora=stacked, **options)
    assert last_evaluation(upper) < last_evaluation(lower)
    assert digest(lower.last / "adapter_model.safetensors") == before
    scored = Evaluator(upper.last, seq_length=64, device="cpu").evaluate_custom(options["validation"])
    assert scored["loss"] == pytest.approx(last_evaluation(upper), rel=1e-5)
    with pytest.raises(ModelError, match="trained on top of others"):
        adapter_run(base, tmp_path / "alone", lora={"adapter": str(upper.last)})
    on = {"adapter": str(upper.last), "stack": [str(lower.last)]}
    again = adapter_run(base, tmp_path / "again", lora=on, **{**options, **STILL})
    assert last_evaluation(again) == pytest.approx(last_evaluation(upper), rel=1e-6)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_of_new_tokens_the_rows_alone_are_trained_and_stored(tied: bool, tmp_path: Path) -> None:
    base = base_run(tmp_path / "base", tied=tied)
    tokens = {"new_tokens": ["<tide>", "<wind>"]}
    run = adapter_run(base, tmp_path, tokenizer=tokens, lr=1e-2)
    rows = {
        name: value
        for name, value in load_file(run.last / "adapter_model.safetensors").items()
        if "lora" not in name
    }
    assert len(rows) == (1 if tied else 2)
    assert {value.shape[0] for value in rows.values()} == {2}
    before = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
    merged = merge_adapter(run.last, tmp_path / "merged")
    after = load_file(merged.path / "model.safetensors")["model.embed_tokens.weight"]
    assert after.shape[0] == before.shape[0] + 2
    assert torch.equal(after[:-2], before)
    generator = Generator(merged.path, device="cpu")
    assert generator.tokenizer.encode("<tide>", add_special_tokens=False) == [before.shape[0]]
    again = adapter_run(base, tmp_path / "again", lora={"adapter": str(run.last)}, **STILL)
    assert torch.allclose(
        load_file(again.last / "adapter_model.safetensors")[next(iter(rows))], next(iter(rows.values()))
    )


def test_all_weights_are_tuned_with_new_tokens(base: Path, tmp_path: Path) -> None:
    run = adapter_run(base, tmp_path, lora=None, tokenizer={"new_tokens": ["<tide>"]})
    known = load_file(base / "model.safetensors")["model.embed_tokens.weight"].shape[0]
    model = load_model(run.last)
    embedding: Any = model.get_input_embeddings()
    assert embedding.weight.shape[0] == known + 1 == model.config.vocab_size
    generator = Generator(run.last, device="cpu")
    assert generator.tokenizer.encode("<tide>", add_special_tokens=False) == [known]
    assert generator.generate("word1 <tide>", max_new_tokens=3)


@pytest.mark.parametrize(
    ("options", "quantization"),
    [({}, None), ({}, NF4), ({"modules_to_save": ["lm_head"]}, None), ({"dora": True}, None)],
    ids=["lora", "qlora", "head", "dora"],
)
def test_interrupted_and_resumed_it_ends_with_the_same_bits(
    options: dict[str, Any], quantization: Any, base: Path, tmp_path: Path
) -> None:
    given = {**EVALUATED, "lora": {**LORA, **options}, "quantization": quantization, "bf16": True}
    whole = compared(adapter_run(base, tmp_path / "whole", **given))
    with pytest.MonkeyPatch.context() as patch:
        signal_at_step(patch, 3, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            adapter_run(base, tmp_path / "stopped", **given)
    assert compared(adapter_run(base, tmp_path / "stopped", resume="auto", **given)) == whole


def test_a_base_that_changed_is_refused_at_a_resume(base: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(base, tmp_path / "base"))
    with pytest.MonkeyPatch.context() as patch:
        signal_at_step(patch, 3, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            adapter_run(own, tmp_path)
    tensors = load_file(own / "model.safetensors")
    tensors["model.norm.weight"][0] += 1
    save_file(tensors, own / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ResumeError, match="has changed") as caught:
        adapter_run(own, tmp_path, resume="auto")
    assert "checkpoint-3" in str(caught.value.where)
    assert str(own) in str(caught.value.why)


@pytest.mark.parametrize("lora", [LORA, None], ids=["lora", "all-weights"])
def test_a_base_that_computes_otherwise_now_is_refused_at_a_resume(
    lora: Any, base: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "base"))
    given: dict[str, Any] = {"lora": lora, "tokenizer": {"new_tokens": ["<tide>"]}}
    with pytest.MonkeyPatch.context() as patch:
        signal_at_step(patch, 3, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            adapter_run(own, tmp_path, **given)
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3, "use_cache": False}))
    with pytest.raises(ResumeError, match="has changed") as caught:
        adapter_run(own, tmp_path, resume="auto", **given)
    assert "checkpoint-3" in str(caught.value.where)
    assert f"in {own / 'config.json'}, rms_norm_eps was 1e-06, is 0.001" in str(caught.value.why)
    (own / "config.json").write_text(json.dumps(config | {"use_cache": False}))
    assert adapter_run(own, tmp_path, resume="auto", **given).status == "finished"


def test_memory_is_not_taken_for_a_base_that_is_an_adapter(base: Path, tmp_path: Path) -> None:
    run = adapter_run(base, tmp_path, **STILL)
    with pytest.raises(ModelError, match="the base model is an adapter") as caught:
        adapter_run(run.last, tmp_path / "on")
    assert f'"base_model": "{base}"' in str(caught.value.hint)
    assert "brahma merge" in str(caught.value.hint)


@pytest.mark.parametrize("quantization", [None, NF4], ids=["lora", "qlora"])
def test_the_loss_falls_and_gradient_checkpointing_changes_nothing(
    quantization: Any, base: Path, tmp_path: Path
) -> None:
    options = {"lr": 2e-2, "max_steps": 40, "logging_steps": 5, "quantization": quantization, "rows": 6}
    plain = adapter_run(base, tmp_path / "plain", **options)
    losses = [float(row["train/loss"]) for row in plain.metrics()]
    assert losses[-1] < losses[0] - 0.3
    again = adapter_run(base, tmp_path / "again", gradient_checkpointing=True, **options)
    for one, other in zip(again.metrics(), plain.metrics(), strict=True):
        assert float(one["train/loss"]) == pytest.approx(float(other["train/loss"]), rel=1e-4)


@pytest.mark.slow
def test_compiled_it_learns_the_same(base: Path, tmp_path: Path) -> None:
    lora = {**LORA, "dropout": 0.0}
    plain = adapter_run(base, tmp_path / "plain", lora=lora)
    compiled = adapter_run(base, tmp_path / "compiled", lora=lora, compile=True)
    for one, other in zip(compiled.metrics(), plain.metrics(), strict=True):
        assert float(one["train/loss"]) == pytest.approx(float(other["train/loss"]), rel=1e-4)
    assert first_loss(compiled) > 0
    assert FLOAT32["bf16"] is False
