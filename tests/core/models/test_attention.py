"""Packed attention: each document is computed as if it stood alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from brahma.core.errors import ModelError
from brahma.core.models import attention, check_packable, packed_attention, packed_loss
from tests.core.models.tiny import (
    borders_of,
    dense_logits,
    dense_mask,
    documents,
    evaluated_llama,
    gradients,
    llama,
    packed_logits,
    relative_difference,
)

# Below, at and above the borders of blocks of 256 queries.
LENGTHS = st.one_of(st.integers(1, 600), st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513]))
PACKED_LENGTHS = st.lists(LENGTHS, min_size=1, max_size=5).filter(lambda lengths: sum(lengths) <= 1000)
EDGES = ([1], [256], [257, 1, 255], [1, 1, 1], [513, 40, 256])


def qkv(
    lengths: list[int], *, heads: int = 4, kv_heads: int = 4, dim: int = 8, value_dim: int = 8
) -> list[Tensor]:
    """Leaves laid out as a model lays them out: [1, N, H, D] in memory, [1, H, N, D] to the eye."""
    generator = torch.Generator().manual_seed(sum(lengths))
    shapes = [(heads, dim), (kv_heads, dim), (kv_heads, value_dim)]
    made = [torch.randn(1, sum(lengths), h, d, generator=generator) for h, d in shapes]
    return [x.requires_grad_().transpose(1, 2) for x in made]


def attend(qkv: Sequence[Tensor], lengths: list[int], **options: Any) -> Tensor:
    """[1, N, H, D]."""
    q, k, v = qkv
    longest = max(lengths)
    module = torch.nn.Identity()
    out, weights = packed_attention(
        module, q, k, v, None, cu_seqlens=borders_of(lengths), max_length=longest, **options
    )
    assert weights is None
    return out


def dense(qkv: Sequence[Tensor], lengths: list[int]) -> Tensor:
    q, k, v = qkv
    groups = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(groups, dim=1) for x in (k, v))
    mask = dense_mask(lengths).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@settings(max_examples=15, deadline=None)
@given(lengths=PACKED_LENGTHS)
def test_each_packed_document_has_the_logits_it_has_alone(kv_heads: int, lengths: list[int]) -> None:
    model, inputs = evaluated_llama(kv_heads), documents(lengths)
    with torch.no_grad():
        packed = packed_logits(model, inputs)
        start = 0
        for length in lengths:
            alone = documents([length])._replace(input_ids=inputs.input_ids[:, start : start + length])
            difference = (packed[start : start + length] - packed_logits(model, alone)).abs().max()
            assert difference <= 1e-4
            start += length


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("lengths", EDGES, ids=str)
def test_logits_and_gradients_are_those_of_a_dense_mask(kv_heads: int, lengths: list[int]) -> None:
    model, inputs = llama(kv_heads), documents(lengths, masked=0.3)
    inputs.labels[-1] = 7  # at least one is supervised
    with torch.no_grad():
        assert (packed_logits(model, inputs) - dense_logits(model, inputs, lengths)).abs().max() <= 1e-4
    found = gradients(model, packed_loss(model, inputs)[0])
    logits = dense_logits(model, inputs, lengths)
    expected = gradients(model, F.cross_entropy(logits, inputs.labels, ignore_index=-100, reduction="sum"))
    assert relative_difference(found, expected) <= 1e-5


@settings(max_examples=20, deadline=None)
@given(lengths=PACKED_LENGTHS, kv_heads=st.sampled_from([1, 2, 4]), value_dim=st.sampled_from([4, 8, 12]))
def test_any_lengths_and_heads_attend_as_under_a_dense_mask(
    lengths: list[int], kv_heads: int, value_dim: int
) -> None:
    leaves = qkv(lengths, kv_heads=kv_heads, value_dim=value_dim)
    found, expected = attend(leaves, lengths), dense(leaves, lengths)
    assert torch.allclose(found, expected, atol=1e-5)
    upstream = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    for ours, theirs in zip(
        torch.autograd.grad(found, leaves, upstream),
        torch.autograd.grad(expected, leaves, upstream),
        strict=True,
    ):
        assert float((ours - theirs).norm()) <= 1e-5 * float(theirs.norm()) + 1e-6


@pytest.mark.parametrize("lengths", [[300, 20], [256, 257]], ids=str)
def test_bf16_is_as_close_as_bf16_can_be(lengths: list[int]) -> None:
    leaves = qkv(lengths)
    exact = dense(leaves, lengths)
    low = [x.detach().bfloat16().requires_grad_() for x in leaves]
    found = attend(low, lengths)
    assert found.dtype == torch.bfloat16
    assert (found.float() - exact).norm() <= 0.01 * exact.norm()  # bf16 keeps 8 bits: 0.4 % of rounding
    upstream = torch.randn(exact.shape, generator=torch.Generator().manual_seed(1))
    for ours, theirs in zip(
        torch.autograd.grad(found, low, upstream.bfloat16()),
        torch.autograd.grad(exact, leaves, upstream),
        strict=True,
    ):
        assert (ours.float() - theirs).norm() <= 0.02 * theirs.norm()


def test_documents_without_tokens_are_passed_over() -> None:
    leaves = qkv([5, 3])
    expected = attend(leaves, [5, 3])
    assert torch.equal(attend(leaves, [0, 5, 0, 0, 3, 0]), expected)
    assert torch.allclose(attend(leaves, [0, 5, 0, 3], dropout=1e-9), expected, atol=1e-6)


def test_without_borders_all_tokens_are_one_document() -> None:
    q, k, v = qkv([9])
    found, _ = packed_attention(torch.nn.Identity(), q, k, v, None)
    assert torch.allclose(found, dense((q, k, v), [9]), atol=1e-6)


def test_borders_are_found_by_positions_where_a_model_hands_on_nothing_else() -> None:
    q, k, v = qkv([5, 1, 3])
    positions = torch.tensor([[0, 1, 2, 3, 4, 0, 0, 1, 2]])
    found, _ = packed_attention(torch.nn.Identity(), q, k, v, None, position_ids=positions)
    assert torch.equal(found, attend((q, k, v), [5, 1, 3]))


def test_the_given_scale_is_used() -> None:
    q, k, v = qkv([6])
    assert torch.allclose(
        attend((q, k, v), [6], scaling=0.5), attend((q * 0.5 * 8**0.5, k, v), [6]), atol=1e-6
    )


def test_dropout_drops_and_keeps_the_mean() -> None:
    q, k, v = (x.detach() for x in qkv([40, 25], kv_heads=2))
    torch.manual_seed(0)
    draws = torch.stack([attend((q, k, v), [40, 25], dropout=0.3) for _ in range(400)])
    assert not torch.allclose(draws[0], draws[1], atol=1e-2)
    expected = attend((q, k, v), [40, 25])
    assert (draws.mean(0) - expected).norm() <= 0.1 * expected.norm()


def test_under_dropout_no_document_sees_another() -> None:
    q, k, v = qkv([12, 7], kv_heads=2)
    first, second = attend((q, k, v), [12, 7], dropout=0.2).split([12, 7], dim=1)
    for part, other in ((first, slice(12, 19)), (second, slice(0, 12))):
        for gradient in torch.autograd.grad(part.sum(), (q, k, v), retain_graph=True):
            assert not gradient[:, :, other].any()


def test_no_token_sees_a_later_one() -> None:
    leaves = qkv([300])
    found = attend(leaves, [300])
    for x in torch.autograd.grad(found[:, :270].sum(), leaves):
        assert not x[:, :, 270:].any()


@pytest.mark.parametrize("value_dim", [8, 12])
def test_the_operators_keep_torchs_contract(value_dim: int) -> None:
    q, k, v = (x.detach().requires_grad_() for x in qkv([5, 0, 9], value_dim=value_dim))
    borders = borders_of([5, 0, 9])
    forward = torch.library.opcheck(
        torch.ops.brahma.packed_attention_blocks.default, (q, k, v, None, borders, 0.3, 0, 0.0)
    )
    grad = torch.randn(1, 4, 14, value_dim)
    plain = [x.detach() for x in (grad, q, k, v)]
    backward = torch.ops.brahma.packed_attention_blocks_backward.default
    checked = forward | torch.library.opcheck(backward, (*plain, None, borders, 0.3, 0, 0.0))
    assert set(checked.values()) == {"SUCCESS"}
    sinks = torch.zeros(4, requires_grad=True)
    every = torch.library.opcheck(
        torch.ops.brahma.packed_attention_blocks.default, (q, k, v, sinks, borders, 0.3, 2, 5.0)
    )
    assert set(every.values()) == {"SUCCESS"}


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_model_computes_the_same(backend: str) -> None:
    model, inputs = llama(), documents([40, 300, 3], masked=0.2)
    expected = gradients(model, packed_loss(model, inputs)[0])
    decoder = torch.compile(model.get_decoder(), backend=backend)
    loss, total = packed_loss(model, inputs, decoder=decoder)
    assert torch.allclose(total, packed_loss(model, inputs)[1], rtol=1e-6)
    assert relative_difference(gradients(model, loss), expected) <= 1e-5


RULES: dict[str, dict[str, Any]] = {
    "window": {"sliding_window": 300},
    "window of one": {"sliding_window": 1},
    "bent": {"softcap": 1.5},
    "sinks": {"s_aux": True},
    "all": {"sliding_window": 7, "softcap": 2.0, "s_aux": True, "scaling": 0.8},
}


def plain(qkv: Sequence[Tensor], lengths: list[int], sinks: Tensor | None, **options: Any) -> Tensor:
    """[1, N, H, D] by a dense mask, step by step, as transformers' eager attention of Gemma 2 and gpt-oss."""
    q, k, v = qkv
    groups, total = q.shape[1] // k.shape[1], q.shape[2]
    k, v = (x.repeat_interleave(groups, dim=1) for x in (k, v))
    scores = q @ k.transpose(2, 3) * options.get("scaling", q.shape[-1] ** -0.5)
    if cap := options.get("softcap"):
        scores = cap * torch.tanh(scores / cap)
    age = torch.arange(total)[:, None] - torch.arange(total)
    scores = scores + dense_mask(lengths).masked_fill(age >= options.get("sliding_window", total), -torch.inf)
    if sinks is not None:
        scores = torch.cat([scores, sinks[None, :, None, None].expand(1, -1, total, 1)], -1)
    out: Tensor = (scores.softmax(-1)[..., :total] @ v).transpose(1, 2)
    return out


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dropout", [0.0, 1e-9], ids=["", "dropout"])
@pytest.mark.parametrize("lengths", [[9, 4], [600, 1, 258]], ids=str)
def test_windows_bent_scores_and_sinks_are_those_of_plain_attention(
    rule: str, dropout: float, lengths: list[int]
) -> None:
    leaves, options = qkv(lengths, kv_heads=2), dict(RULES[rule])
    sinks = torch.tensor([0.5, -1.0, 2.0, 0.0], requires_grad=True) if options.pop("s_aux", None) else None
    found = attend(leaves, lengths, dropout=dropout, s_aux=sinks, **options)
    expected = plain(leaves, lengths, sinks, **options)
    assert torch.allclose(found, expected, atol=1e-5)
    upstream = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    wanted = [*leaves, *([] if sinks is None else [sinks])]
    for ours, theirs in zip(
        torch.autograd.grad(found, wanted, upstream),
        torch.autograd.grad(expected, wanted, upstream),
        strict=True,
    ):
        assert float((ours - theirs).norm()) <= 1e-5 * float(theirs.norm()) + 1e-6


def test_a_window_that_no_document_exceeds_changes_nothing() -> None:
    leaves = qkv([9, 4])
    assert torch.equal(attend(leaves, [9, 4], sliding_window=9), attend(leaves, [9, 4]))


def test_a_batch_of_rows_is_refused() -> None:
    x = torch.randn(2, 4, 5, 8)
    with pytest.raises(ModelError, match="one row of packed documents"):
        packed_attention(torch.nn.Identity(), x, x, x, None)


def all_in_one(borders: Tensor) -> Iterator[slice]:
    yield slice(0, int(borders[-1]))


def one_token_too_far(borders: Tensor) -> Iterator[slice]:
    """Each document but the first begins one token early."""
    starts = borders.tolist()
    yield from (slice(max(0, a - 1), b) for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("leak", [all_in_one, one_token_too_far])
def test_a_planted_leak_is_caught(monkeypatch: pytest.MonkeyPatch, leak: Any, dtype: torch.dtype) -> None:
    model = llama(initializer_range=0.02)
    torch.nn.Module.to(model, dtype)
    check_packable(model)
    monkeypatch.setattr(attention, "_documents", leak)
    with pytest.raises(ModelError, match="other logits for packed documents"):
        check_packable(model)
