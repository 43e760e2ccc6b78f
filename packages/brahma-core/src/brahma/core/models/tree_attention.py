"""Attention over texts that share beginnings: each shared beginning is computed once.

N tokens lie flat, depth first: a text's tokens follow each other, and a text that goes on from the middle of
another one adds only its own. `ends[j]` is one past the last token that goes on from token j, so token i
sees token j exactly where j <= i < ends[j]: the way from the beginning of its text to itself. No mask over
N is built: queries go by blocks, against those keys only that one of them sees.

For inference: no gradient is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

from brahma.core.errors import ModelError
from brahma.core.models.attention import Rule, probabilities_of, scores_of, wants_no_mask

TREE = "brahma_tree"
_BLOCK_CPU = 64  # queries a block: small enough that few of the keys beside them belong to other texts
_BLOCK_GPU = 1024  # large enough that a kernel has work to do


class _Block(NamedTuple):
    """Queries and the keys that they see.

    Attributes:
        queries: T of the flat tokens.
        keys: K of the flat tokens.
        hidden: additive [T, M] for the last M keys: -inf where a query does not see one of them.
    """

    queries: slice
    keys: slice | Tensor
    hidden: Tensor


class TokenTree:
    """How N flat tokens share beginnings.

    Args:
        depths: int64 [N], position of each token in its text.
        ends: int64 [N], one past the last token that goes on from each.
    """

    def __init__(self, depths: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self.depths = depths
        self.ends = ends
        self._blocks: dict[tuple[int, torch.dtype, torch.device], list[_Block]] = {}

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return int(self.depths.max(initial=-1)) + 1

    def blocks(self, window: int, like: Tensor) -> list[_Block]:
        """Made once for all layers of a window (0: none), on the device of `like` and in its precision."""
        key = (window, like.dtype, like.device)
        if key not in self._blocks:
            size = _BLOCK_CPU if like.device.type == "cpu" else _BLOCK_GPU
            self._blocks[key] = [self._block(a, b, window, like) for a, b in pairwise(self._borders(size))]
        return self._blocks[key]

    def _borders(self, size: int) -> list[int]:
        """Of blocks of at most `size` tokens, cut where the text before and after share the least."""
        count = len(self.depths)
        goes_on = np.diff(self.depths, prepend=-1) == 1
        found = [0] if count else []
        while found and found[-1] < count:
            first, last = found[-1] + (size + 1) // 2, found[-1] + size
            if last >= count:
                found.append(count)
                continue
            branches = np.flatnonzero(~goes_on[first : last + 1])
            if len(branches):
                shared = self.depths[first : last + 1][branches]
                last = first + int(branches[len(shared) - 1 - int(shared[::-1].argmin())])
            found.append(last)
        return found

    def _block(self, a: int, b: int, window: int, like: Tensor) -> _Block:
        queries = np.arange(a, b)
        keys = np.concatenate([np.flatnonzero(self.ends[:a] > a), queries])
        if window:
            oldest = int(self.depths[a:b].min()) - window
            keys = keys[self.depths[keys] > oldest]
        seen = (keys <= queries[:, None]) & (queries[:, None] < self.ends[keys])
        if window:
            seen &= self.depths[a:b, None] - self.depths[keys] < window
        beyond = np.flatnonzero(~seen.all(0))
        first = int(beyond[0]) if len(beyond) else len(keys)
        hidden = np.where(seen[:, first:], np.float32(0), np.float32("-inf"))
        return _Block(slice(a, b), _index(keys, like.device), torch.from_numpy(hidden).to(like))


def _index(keys: NDArray[np.int64], device: torch.device) -> slice | Tensor:
    """A slice where they lie side by side, which copies nothing."""
    first, last = int(keys[0]), int(keys[-1])
    if last - first + 1 == len(keys):
        return slice(first, last + 1)
    return torch.from_numpy(keys).to(device)


_current: ContextVar[TokenTree | None] = ContextVar("brahma_token_tree", default=None)


@contextmanager
def _laid_out(tree: TokenTree) -> Iterator[None]:
    """Inside, attention is over this tree; not every model hands its keywords on to its attention."""
    before = _current.set(tree)
    try:
        yield
    finally:
        _current.reset(before)


def run_tree(module: Callable[..., Any], ids_N: Tensor, tree: TokenTree) -> Any:
    """What a model or its decoder, switched to `TREE`, gives for flat tokens."""
    positions = torch.from_numpy(tree.depths).to(ids_N.device)
    with _laid_out(tree):
        return module(input_ids=ids_N[None], position_ids=positions[None], use_cache=False)


def tree_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_others: Any,
) -> tuple[Tensor, None]:
    """Attention in the form that transformers calls, within `run_tree`.

    Args:
        query: [1, H, N, D]; key: [1, Hkv, N, D]; value: [1, Hkv, N, Dv].
        sliding_window, softcap, s_aux: as of `packed_attention`.

    Returns:
        [1, N, H, Dv], and None for the weights that no one may ask for.

    Raises:
        ModelError: it is called outside `run_tree`, or for other tokens than the tree's.
    """
    tree = _current.get()
    if tree is None or query.shape[0] != 1 or query.shape[2] != len(tree.depths):
        raise ModelError("tree attention takes the flat tokens of one tree", hint="call it by run_tree")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    window = sliding_window if sliding_window is not None and sliding_window < tree.longest else 0
    rule = Rule(scale, window, softcap or 0.0)
    out = value.new_empty(1, query.shape[2], query.shape[1], value.shape[3])
    for block in tree.blocks(window, query):
        out[0, block.queries] = _attend(query[0], key[0], value[0], s_aux, block, rule).transpose(0, 1)
    return out, None


def _attend(
    q_HND: Tensor, k_GND: Tensor, v_GND: Tensor, sinks_H: Tensor | None, block: _Block, rule: Rule
) -> Tensor:
    """[H, T, Dv] of a block; the queries of heads that share keys are laid below each other."""
    heads, shared = q_HND.shape[0], k_GND.shape[0]
    k_GKD, v_GKD = k_GND[:, block.keys], v_GND[:, block.keys]
    q_GTD = q_HND[:, block.queries].reshape(shared, -1, q_HND.shape[2])
    scores_HTK = scores_of(q_GTD, k_GKD, rule)[0].view(heads, -1, k_GKD.shape[1])
    count = scores_HTK.shape[2]
    scores_HTK[:, :, count - block.hidden.shape[1] :] += block.hidden
    seen = probabilities_of(scores_HTK, sinks_H)[:, :, :count]
    return torch.bmm(seen.reshape(shared, -1, count), v_GKD).view(heads, -1, v_GND.shape[2])


def register_tree_attention() -> None:
    """Make `brahma_tree` known to transformers: the attention, and that it wants no mask."""
    AttentionInterface.register(TREE, tree_attention)
    AttentionMaskInterface.register(TREE, lambda *_args, **_kwargs: None)
    logging.getLogger("transformers.modeling_utils").addFilter(wants_no_mask)
