"""AdamW and Lion of bitsandbytes: moments in 8 bits (https://arxiv.org/abs/2110.02861), or paged.

Paged memory is shared by the GPU and the machine: what the GPU has no room for, the driver moves out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma_bitsandbytes.library import bnb, check_kernels
from brahma_bitsandbytes.options import EightBitOptions, LionOptions

_PAGED_FROM = 100_000  # elements; the library pages no smaller ones

_log = logging.getLogger(__name__)


def adamw_8bit(
    groups: list[dict[str, Any]], training: TrainingSection, options: EightBitOptions
) -> torch.optim.Optimizer:
    """AdamW with moments of 8 bits."""
    return _adamw(groups, training, bits=8, paged=False, min_8bit_size=options.min_8bit_size)


def paged_adamw(
    groups: list[dict[str, Any]], training: TrainingSection, options: None
) -> torch.optim.Optimizer:
    """AdamW with moments of 32 bits, paged."""
    return _adamw(groups, training, bits=32, paged=True)


def paged_adamw_8bit(
    groups: list[dict[str, Any]], training: TrainingSection, options: EightBitOptions
) -> torch.optim.Optimizer:
    """AdamW with moments of 8 bits, paged."""
    return _adamw(groups, training, bits=8, paged=True, min_8bit_size=options.min_8bit_size)


def lion_8bit(
    groups: list[dict[str, Any]], training: TrainingSection, options: LionOptions
) -> torch.optim.Optimizer:
    """Lion (https://arxiv.org/abs/2302.06675) with its moment in 8 bits."""
    return _lion(groups, training, options, paged=False)


def paged_lion_8bit(
    groups: list[dict[str, Any]], training: TrainingSection, options: LionOptions
) -> torch.optim.Optimizer:
    """Lion with its moment in 8 bits, paged."""
    return _lion(groups, training, options, paged=True)


class _Paging(bnb.optim.optimizer.Optimizer8bit):  # type: ignore[misc]
    """What our optimizers add to the library's: state that can be stored, and is paged again once loaded."""

    def init_state(self, group: dict[str, Any], p: Tensor, gindex: int, pindex: int) -> None:
        """Give each parameter code books of its own (1 KB each): no file takes tensors that share memory."""
        super().init_state(group, p, gindex, pindex)
        state = self.state[p]
        state.update({name: state[name].clone() for name in ("qmap1", "qmap2") if name in state})

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        if self.is_paged:
            self._page_again()
        return super().step(closure)

    def _page_again(self) -> None:
        """Move large moments of GPU parameters that lie in plain memory, as a checkpoint gives them."""
        for parameter, state in self.state.items():
            if parameter.device.type == "cpu" or parameter.numel() < _PAGED_FROM:
                continue
            for name in ("state1", "state2"):
                plain = state.get(name)
                if isinstance(plain, Tensor) and not getattr(plain, "is_paged", False):
                    paged = self.get_state_buffer(parameter, dtype=plain.dtype)
                    torch.cuda.synchronize(
                        parameter.device
                    )  # the buffer is filled on the GPU, copied on the CPU
                    state[name] = paged.copy_(plain)


class AdamW(_Paging, bnb.optim.AdamW):  # type: ignore[misc]
    """bitsandbytes' AdamW."""


class Lion(_Paging, bnb.optim.Lion):  # type: ignore[misc]
    """bitsandbytes' Lion."""


def _adamw(
    groups: list[dict[str, Any]], training: TrainingSection, *, bits: int, paged: bool, **options: int
) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = AdamW(
        [dict(group) for group in groups],
        lr=training.lr,
        betas=(training.adam_beta1, training.adam_beta2),
        eps=training.adam_epsilon,
        optim_bits=bits,
        is_paged=paged,
        **options,
    )
    return _checked(optimizer)


def _lion(
    groups: list[dict[str, Any]], training: TrainingSection, options: LionOptions, *, paged: bool
) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = Lion(
        [dict(group) for group in groups],
        lr=training.lr,
        betas=(options.beta1, options.beta2),
        optim_bits=8,
        min_8bit_size=options.min_8bit_size,
        is_paged=paged,
    )
    return _checked(optimizer)


def _checked(optimizer: Any) -> torch.optim.Optimizer:
    """See that the device can do it; where it cannot page, say so once instead of the library."""
    for device in {p.device for group in optimizer.param_groups for p in group["params"]}:
        check_kernels(device)
        if device.type == "cpu" and optimizer.is_paged:
            optimizer._cpu_paged_warned = True  # the library's own flag: it would warn for each optimizer
            _say_that_nothing_is_paged()
    checked: torch.optim.Optimizer = optimizer
    return checked


@cache
def _say_that_nothing_is_paged() -> None:
    _log.warning("nothing is paged on a CPU: the paged optimizers keep their state in plain memory there")
