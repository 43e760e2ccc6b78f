"""The chunked loss is the cross-entropy, whatever the chunk, the head and the model around it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brahma.core.models import chunked_loss, loss, packed_loss
from tests.core.models.tiny import VOCAB, documents, gradients, llama, packed_logits, relative_difference


def a_head(*, bias: bool, vocab: int = 37, hidden: int = 16) -> nn.Linear:
    torch.manual_seed(5)
    return nn.Linear(hidden, vocab, bias=bias)


def inputs_of(tokens: int, hidden: int = 16, vocab: int = 37) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    states = torch.randn(tokens, hidden, generator=generator, requires_grad=True)
    return states, torch.randint(0, vocab, (tokens,), generator=generator)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 13, 1000], ids=lambda n: f"{n}-rows-a-chunk")
def test_sum_and_gradients_are_those_of_cross_entropy(
    monkeypatch: pytest.MonkeyPatch, bias: bool, rows: int
) -> None:
    head, (hidden, labels) = a_head(bias=bias), inputs_of(26)
    monkeypatch.setattr(loss, "_CHUNK_BYTES", rows * 4 * 37)
    leaves = [hidden, *head.parameters()]
    scaled, total = chunked_loss(hidden, head, labels, scale=0.25)
    expected = F.cross_entropy(head(hidden), labels, reduction="sum")
    assert total.dtype == torch.float32
    assert not total.requires_grad
    torch.testing.assert_close(total, expected.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(scaled.detach(), 0.25 * expected.detach(), rtol=1e-6, atol=0)
    for ours, theirs in zip(
        torch.autograd.grad(scaled, leaves), torch.autograd.grad(0.25 * expected, leaves), strict=True
    ):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm()


def test_a_factor_from_above_reaches_all_gradients() -> None:
    head, (hidden, labels) = a_head(bias=True), inputs_of(9)
    leaves = [hidden, *head.parameters()]
    scaled, _ = chunked_loss(hidden, head, labels)
    expected = F.cross_entropy(head(hidden), labels, reduction="sum")
    for ours, theirs in zip(
        torch.autograd.grad(scaled * 3, leaves), torch.autograd.grad(expected * 3, leaves), strict=True
    ):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm()


@pytest.mark.parametrize("frozen", ["weight", "hidden"])
def test_only_what_is_trained_gets_a_gradient(frozen: str) -> None:
    head, (hidden, labels) = a_head(bias=False), inputs_of(9)
    (head.weight if frozen == "weight" else hidden).requires_grad_(False)
    scaled, _ = chunked_loss(hidden, head, labels)
    torch.autograd.backward(scaled)
    assert (head.weight.grad is None) is (frozen == "weight")
    assert (hidden.grad is None) is (frozen == "hidden")


def test_no_graph_is_kept_while_evaluating() -> None:
    head, (hidden, labels) = a_head(bias=False), inputs_of(9)
    with torch.no_grad():
        scaled, total = chunked_loss(hidden, head, labels)
    assert not scaled.requires_grad
    torch.testing.assert_close(total, F.cross_entropy(head(hidden), labels, reduction="sum").detach())


def test_no_supervised_token_is_a_loss_of_zero() -> None:
    model, inputs = llama(), documents([5, 4])
    inputs.labels.fill_(-100)
    scaled, total = packed_loss(model, inputs)
    assert float(total) == 0.0
    assert all(not gradient.any() for gradient in gradients(model, scaled).values())


def test_bf16_sums_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks: a bf16 sum of the head's gradient would lose most of the late ones."""
    head, (hidden, labels) = a_head(bias=False).bfloat16(), inputs_of(800)
    monkeypatch.setattr(loss, "_CHUNK_BYTES", 4 * 37)
    low = hidden.detach().bfloat16()
    scaled, total = chunked_loss(low, head, labels)
    (found,) = torch.autograd.grad(scaled, [head.weight])
    exact = nn.Linear(16, 37, bias=False)
    exact.weight.data.copy_(head.weight)
    expected = F.cross_entropy(exact(low.float()), labels, reduction="sum")
    (wanted,) = torch.autograd.grad(expected, [exact.weight])
    torch.testing.assert_close(total, expected.detach(), rtol=5e-3, atol=0)
    assert (found.float() - wanted).norm() <= 0.01 * wanted.norm()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("masked", [0.0, 0.6])
def test_through_a_model_with_masked_labels(
    monkeypatch: pytest.MonkeyPatch, tied: bool, masked: float
) -> None:
    monkeypatch.setattr(loss, "_CHUNK_BYTES", 5 * 4 * VOCAB)
    model, inputs = llama(tie_word_embeddings=tied), documents([9, 14], masked=masked)
    scaled, total = packed_loss(model, inputs, scale=1 / 7)
    expected = F.cross_entropy(
        packed_logits(model, inputs), inputs.labels, ignore_index=-100, reduction="sum"
    )
    torch.testing.assert_close(total, expected.detach(), rtol=1e-5, atol=0)
    found = gradients(model, scaled)
    assert relative_difference(found, gradients(model, expected / 7)) <= 1e-5
    assert ("lm_head.weight" in found) is not tied


def capped(model_type: str, **keys: Any) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(3)
    config = AutoConfig.for_model(
        model_type,
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **keys,
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation="brahma_packed")


MODELS: dict[str, dict[str, Any]] = {
    "gemma2": {"final_logit_softcapping": 30.0, "attn_logit_softcapping": None},
    "granite": {"logits_scaling": 8.0},
    "cohere": {"logit_scale": 0.0625},
    "cohere2": {"logit_scale": 1.0},
    "qwen3": {},
}


@pytest.mark.parametrize("model_type", MODELS)
@pytest.mark.parametrize("grown", [False, True], ids=["new", "grown"])
def test_models_that_scale_or_cap_their_logits_get_the_right_loss(model_type: str, grown: bool) -> None:
    """A new model's logits are so small that a cap hardly shows; those of a trained one are not."""
    model, inputs = capped(model_type, **MODELS[model_type]), documents([9, 14], masked=0.3)
    packed_loss(model, inputs)  # what is found out about the head is found out now
    if grown:
        with torch.no_grad():
            model.get_output_embeddings().weight.mul_(100)
    scaled, total = packed_loss(model, inputs, scale=0.5)
    logits = packed_logits(model, inputs).float()
    expected = F.cross_entropy(logits, inputs.labels, ignore_index=-100, reduction="sum")
    torch.testing.assert_close(total, expected.detach(), rtol=1e-5, atol=0)
    assert relative_difference(gradients(model, scaled), gradients(model, 0.5 * expected)) <= 1e-5


def test_finding_out_about_the_head_leaves_the_model_as_it_was() -> None:
    model = llama(attention_dropout=0.1)
    model.train()
    model.model.layers[0].eval()
    packed_loss(model, documents([5]))
    assert model.training
    assert not model.model.layers[0].training
    assert not model.lm_head._forward_hooks
