"""Attention over packed documents: causal inside each document, blind to every other.

Tensors (transformers' order): q [1, H, N, D], k [1, Hkv, N, D] and v [1, Hkv, N, Dv], where N counts the
tokens of all documents laid end to end; `cu_seqlens` int32 [S+1] holds their borders (0, …, N). No mask over
N is ever built.

On a CPU each document runs by blocks of queries against the keys before them: with oneDNN's bf16 products
this is 2 to 3 times faster than torch's flash kernel, whose own small products are not. The probabilities
are computed again in the backward pass, so memory stays linear in N. On a GPU one variable-length flash
kernel (https://arxiv.org/abs/2307.08691) takes all documents; bent scores and sinks, which it does not know,
go by blocks there too. The blocks are opaque to the compiler.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

from brahma.core.errors import ModelError

PACKED = "brahma_packed"
_BLOCK = 256  # queries a block: measured best for bf16 between 128 and 512


def _documents(cu_seqlens: Tensor) -> Iterator[slice]:
    borders = cu_seqlens.tolist()
    return (slice(a, b) for a, b in pairwise(borders) if b > a)


def _blocks(length: int) -> Iterator[tuple[int, int]]:
    return ((a, min(a + _BLOCK, length)) for a in range(0, length, _BLOCK))


class Rule(NamedTuple):
    """How a query's scores of the keys become probabilities.

    Attributes:
        scale: of the products q·k.
        window: keys that a query sees, itself among them; 0: all before it
            (https://arxiv.org/abs/2004.05150).
        cap: scores s are bent to cap·tanh(s / cap) (https://arxiv.org/abs/2408.00118); 0: they are not.
    """

    scale: float
    window: int = 0
    cap: float = 0.0

    def first_key(self, query: int) -> int:
        """The first key that a query sees."""
        return max(0, query - self.window + 1) if self.window else 0

    def hides(self, keys: int) -> bool:
        """Whether some of so many keys are too old for the last query of a block."""
        return 0 < self.window < keys


class _Block(NamedTuple):
    """The queries a to b of one document, T = b-a of them, and the K keys from `first` to b before them.

    Attributes:
        probabilities: [H, T, K]; one column more where a sink takes its part.
        slope: [H, T, K], the derivative of the bent scores; None where they are not bent.
    """

    keys: slice
    probabilities: Tensor
    slope: Tensor | None


def _block(q_HTD: Tensor, k_HTD: Tensor, sinks_H: Tensor | None, a: int, b: int, rule: Rule) -> _Block:
    """Causal attention probabilities of a block of queries.

    Args:
        sinks_H: the score of a key without a value, one for each head (https://arxiv.org/abs/2309.17453).
    """
    keys = slice(rule.first_key(a), b)
    scores, slope = scores_of(q_HTD[:, a:b], k_HTD[:, keys], rule)
    future = torch.full((b - a, b - a), float("-inf"), dtype=q_HTD.dtype, device=q_HTD.device).triu_(1)
    scores[:, :, a - keys.start :] += future
    if rule.hides(b - keys.start):
        age = torch.arange(a, b, device=q_HTD.device)[:, None] - torch.arange(
            keys.start, b, device=q_HTD.device
        )
        scores = scores.masked_fill(age >= rule.window, float("-inf"))
    return _Block(keys, probabilities_of(scores, sinks_H), slope)


def scores_of(q_HTD: Tensor, k_HKD: Tensor, rule: Rule) -> tuple[Tensor, Tensor | None]:
    """Scores [H, T, K] of keys, bent where the rule says so, and then their derivative [H, T, K]."""
    scores = torch.baddbmm(q_HTD.new_zeros(1, 1, 1), q_HTD, k_HKD.transpose(1, 2), beta=0, alpha=rule.scale)
    if not rule.cap:
        return scores, None
    bent = torch.tanh(scores / rule.cap)
    return bent * rule.cap, 1 - bent.square()


def probabilities_of(scores_HTK: Tensor, sinks_H: Tensor | None) -> Tensor:
    """[H, T, K]; with sinks [H, T, K+1], the last column being what they take."""
    if sinks_H is not None:
        column = sinks_H.to(scores_HTK.dtype)[:, None, None].expand(-1, scores_HTK.shape[1], 1)
        scores_HTK = torch.cat([scores_HTK, column], -1)
    return torch.softmax(scores_HTK, -1)


def _tokens_outermost(x: Tensor) -> Tensor:
    """Empty, [1, H, N, D] as x, laid out as [1, N, H, D]: what the projections around it read."""
    return x.new_empty(1, x.shape[2], x.shape[1], x.shape[3]).transpose(1, 2)


@torch.library.custom_op("brahma::packed_attention_blocks", mutates_args=())
def _packed_blocks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sinks: Tensor | None,
    cu_seqlens: Tensor,
    scale: float,
    window: int,
    cap: float,
) -> Tensor:
    out, rule = _tokens_outermost(v), Rule(scale, window, cap)
    for document in _documents(cu_seqlens):
        q_HTD, k_HTD, v_HTD = (x[0, :, document].contiguous() for x in (q, k, v))
        for a, b in _blocks(q_HTD.shape[1]):
            block = _block(q_HTD, k_HTD, sinks, a, b, rule)
            seen = block.probabilities if sinks is None else block.probabilities[..., :-1]
            out[0, :, document][:, a:b] = torch.bmm(seen, v_HTD[:, block.keys])
    return out


@_packed_blocks.register_fake
def _(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sinks: Tensor | None,
    cu_seqlens: Tensor,
    scale: float,
    window: int,
    cap: float,
) -> Tensor:
    return _tokens_outermost(v)


@torch.library.custom_op("brahma::packed_attention_blocks_backward", mutates_args=())
def _packed_blocks_backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sinks: Tensor | None,
    cu_seqlens: Tensor,
    scale: float,
    window: int,
    cap: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    grads, rule = tuple(_tokens_outermost(x) for x in (q, k, v)), Rule(scale, window, cap)
    grad_sinks = torch.zeros(v.shape[1], dtype=torch.float32, device=v.device)
    for document in _documents(cu_seqlens):
        grad_HTD, q_HTD, k_HTD, v_HTD = (x[0, :, document].contiguous() for x in (grad, q, k, v))
        parts = _document_backward(grad_HTD, q_HTD, k_HTD, v_HTD, sinks, rule, grad_sinks)
        for whole, part in zip(grads, parts, strict=True):
            whole[0, :, document] = part
    return grads[0], grads[1], grads[2], grad_sinks


def _document_backward(
    grad_HTD: Tensor,
    q_HTD: Tensor,
    k_HTD: Tensor,
    v_HTD: Tensor,
    sinks_H: Tensor | None,
    rule: Rule,
    grad_sinks_H: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of one document's q, k, v; those of k and v are summed in float32 over the blocks.

    Those of the sinks are added to `grad_sinks_H`.
    """
    grad_q = torch.empty_like(q_HTD)
    grad_k, grad_v = (torch.zeros_like(x, dtype=torch.float32) for x in (k_HTD, v_HTD))
    none = q_HTD.new_zeros(1, 1, 1)
    for a, b in _blocks(q_HTD.shape[1]):
        keys, probabilities, slope = _block(q_HTD, k_HTD, sinks_H, a, b, rule)
        grad_out = grad_HTD[:, a:b]
        seen = probabilities if sinks_H is None else probabilities[..., :-1]
        grad_v[:, keys] += torch.bmm(seen.transpose(1, 2), grad_out)
        grad_seen = torch.bmm(grad_out, v_HTD[:, keys].transpose(1, 2))
        if sinks_H is not None:
            grad_seen = F.pad(grad_seen, (0, 1))  # a sink has no value, so nothing flows back to it from one
        grad_scores = torch.ops.aten._softmax_backward_data(grad_seen, probabilities, -1, q_HTD.dtype)
        if sinks_H is not None:
            grad_sinks_H += grad_scores[..., -1].float().sum(1)
            grad_scores = grad_scores[..., :-1]
        if slope is not None:
            grad_scores = grad_scores * slope
        grad_q[:, a:b] = torch.baddbmm(none, grad_scores, k_HTD[:, keys], beta=0, alpha=rule.scale)
        grad_k[:, keys] += torch.bmm(grad_scores.transpose(1, 2), q_HTD[:, a:b])
    return grad_q, grad_k.mul_(rule.scale), grad_v


@_packed_blocks_backward.register_fake
def _(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sinks: Tensor | None,
    cu_seqlens: Tensor,
    scale: float,
    window: int,
    cap: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    grads = tuple(_tokens_outermost(x) for x in (q, k, v))
    return grads[0], grads[1], grads[2], torch.empty(v.shape[1], dtype=torch.float32, device=v.device)


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, scale, window, cap = inputs
    ctx.rule = (scale, window, cap)
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors  # once: gradient checkpointing gives them out one time only
    sinks = saved[3]
    *grads, grad_sinks = _packed_blocks_backward(grad, *saved, *ctx.rule)
    return *grads, None if sinks is None else grad_sinks.to(sinks.dtype), None, None, None, None


_packed_blocks.register_autograd(_backward, setup_context=_save_inputs)


def _by_document(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sinks: Tensor | None,
    cu_seqlens: Tensor,
    rule: Rule,
    dropout: float,
) -> Tensor:
    """The slow way, for dropout on the probabilities: one document at a time, without blocks."""
    lengths = cu_seqlens.diff().tolist()
    parts = zip(*(x.split(lengths, dim=2) for x in (q, k, v)), strict=True)
    if sinks is None and not rule.window and not rule.cap:
        outs = [
            F.scaled_dot_product_attention(a, b, c, dropout_p=dropout, is_causal=True, scale=rule.scale)
            for a, b, c in parts
        ]
    else:
        outs = [_dropped(a[0], b[0], c[0], sinks, rule, dropout)[None] for a, b, c in parts]
    return torch.cat(outs, dim=2)


def _dropped(q: Tensor, k: Tensor, v: Tensor, sinks: Tensor | None, rule: Rule, dropout: float) -> Tensor:
    """[H, T, Dv] of one document, its gradients by autograd."""
    length = q.shape[1]
    probabilities = _block(q, k, sinks, 0, length, rule).probabilities[..., :length]
    return torch.bmm(F.dropout(probabilities, dropout), v)


def _varlen_gpu(q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, rule: Rule, max_length: int) -> Tensor:
    """One kernel for all documents (bf16 and fp16 only). torch's varlen_attn takes [N, H, D]."""
    from torch.nn.attention.varlen import varlen_attn

    q_NHD, k_NHD, v_NHD = (x[0].transpose(0, 1) for x in (q, k, v))
    out = varlen_attn(
        q_NHD,
        k_NHD,
        v_NHD,
        cu_seqlens,
        cu_seqlens,
        max_length,
        max_length,
        scale=rule.scale,
        window_size=(rule.window - 1, 0),  # keys before the query's own; -1: all
    )
    assert isinstance(out, Tensor)
    return out.transpose(0, 1)[None]


def _borders(query: Tensor, position_ids: Tensor | None) -> Tensor:
    """int32 [S+1]: a document begins at each position 0."""
    count = query.shape[2]
    if position_ids is None:
        return torch.tensor([0, count], dtype=torch.int32, device=query.device)
    starts = (position_ids[0] == 0).nonzero()[:, 0]
    return F.pad(starts, (0, 1), value=count).to(torch.int32)


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    cu_seqlens: Tensor | None = None,
    max_length: int | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    position_ids: Tensor | None = None,
    **_others: Any,
) -> tuple[Tensor, None]:
    """Attention in the form that transformers calls (see `AttentionInterface`).

    Args:
        query: [1, H, N, D]; key: [1, Hkv, N, D]; value: [1, Hkv, N, Dv].
        cu_seqlens: int32 [S+1], borders of the documents; None: one begins at each position 0.
        position_ids: [1, N], for models that hand on nothing else; without both, all are one document.
        max_length: the longest document, for the GPU kernel, or a bound on it.
        sliding_window: keys that a query sees, itself among them.
        softcap: bound that scores are bent to by tanh.
        s_aux: [H], sinks: scores of a key that has no value.

    Returns:
        [1, N, H, Dv], and None for the weights that no one may ask for.

    Raises:
        ModelError: it is given a batch of rows.
    """
    if query.shape[0] != 1:
        raise ModelError(
            "packed attention takes one row of packed documents", hint="flatten the batch to [1, N]"
        )
    if cu_seqlens is None:
        cu_seqlens = _borders(query, position_ids)
    longest = max_length if max_length is not None else query.shape[2]
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    window = sliding_window if sliding_window is not None and sliding_window < longest else 0
    rule = Rule(scale, window, softcap or 0.0)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    on_cpu = query.device.type == "cpu"
    if dropout > 0:
        out = _by_document(query, key, value, s_aux, cu_seqlens, rule, dropout)
    elif on_cpu or rule.cap or s_aux is not None or (rule.window and query.dtype == torch.float32):
        out = _packed_blocks(query, key, value, s_aux, cu_seqlens, *rule)
    elif query.dtype in (torch.bfloat16, torch.float16):
        out = _varlen_gpu(query, key, value, cu_seqlens, rule, longest)
    else:  # float32 on a GPU has no variable-length kernel
        out = _by_document(query, key, value, None, cu_seqlens, rule, 0.0)
    return out.transpose(1, 2), None


def register_packed_attention() -> None:
    """Make `brahma_packed` known to transformers: the attention, and that it wants no mask."""
    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, lambda *_args, **_kwargs: None)
    logging.getLogger("transformers.modeling_utils").addFilter(wants_no_mask)


def wants_no_mask(record: logging.LogRecord) -> bool:
    """False for transformers' advice to pass a mask, which documents laid end to end have no use for."""
    return "recommend passing in an `attention_mask`" not in record.getMessage()
