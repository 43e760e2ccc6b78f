"""Heads that an adapter wraps, and heads that bend their logits, never give all logits at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, PreTrainedModel

from brahma.core.config.sections import LoraSection
from brahma.core.errors import ModelError
from brahma.core.models import load_model, loss, packed_loss
from brahma.core.models.adapters import attach
from brahma.core.models.heads import head_of
from tests.core.models.architectures import TRAINED, VOCAB, saved
from tests.core.models.tiny import documents, gradients, packed_logits, relative_difference

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("llama", {}),
    "tied": ("llama", {"tie_word_embeddings": True}),
    "scaled": ("granite", dict(TRAINED["granite"].changes)),
    "bent and tied": ("gemma2", dict(TRAINED["gemma2"].changes)),
    "with a bias": ("phi", {}),
}
WRAPPED: dict[str, dict[str, Any]] = {
    "the head trained whole": {"modules_to_save": ["lm_head"]},
    "new rows": {"new_rows": [5, 6, 60]},
    "no wrapper": {},
}


def a_model(folder: Path, kind: str) -> PreTrainedModel:
    model_type, changes = KINDS[kind]
    model = load_model(saved(folder, model_type, changes), dtype=torch.float32)
    model.train(False)
    return model


def adapted(model: PreTrainedModel, *, modules_to_save: Any = None, new_rows: Any = ()) -> None:
    """With an adapter that is not zero, and what it wraps moved."""
    section = LoraSection(r=4, modules_to_save=modules_to_save)
    adapter = attach(model, section, base_model="base", seed=1, new_rows=new_rows)
    torch.manual_seed(2)
    with torch.no_grad():
        for tensor in adapter.tensors().values():
            tensor.add_(torch.randn_like(tensor), alpha=0.1)


def calls_of_head(model: PreTrainedModel) -> list[int]:
    """Filled with the tokens of each call of the head."""
    calls: list[int] = []
    head = model.get_output_embeddings()
    head.register_forward_hook(lambda _head, args, _out: calls.append(args[0].shape[-2]))
    return calls


def test_the_head_of_a_model_that_refuses_borders_is_found(tmp_path: Path) -> None:
    """Without an optional kernel, Qwen3-Next raises where it is told of documents beside each other."""
    changes = {
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
        "layer_types": ["linear_attention", "full_attention"],
    }
    saved(tmp_path, "qwen3_next", changes)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    head = head_of(model)
    assert head is not None
    assert head.weight is model.get_output_embeddings().weight


PAIRS = [(kind, how) for kind in KINDS for how in WRAPPED if (kind, how) != ("with a bias", "new rows")]


@pytest.mark.parametrize(("kind", "how"), PAIRS)
def test_loss_and_gradients_by_chunks_are_those_of_all_logits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, how: str
) -> None:
    monkeypatch.setattr(loss, "_CHUNK_BYTES", 5 * 4 * VOCAB)
    model, inputs = a_model(tmp_path, kind), documents([9, 40], masked=0.3)
    packed_loss(model, inputs)  # what is known of the head before it is wrapped is found out again
    adapted(model, **WRAPPED[how])
    assert head_of(model) is not None
    calls = calls_of_head(model)
    scaled, total = packed_loss(model, inputs, scale=0.5)
    found = gradients(model, scaled)
    assert not calls
    logits = packed_logits(model, inputs)
    expected = F.cross_entropy(logits, inputs.labels, ignore_index=-100, reduction="sum")
    torch.testing.assert_close(total, expected.detach(), rtol=1e-5, atol=0)
    assert relative_difference(found, gradients(model, 0.5 * expected)) <= 1e-5


def test_a_head_with_an_adapter_of_its_own_gets_the_right_loss_from_its_logits(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model, inputs = a_model(tmp_path, "plain"), documents([9, 14], masked=0.3)
    get_peft_model(model, LoraConfig(target_modules=["lm_head"], init_lora_weights=False))
    assert head_of(model) is None
    scaled, total = packed_loss(model, inputs)
    expected = F.cross_entropy(
        packed_logits(model, inputs), inputs.labels, ignore_index=-100, reduction="sum"
    )
    torch.testing.assert_close(total, expected.detach(), rtol=1e-5, atol=0)
    assert relative_difference(gradients(model, scaled), gradients(model, expected)) <= 1e-5


def test_an_adapter_that_is_switched_off_leaves_the_head_as_it_was(tmp_path: Path) -> None:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    model, inputs = a_model(tmp_path, "plain"), documents([9, 14])
    before = packed_loss(model, inputs)[1]
    adapted(model, modules_to_save=["lm_head"], new_rows=[5])
    assert not torch.allclose(packed_loss(model, inputs)[1], before, rtol=1e-3)
    for module in model.modules():
        if isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper):
            module.enable_adapters(False)
    torch.testing.assert_close(packed_loss(model, inputs)[1], before, rtol=1e-6, atol=0)


def test_new_rows_of_a_head_with_a_bias_are_refused(tmp_path: Path) -> None:
    """peft's layer of trained rows computes without the bias: the model would be another one at once."""
    with pytest.raises(ModelError, match="has a bias") as caught:
        adapted(a_model(tmp_path, "with a bias"), new_rows=[5])
    assert "modules_to_save" in str(caught.value.hint)
