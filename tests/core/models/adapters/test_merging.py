"""An adapter and its base become one plain model with the same logits."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from brahma.core.errors import ModelError
from brahma.core.models import load_model
from brahma.core.models.adapters import merging, parity
from brahma.core.models.adapters.merging import merge, save_plain
from tests.core.models.adapters.adapted import NF4, base_model, ids, largest_difference, logits, stored
from tests.core.models.tiny import VOCAB

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dora": {"dora": True},
    "rslora": {"rslora": True},
    "bias": {"bias": "all"},
    "lora_only": {"bias": "lora_only", "target_modules": ["q_proj"]},
    "head": {"modules_to_save": ["lm_head"]},
    "embedding": {"modules_to_save": ["embed_tokens"]},
    "new rows": {"new_rows": 2},
}


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("base") / "model", tie_word_embeddings=request.param)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_merged_model_computes_what_the_adapted_one_did(
    kind: str, dtype: torch.dtype, base: Path, tmp_path: Path
) -> None:
    folder, adapter = stored(base, tmp_path / "adapter", **KINDS[kind])
    merged = merge(folder, dtype=dtype)
    given = ids(VOCAB + KINDS[kind].get("new_rows", 0))
    difference = largest_difference(logits(merged.model, given), logits(adapter.model, given))
    assert difference < (2e-5 if dtype == torch.float32 else 0.3)
    assert merged.parity.within
    assert merged.parity.difference < 0.1 * merged.parity.adapter_effect
    assert {parameter.dtype for parameter in merged.model.parameters()} == {dtype}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_a_plain_model(kind: str, base: Path, tmp_path: Path, tokenizer: Any) -> None:
    folder, _ = stored(base, tmp_path / "adapter", **KINDS[kind])
    merged = merge(folder)
    saved = save_plain(merged.model, tokenizer, tmp_path / "merged")
    names = {path.name for path in saved.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "adapter_config.json" not in names
    text = "".join(path.read_text() for path in saved.glob("*.json")) + " ".join(
        load_file(saved / "model.safetensors")
    )
    assert "lora" not in text
    assert "peft" not in text
    assert "base_layer" not in text
    loaded: Any = AutoModelForCausalLM.from_pretrained(saved, output_loading_info=True)
    plain, report = loaded
    assert not any(report.values())
    given = ids(VOCAB + KINDS[kind].get("new_rows", 0))
    assert torch.equal(logits(plain, given), logits(merged.model, given))
    assert AutoTokenizer.from_pretrained(saved).get_vocab() == tokenizer.get_vocab()


def test_ties_that_the_adapter_took_apart_stay_apart(tmp_path: Path, tokenizer: Any) -> None:
    base = base_model(tmp_path / "base", tie_word_embeddings=True)
    folder, _ = stored(base, tmp_path / "adapter", modules_to_save=["lm_head"])
    saved = save_plain(merge(folder).model, tokenizer, tmp_path / "merged")
    assert json.loads((saved / "config.json").read_text())["tie_word_embeddings"] is False
    assert "lm_head.weight" in load_file(saved / "model.safetensors")


@pytest.mark.parametrize("rows", [0, 1], ids=["", "rows above"])
@pytest.mark.parametrize("below", ["plain", "dora", "bias", "head", "new rows"])
def test_a_stack_is_merged_whole(below: str, rows: int, base: Path, tmp_path: Path) -> None:
    if below == "head" and rows:
        pytest.skip("one by rows and one whole are refused: test_bad_adapters")
    lower, first = stored(base, tmp_path / "lower", **KINDS[below])
    upper, adapter = stored(
        base, tmp_path / "upper", stack=[lower], seed=8, target_modules=["q_proj", "up_proj"], new_rows=rows
    )
    size = VOCAB + KINDS[below].get("new_rows", 0) + rows
    alone, _ = stored(base, tmp_path / "alone", seed=8, target_modules=["q_proj", "up_proj"])
    stacked = logits(adapter.model, ids(size))
    merged = merge(upper)
    assert largest_difference(logits(merged.model, ids(size)), stacked) < 2e-5
    known = ids()
    for other in (first.model, load_model(alone)):  # both are at work in it
        assert (
            largest_difference(logits(adapter.model, known)[..., :VOCAB], logits(other, known)[..., :VOCAB])
            > 0.01
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
def test_a_quantized_base_is_made_plain_first(dtype: torch.dtype, base: Path, tmp_path: Path) -> None:
    folder, adapter = stored(base, tmp_path / "adapter", quantization=NF4, dtype=dtype)
    merged = merge(folder)
    assert merged.quantized
    assert merged.dtype == dtype
    difference = largest_difference(logits(merged.model, ids()), logits(adapter.model, ids()))
    assert difference < (2e-5 if dtype == torch.float32 else 0.5)
    assert abs(merged.parity.loss_after - merged.parity.loss_before) < (
        1e-5 if dtype == torch.float32 else 0.1
    )
    whole = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    onto_whole = PeftModel.from_pretrained(whole, folder)
    assert largest_difference(logits(onto_whole, ids()), logits(adapter.model, ids())) > 2 * difference


def test_a_merge_that_leaves_something_out_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = stored(base, tmp_path / "adapter", target_modules=["o_proj"], r=1)
    merge_layer = merging._in_float32
    seen: list[Any] = []

    def all_but_the_first(layer: Any, dtype: torch.dtype) -> None:
        seen.append(layer)
        if len(seen) == 1:
            layer.lora_B["default"].weight.zero_()
        merge_layer(layer, dtype)

    monkeypatch.setattr(merging, "_in_float32", all_but_the_first)
    with pytest.raises(ModelError, match="would not be the one that was trained") as caught:
        merge(folder)
    assert caught.value.where == str(folder)
    assert "rounding in float32 explains" in str(caught.value.why)


def test_the_precisions_error_is_that_of_the_precision(base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    given = parity.sequences(model, [list(range(20))], always=[VOCAB - 1])
    assert sorted(map(len, given)) == [1, 20, 96, 96]
    exact, coarse = (parity.precision_error(model, given, each) for each in (torch.float32, torch.bfloat16))
    assert coarse / exact == pytest.approx(2.0**16, rel=0.5)
    rounded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    moved = parity.distance(parity.outputs(model, given), parity.outputs(rounded, given))
    assert 0.1 * coarse < moved < parity.ALLOWED * coarse


def test_nothing_is_written_over_and_nothing_half(
    base: Path, tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(ModelError, match="exists already"):
        save_plain(model, tokenizer, taken)
    assert not any(taken.iterdir())

    def fails(*_args: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(type(tokenizer), "save_pretrained", fails)
    with pytest.raises(ModelError, match="cannot be written") as caught:
        save_plain(model, tokenizer, tmp_path / "new")
    assert caught.value.why == "no space left"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_full_disk_is_told_and_nothing_is_left(base: Path, tokenizer: Any, tmp_path: Path) -> None:
    model = merge(stored(base, tmp_path / "adapter")[0]).model
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(ModelError, match="the model cannot be written") as caught:
            save_plain(model, tokenizer, tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, was)
    assert "choose another --output" in str(caught.value.hint)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["adapter"]


def test_an_output_below_a_file_is_refused(base: Path, tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written") as caught:
        save_plain(load_model(base), tokenizer, tmp_path / "file" / "merged")
    assert str(caught.value.why) == f"{tmp_path / 'file'} is a file"
