"""Trained weights and their float32 masters.

A model in bf16 or fp16 computes fast but cannot hold small updates; the optimizer therefore works on float32
copies, and the model's weights are those, rounded (https://arxiv.org/abs/1710.03740). A float32 model is its
own master.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MasterWeights:
    """The parameters that are trained, each storage once, with masters and gradients in float32.

    Args:
        model: its parameters that require a gradient are trained; tied ones count once.

    Attributes:
        names: of the parameters.
        masters: float32, in the order of `names`; what the optimizer steps on. Their `.grad` is the sum of
            the gradients of the global batch.
    """

    def __init__(self, model: nn.Module) -> None:
        trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in trained]
        self._weights = [p for _, p in trained]
        self.masters: list[Tensor] = [
            p if p.dtype == torch.float32 else p.detach().float().clone() for p in self._weights
        ]
        self._rounded = [
            (p, m) for p, m in zip(self._weights, self.masters, strict=True) if p.dtype != torch.float32
        ]
        for _, master in self._rounded:
            master.grad = torch.zeros_like(master)
        self._fresh = True

    def named_masters(self) -> list[tuple[str, Tensor]]:
        return list(zip(self.names, self.masters, strict=True))

    def copies(self) -> list[tuple[str, Tensor]]:
        """Those masters that are not the model's weights themselves, by name."""
        own = {id(weight) for weight in self._weights}
        return [(name, master) for name, master in self.named_masters() if id(master) not in own]

    @torch.no_grad()
    def add_gradients(self) -> None:
        """Add the model's gradients of a micro-batch to the masters', in float32, and drop them.

        A float32 model adds them up by itself.
        """
        if not self._rounded:
            return
        low: list[Tensor] = []
        sums: list[Tensor] = []
        for weight, master in self._rounded:
            if weight.grad is None:  # took no part in this micro-batch
                weight.grad = torch.zeros_like(weight)
            assert master.grad is not None
            low.append(weight.grad)
            sums.append(master.grad)
        if self._fresh:
            torch._foreach_copy_(sums, low)
        else:
            torch._foreach_add_(sums, [gradient.float() for gradient in low])
        self._fresh = False
        for weight, _ in self._rounded:
            weight.grad = None

    def gradients(self) -> list[Tensor]:
        """The masters' gradients, without those of weights that took no part."""
        return [master.grad for master in self.masters if master.grad is not None]

    @torch.no_grad()
    def clip(self, max_norm: float, unscale: float = 1.0) -> float:
        """Divide the gradients by `unscale`, then shrink them to a norm of at most `max_norm` (0: any).

        Returns:
            The norm before it was shrunk; not finite when a gradient is not.
        """
        gradients = self.gradients()
        norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))) / unscale
        factor = (min(1.0, max_norm / (norm + 1e-6)) if max_norm > 0 else 1.0) / unscale
        if factor != 1.0:
            torch._foreach_mul_(gradients, factor)
        return norm

    @torch.no_grad()
    def publish(self) -> None:
        """Round the masters into the model's weights."""
        if self._rounded:
            torch._foreach_copy_([w for w, _ in self._rounded], [m for _, m in self._rounded])

    def clear_gradients(self) -> None:
        """Begin a new global batch."""
        self._fresh = True
        for weight in self._weights:
            weight.grad = None
