"""What is stored is peft's own: plain peft loads it and computes the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from brahma.core.models import load_model
from tests.core.models.adapters.adapted import (
    adapted,
    base_model,
    ids,
    largest_difference,
    logits,
    store,
    stored,
)
from tests.core.models.adapters.test_merging import KINDS
from tests.core.models.tiny import VOCAB


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("base") / "model", tie_word_embeddings=request.param)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "new rows"])
def test_plain_peft_computes_the_same(kind: str, dtype: torch.dtype, base: Path, tmp_path: Path) -> None:
    folder, adapter = stored(base, tmp_path / "adapter", dtype=dtype, **KINDS[kind])
    whole = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    before = logits(whole, ids())
    plain = PeftModel.from_pretrained(whole, folder)
    ours = logits(adapter.model, ids())
    assert largest_difference(logits(plain, ids()), ours) < (1e-5 if dtype == torch.float32 else 0.3)
    assert largest_difference(before, ours) > 0.3
    assert largest_difference(logits(load_model(folder), ids()), ours) == 0


def test_what_is_loaded_drops_nothing(base: Path, tmp_path: Path) -> None:
    folder, _ = stored(base, tmp_path / "adapter", dropout=0.5)
    loaded = load_model(folder, attention="sdpa")
    assert not any(module.training for module in loaded.modules())
    assert torch.equal(loaded(ids()).logits, loaded(ids()).logits)


def test_plain_peft_finds_the_rows_of_new_tokens_by_itself(base: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    folder, adapter = stored(base, tmp_path / "adapter", new_rows=2)
    words = Tokenizer(WordLevel({f"w{n}": n for n in range(VOCAB + 2)}, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(folder)
    plain: Any = AutoPeftModelForCausalLM.from_pretrained(folder)
    given = ids(VOCAB + 2)
    assert largest_difference(logits(plain, given), logits(adapter.model, given)) < 1e-5


def test_of_new_tokens_the_rows_alone_are_stored(base: Path, tmp_path: Path) -> None:
    adapter, record = adapted(base, new_rows=2, target_modules=["q_proj"])
    before = {name: value.clone() for name, value in adapter.model.state_dict().items() if "lora" not in name}
    folder = store(adapter, record, tmp_path / "adapter")
    rows = {
        name: value
        for name, value in load_file(folder / "adapter_model.safetensors").items()
        if "lora" not in name
    }
    tied = json.loads((base / "config.json").read_text())["tie_word_embeddings"]
    assert [tuple(value.shape) for value in rows.values()] == [(2, 32)] * (1 if tied else 2)
    adapter.model.train()
    given = ids(VOCAB + 2)
    optimizer = torch.optim.SGD([p for p in adapter.model.parameters() if p.requires_grad], lr=1.0)
    loss = (
        adapter.model(input_ids=given[:1], cu_seqlens=torch.tensor([0, 12], dtype=torch.int32), max_length=12)
        .logits.logsumexp(-1)
        .sum()
    )
    torch.autograd.backward(loss)
    optimizer.step()
    after = adapter.model.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(after[name], value)}
    assert moved
    assert all("trainable_tokens_delta" in name for name in moved)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_trained_is_what_is_stored(kind: str, base: Path, tmp_path: Path) -> None:
    adapter, record = adapted(base, **KINDS[kind])
    trained = {name for name, parameter in adapter.model.named_parameters() if parameter.requires_grad}
    assert set(adapter.names.values()) == trained
    stored_names = set(load_file(store(adapter, record, tmp_path / "a") / "adapter_model.safetensors"))
    assert stored_names == set(adapter.names)
    plain: Any = adapter.peft
    plain.save_pretrained(tmp_path / "by-peft", save_embedding_layers=False)
    assert set(load_file(tmp_path / "by-peft" / "adapter_model.safetensors")) == stored_names
