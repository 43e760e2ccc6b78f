"""How long a trial is: its steps, and the tokens it has been trained on after each of them."""

from __future__ import annotations

from typing import Any

from brahma.core.config import Config, TrainingSection
from brahma.data.packs import Packs
from brahma.train.plan import Plan, make_plan


def batch_of(training: TrainingSection) -> int:
    """Packs of an optimizer step, on one process."""
    return training.global_batch_size or training.batch_size * training.gradient_accumulation_steps


def same_length(values: dict[str, Any], base: TrainingSection, searched: set[str]) -> None:
    """Set `max_steps` of a trial so that it sees as many packs as the base configuration does.

    Nothing where the base is as long as its epochs, which any batch size goes through, or where the length
    itself is searched.

    Args:
        values: `training_config` of the trial; changed.
        searched: dotted keys.
    """
    if base.max_steps is None or searched & {"training_config.max_steps", "training_config.epochs"}:
        return
    batch = values["global_batch_size"] or values["batch_size"] * values["gradient_accumulation_steps"]
    values["max_steps"] = max(1, round(base.max_steps * batch_of(base) / batch))


def plan_of(config: Config, packs: Packs) -> Plan:
    """What a trial will do."""
    return make_plan(config.training, packs)


def tokens_until(plan: Plan, step: int) -> int:
    """Supervised tokens of the first steps of a plan: what `train/tokens` will be."""
    stop = min(step * plan.global_batch_size, plan.total_positions)
    whole, rest = divmod(stop, len(plan.packs))
    last = plan.order.packs(whole * len(plan.packs), whole * len(plan.packs) + rest)
    return whole * int(plan.packs.supervised.sum()) + int(plan.packs.supervised[last].sum())
