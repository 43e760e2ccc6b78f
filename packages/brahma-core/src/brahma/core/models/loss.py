"""The exact loss: summed negative log-likelihood of the supervised tokens, and nothing else.

The head runs on flat hidden states [tokens, hidden], on supervised positions only, in chunks whose float32
logits stay small; their gradient is taken in the same pass, so no logits outlive their chunk (the idea of
https://arxiv.org/abs/2410.10989).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CHUNK_BYTES = 64 * 2**20  # float32 logits alive at one time


class Head(NamedTuple):
    """A linear layer to the logits, and what a model does with them.

    Attributes:
        weight: [V, H]; bias: [V].
        factor: the logits are multiplied by it,
        cap: and then bent to cap·tanh(logit / cap); 0: they are not.
    """

    weight: Tensor
    bias: Tensor | None
    factor: float = 1.0
    cap: float = 0.0

    def bent(self, logits: Tensor) -> Tensor:
        """Linear output as the model's logits."""
        if self.factor != 1.0:
            logits = logits * self.factor
        return torch.tanh(logits / self.cap) * self.cap if self.cap else logits

    def unbent_(self, grad: Tensor, logits: Tensor) -> Tensor:
        """The gradient of the model's logits, made that of the linear output in place."""
        if self.cap:
            grad.mul_(1 - (logits / self.cap).square_())
        return grad.mul_(self.factor) if self.factor != 1.0 else grad


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor | None,
        labels_N: Tensor,
        scale: float,
        factor: float,
        cap: float,
    ) -> tuple[Tensor, Tensor]:
        head = Head(weight_VH, bias_V, factor, cap)
        wants_grad = any(ctx.needs_input_grad)
        rows = max(1, _CHUNK_BYTES // (4 * weight_VH.shape[0]))
        total = torch.zeros((), dtype=torch.float32, device=hidden_NH.device)
        grad_h = torch.empty_like(hidden_NH) if ctx.needs_input_grad[0] else None
        grad_w = (
            torch.zeros(weight_VH.shape, dtype=torch.float32, device=weight_VH.device)
            if ctx.needs_input_grad[1]
            else None
        )
        grad_b = torch.zeros_like(bias_V, dtype=torch.float32) if bias_V is not None and wants_grad else None
        for start in range(0, hidden_NH.shape[0], rows):
            part = slice(start, start + rows)
            logits = head.bent(F.linear(hidden_NH[part], weight_VH, bias_V).float())
            log_p = F.log_softmax(logits, -1)
            target = labels_N[part, None]
            total -= log_p.gather(1, target).sum()
            if not wants_grad:
                continue
            p = log_p.exp_()
            p.scatter_add_(1, target, p.new_full((1, 1), -1.0).expand_as(target))
            grad = head.unbent_(p.mul_(scale), logits).to(hidden_NH.dtype)
            if grad_h is not None:
                torch.mm(grad, weight_VH, out=grad_h[part])
            if grad_w is not None:
                grad_w += grad.t() @ hidden_NH[part]
            if grad_b is not None:
                grad_b += grad.sum(0)
        ctx.grads = (grad_h, grad_w, grad_b)
        ctx.dtypes = (weight_VH.dtype, None if bias_V is None else bias_V.dtype)
        ctx.mark_non_differentiable(total)
        return total * scale, total

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _grad_total: Tensor) -> tuple[Tensor | None, ...]:
        grad_h, grad_w, grad_b = ctx.grads
        ctx.grads = None
        weight_dtype, bias_dtype = ctx.dtypes
        return (
            None if grad_h is None else grad_h.mul_(grad),
            None if grad_w is None else grad_w.mul_(grad).to(weight_dtype),
            None if grad_b is None else grad_b.mul_(grad).to(bias_dtype),
            *(None,) * 4,
        )


def chunked_loss(
    hidden_NH: Tensor, head: nn.Linear | Head, labels_N: Tensor, *, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Summed negative log-likelihood over the given tokens.

    Args:
        hidden_NH: [tokens, hidden], supervised positions only.
        labels_N: [tokens] ids.
        scale: what the gradients are multiplied by, before they are rounded to the weights' precision.

    Returns:
        (scaled loss to call backward on, plain sum in nats as float32).
    """
    if isinstance(head, nn.Linear):
        head = Head(head.weight, head.bias)
    scaled, total = _ChunkedLoss.apply(  # type: ignore[no-untyped-call]
        hidden_NH, head.weight, head.bias, labels_N, scale, head.factor, head.cap
    )
    return scaled, total
