"""What default ranges follow from: the memory of this machine, and the length of a trial."""

from __future__ import annotations

from brahma.core.config import Config, SearchSection
from brahma.core.spec import ModelSpec
from brahma.data.packs import Packs
from brahma.train.estimate import Precision, estimate, job_of, shape_of
from brahma.train.remedies import MARGIN
from brahma.train.room import find_room
from brahma.train.search.lengths import plan_of
from brahma.train.search.ranges import Circumstances
from brahma.train.search.rungs import rung_divisors


def circumstances(config: Config, packs: Packs, search: SearchSection) -> Circumstances:
    """Of trials of this configuration on these packs, here."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision: Precision = "bf16" if config.training.bf16 else "float32"
    shape = shape_of(ModelSpec.from_section(config.model), config)
    plan = plan_of(config, packs)

    def fits(batch_size: int) -> bool:
        training = config.training.model_copy(update={"batch_size": batch_size})
        job = job_of(
            config.model_copy(update={"training": training}), shape, precision=precision, device=device
        )
        return estimate(job).total <= MARGIN * find_room(device).free

    def steps(packs_of_a_step: int) -> int:
        return -(-plan.total_positions // packs_of_a_step)

    divisors = rung_divisors(plan.total_steps, search.reduction_factor, search.min_steps)
    return Circumstances(config, fits, steps, max(divisors))
