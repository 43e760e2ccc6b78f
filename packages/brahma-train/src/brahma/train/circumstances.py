"""Under which circumstances a run went, for the advice at its end."""

from __future__ import annotations

import os

import torch

from brahma.core.config import Config
from brahma.core.config.sections import EVAL_STEPS
from brahma.core.devices import BF16_GAIN, measure_matrix_rate
from brahma.core.environment import cores
from brahma.data.packs import Packs
from brahma.train.monitor import Circumstances


def circumstances_of(config: Config, packs: Packs, precision: str, device: torch.device) -> Circumstances:
    """Measures for a fraction of a second where bf16 might have been faster."""
    training, ledger = config.training, packs.ledger
    by_steps = training.evaluation_strategy == "steps"
    return Circumstances(
        logging_steps=training.logging_steps,
        save_steps=training.save_steps,
        async_save=training.async_save,
        eval_steps=(training.eval_steps or EVAL_STEPS) if by_steps else None,
        batch_size=training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        packing=config.data.packing,
        filled=ledger.inputs / ledger.slots,
        micro_batch_tokens=training.batch_size * ledger.inputs / ledger.packs,
        precision=precision,
        bf16_gain=_bf16_gain(device) if precision == "float32" else None,
        device=device.type,
        load=os.getloadavg()[0] / cores(),
        compiled=training.compile,
        tasks=bool(config.evaluation.task_names),
    )


def _bf16_gain(device: torch.device) -> float | None:
    low, high = (measure_matrix_rate(dtype, device, 0.1) for dtype in (torch.bfloat16, torch.float32))
    return low / high if low / high >= BF16_GAIN else None
