"""Out of memory: the error names this job's numbers and the settings that lower them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from brahma.core.config import Config
from brahma.core.errors import TrainingError

_GIB = 2**30


@contextmanager
def out_of_memory(model: nn.Module, config: Config) -> Iterator[None]:
    """Turn an allocation that failed inside into a TrainingError with numbers and remedies."""
    try:
        yield
    except MemoryError as error:
        raise _explained(model, config, str(error)) from error
    except RuntimeError as error:
        known = "DefaultCPUAllocator: can't allocate memory" in str(error)
        if not known and not isinstance(error, torch.OutOfMemoryError):
            raise
        raise _explained(model, config, str(error)) from error


def _explained(model: nn.Module, config: Config, cause: str) -> TrainingError:
    training, seq_length = config.training, config.data.seq_length
    count = sum(p.numel() for p in model.parameters())
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    masters = 0 if next(model.parameters()).dtype == torch.float32 else 8 * count  # masters, their gradients
    fixed = (2 * weights + masters + 8 * count) / _GIB
    tokens = training.batch_size * seq_length
    steps = [
        f"batch_size {max(1, training.batch_size // 2)} instead of {training.batch_size} "
        "(with gradient_accumulation_steps doubled, the maths stays the same)"
        if training.batch_size > 1
        else f"a smaller data_config.seq_length than {seq_length}",
        ""
        if training.gradient_checkpointing
        else "gradient_checkpointing: true: activations of one layer at a time",
        "bf16: true: half the weights and activations" if masters == 0 else "",
        f"LoRA or QLoRA, once this version has them: of the fixed {fixed:.1f} GiB they leave about a fifth",
    ]
    return TrainingError(
        f"out of memory with batch_size {training.batch_size} × seq_length {seq_length} = {tokens:,} tokens",
        why=f"{count / 1e6:,.1f}M parameters take {fixed:.1f} GiB with gradients and optimizer, "
        f"the activations of these tokens come on top ({cause.strip().splitlines()[0][:160]})",
        hint="try, in this order:\n  - " + "\n  - ".join(step for step in steps if step),
    )
