"""Attention over a tree: each text is computed as if it stood alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from brahma.core.errors import ModelError
from brahma.core.models import load_model, tree_attention
from brahma.core.models.tree_attention import TREE, TokenTree, register_tree_attention, run_tree
from brahma.core.models.tree_check import computes_trees
from brahma.core.modes import attention
from tests.core.models.architectures import REFUSED, TRAINED, VOCAB, saved
from tests.core.models.tiny import evaluated_llama

register_tree_attention()

# Each text but the first goes on from some token of one before it (or from nothing), by so many tokens.
SHAPES = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 90)), min_size=1, max_size=12)


def laid(shape: list[tuple[float, int]]) -> tuple[TokenTree, list[list[int]]]:
    """A forest in which each text branches off the one before it, and the flat tokens of each text."""
    depths: list[int] = []
    ends: list[int] = []
    ways: list[list[int]] = []
    for share, new in shape:
        before = ways[-1] if ways else []
        kept = before[: int(share * len(before))]
        for token in before[len(kept) :]:
            ends[token] = len(depths)
        ways.append([*kept, *range(len(depths), len(depths) + new)])
        depths.extend(range(len(kept), len(kept) + new))
        ends.extend([-1] * new)
    for token in ways[-1]:
        ends[token] = len(depths)
    ends = [end if end >= 0 else len(depths) for end in ends]
    return TokenTree(np.array(depths), np.array(ends)), ways


def ids_for(tree: TokenTree, vocab: int = VOCAB) -> Tensor:
    return torch.randint(0, vocab, (len(tree.depths),), generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@settings(max_examples=15, deadline=None)
@given(shape=SHAPES, block=st.sampled_from([1, 7, 64, 256]))
def test_each_text_of_a_tree_has_the_logits_it_has_alone(
    kv_heads: int, shape: list[tuple[float, int]], block: int
) -> None:
    model = evaluated_llama(kv_heads)
    tree, ways = laid(shape)
    ids = ids_for(tree)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(tree_attention, "_BLOCK_CPU", block)
        with attention(model, TREE):
            together = run_tree(model, ids, tree).logits[0]
        for way in ways:
            alone = model(input_ids=ids[None, way], use_cache=False).logits[0]
            assert (together[way] - alone).abs().max() <= 1e-4


@pytest.mark.parametrize("window", [1, 3, 40])
@pytest.mark.parametrize("options", [{}, {"softcap": 2.0}, {"s_aux": torch.tensor([0.5, -1.0, 3.0, 0.0])}])
def test_windows_bent_scores_and_sinks_are_those_of_a_dense_mask(
    window: int, options: dict[str, Any]
) -> None:
    tree, _ = laid([(0, 80), (0.5, 60), (0.4, 300), (0.0, 5), (0.9, 70), (1.0, 40)])
    count = len(tree.depths)
    generator = torch.Generator().manual_seed(window)
    q, k, v = (torch.randn(1, heads, count, 8, generator=generator) for heads in (4, 2, 2))
    with tree_attention._laid_out(tree):
        out, _ = tree_attention.tree_attention(
            torch.nn.Identity(), q, k, v, None, sliding_window=window, **options
        )
    k, v = (x.repeat_interleave(2, dim=1) for x in (k, v))
    flat, ends, depths = torch.arange(count), torch.tensor(tree.ends), torch.tensor(tree.depths)
    seen = (flat <= flat[:, None]) & (flat[:, None] < ends) & (depths[:, None] - depths < window)
    scores = q @ k.transpose(2, 3) * 8**-0.5
    if cap := options.get("softcap"):
        scores = torch.tanh(scores / cap) * cap
    scores = scores.masked_fill(~seen, float("-inf"))
    if (sinks := options.get("s_aux")) is not None:
        scores = torch.cat([scores, sinks[None, :, None, None].expand(1, 4, count, 1)], -1)
    expected = F.softmax(scores, -1)[..., :count] @ v
    assert (out - expected.transpose(1, 2)).abs().max() <= 1e-5


@pytest.mark.parametrize("model_type", TRAINED)
def test_the_architectures_that_read_packs_read_trees(model_type: str, tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, model_type))
    assert computes_trees(model, longest=128)


@pytest.mark.parametrize("model_type", ["bloom", "mamba", "llama4_text"])
def test_a_model_that_would_compute_something_else_is_found_out(model_type: str, tmp_path: Path) -> None:
    _, changes, _ = REFUSED[model_type]
    assert not computes_trees(load_model(saved(tmp_path, model_type, changes)), longest=128)


def test_blocks_are_cut_where_texts_begin() -> None:
    tree, _ = laid([(0, 25), (0, 30), (0, 33)])
    queries = [block.queries for block in tree.blocks(0, torch.empty(0))]
    assert queries == [slice(0, 55), slice(55, 88)]
    assert [block.keys for block in tree.blocks(0, torch.empty(0))] == queries


def test_tree_attention_outside_a_tree_is_refused() -> None:
    q = torch.zeros(1, 1, 3, 4)
    with pytest.raises(ModelError, match="one tree"):
        tree_attention.tree_attention(torch.nn.Identity(), q, q, q, None)
