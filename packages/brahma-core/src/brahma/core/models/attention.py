"""Attention over packed documents: causal inside each document, blind to every other.

Tensors (transformers' order): q [1, H, N, D], k [1, Hkv, N, D] and v [1, Hkv, N, Dv], where N counts the
tokens of all documents laid end to end; `cu_seqlens` int32 [S+1] holds their borders (0, …, N). No mask over
N is ever built.

On a CPU each document runs by blocks of queries against the keys before them: with oneDNN's bf16 products
this is 2 to 3 times faster than torch's flash kernel, whose own small products are not. The probabilities
are computed again in the backward pass, so memory stays linear in N. On a GPU one variable-length flash
kernel (https://arxiv.org/abs/2307.08691) takes all documents. The CPU path is opaque to the compiler.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

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


def _probabilities(q_HTD: Tensor, k_HTD: Tensor, a: int, b: int, scale: float) -> Tensor:
    """Causal attention probabilities [H, b-a, b] of the queries a to b of one document."""
    scores = torch.baddbmm(
        q_HTD.new_zeros(1, 1, 1), q_HTD[:, a:b], k_HTD[:, :b].transpose(1, 2), beta=0, alpha=scale
    )
    future = torch.full((b - a, b - a), float("-inf"), dtype=q_HTD.dtype).triu_(1)
    scores[:, :, a:b] += future
    return torch.softmax(scores, -1)


def _tokens_outermost(x: Tensor) -> Tensor:
    """Empty, [1, H, N, D] as x, laid out as [1, N, H, D]: what the projections around it read."""
    return x.new_empty(1, x.shape[2], x.shape[1], x.shape[3]).transpose(1, 2)


@torch.library.custom_op("brahma::packed_attention_cpu", mutates_args=())
def _packed_cpu(q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, scale: float) -> Tensor:
    out = _tokens_outermost(v)
    for document in _documents(cu_seqlens):
        q_HTD, k_HTD, v_HTD = (x[0, :, document].contiguous() for x in (q, k, v))
        for a, b in _blocks(q_HTD.shape[1]):
            probabilities = _probabilities(q_HTD, k_HTD, a, b, scale)
            out[0, :, document][:, a:b] = torch.bmm(probabilities, v_HTD[:, :b])
    return out


@_packed_cpu.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, scale: float) -> Tensor:
    return _tokens_outermost(v)


@torch.library.custom_op("brahma::packed_attention_cpu_backward", mutates_args=())
def _packed_cpu_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    grads = tuple(_tokens_outermost(x) for x in (q, k, v))
    for document in _documents(cu_seqlens):
        grad_HTD, q_HTD, k_HTD, v_HTD = (x[0, :, document].contiguous() for x in (grad, q, k, v))
        parts = _document_backward(grad_HTD, q_HTD, k_HTD, v_HTD, scale)
        for whole, part in zip(grads, parts, strict=True):
            whole[0, :, document] = part
    return grads[0], grads[1], grads[2]


def _document_backward(
    grad_HTD: Tensor, q_HTD: Tensor, k_HTD: Tensor, v_HTD: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of one document's q, k, v; those of k and v are summed in float32 over the blocks."""
    grad_q = torch.empty_like(q_HTD)
    grad_k, grad_v = (torch.zeros(x.shape, dtype=torch.float32) for x in (k_HTD, v_HTD))
    none = q_HTD.new_zeros(1, 1, 1)
    for a, b in _blocks(q_HTD.shape[1]):
        probabilities = _probabilities(q_HTD, k_HTD, a, b, scale)
        grad_out = grad_HTD[:, a:b]
        grad_v[:, :b] += torch.bmm(probabilities.transpose(1, 2), grad_out)
        grad_scores = torch.ops.aten._softmax_backward_data(
            torch.bmm(grad_out, v_HTD[:, :b].transpose(1, 2)), probabilities, -1, q_HTD.dtype
        )
        grad_q[:, a:b] = torch.baddbmm(none, grad_scores, k_HTD[:, :b], beta=0, alpha=scale)
        grad_k[:, :b] += torch.bmm(grad_scores.transpose(1, 2), q_HTD[:, a:b])
    return grad_q, grad_k.mul_(scale), grad_v


@_packed_cpu_backward.register_fake
def _(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(_tokens_outermost(x) for x in (q, k, v))  # type: ignore[return-value]


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.scale = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *_packed_cpu_backward(grad, *ctx.saved_tensors, ctx.scale), None, None


_packed_cpu.register_autograd(_backward, setup_context=_save_inputs)


def _with_dropout(
    q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, scale: float, dropout: float
) -> Tensor:
    """The slow way, for dropout on the probabilities: torch's own attention, one document at a time."""
    lengths = cu_seqlens.diff().tolist()
    parts = zip(*(x.split(lengths, dim=2) for x in (q, k, v)), strict=True)
    outs = [
        F.scaled_dot_product_attention(a, b, c, dropout_p=dropout, is_causal=True, scale=scale)
        for a, b, c in parts
    ]
    return torch.cat(outs, dim=2)


def _varlen_gpu(q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, scale: float, max_length: int) -> Tensor:
    """One kernel for all documents (bf16 and fp16 only). torch's varlen_attn takes [N, H, D]."""
    from torch.nn.attention.varlen import varlen_attn

    q_NHD, k_NHD, v_NHD = (x[0].transpose(0, 1) for x in (q, k, v))
    out = varlen_attn(
        q_NHD, k_NHD, v_NHD, cu_seqlens, cu_seqlens, max_length, max_length, scale=scale, window_size=(-1, 0)
    )
    assert isinstance(out, Tensor)
    return out.transpose(0, 1)[None]


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
    **_others: Any,
) -> tuple[Tensor, None]:
    """Attention in the form that transformers calls (see `AttentionInterface`).

    Args:
        query: [1, H, N, D]; key: [1, Hkv, N, D]; value: [1, Hkv, N, Dv].
        cu_seqlens: int32 [S+1], borders of the documents; None: all N tokens are one document.
        max_length: the longest document, for the GPU kernel.

    Returns:
        [1, N, H, Dv], and None for the weights that no one may ask for.

    Raises:
        ModelError: the model wants a sliding window shorter than its documents, or soft-capped scores.
    """
    if query.shape[0] != 1:
        raise ModelError(
            "packed attention takes one row of packed documents", hint="flatten the batch to [1, N]"
        )
    if cu_seqlens is None:
        cu_seqlens = torch.tensor([0, query.shape[2]], dtype=torch.int32, device=query.device)
    longest = max_length if max_length is not None else query.shape[2]
    if softcap is not None or (sliding_window is not None and sliding_window < longest):
        raise ModelError(
            f"{type(module).__name__} uses {'soft-capped scores' if softcap else 'a sliding window'}, "
            "which packed attention does not compute",
            hint="set data_config.seq_length to at most the window, or choose another base model",
        )
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    if dropout > 0:
        out = _with_dropout(query, key, value, cu_seqlens, scale, dropout)
    elif query.device.type == "cpu":
        out = _packed_cpu(query, key, value, cu_seqlens, scale)
    elif query.dtype in (torch.bfloat16, torch.float16):
        out = _varlen_gpu(query, key, value, cu_seqlens, scale, longest)
    else:  # float32 on a GPU has no variable-length kernel
        out = _with_dropout(query, key, value, cu_seqlens, scale, 0.0)
    return out.transpose(1, 2), None


def register_packed_attention() -> None:
    """Make `brahma_packed` known to transformers: the attention, and that it wants no mask."""
    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, lambda *_args, **_kwargs: None)
