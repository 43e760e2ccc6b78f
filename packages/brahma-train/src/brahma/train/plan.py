"""What a run will do, worked out before its first step: batches, steps and the order of packs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brahma.core.config import TrainingSection
from brahma.core.errors import ConfigError, ResumeError
from brahma.data.order import Order, end_of_run
from brahma.data.packs import Packs


@dataclass(frozen=True)
class Plan:
    """The positions that each step consumes.

    Step s (from 0) consumes positions [s·G, (s+1)·G); position p is pack perm(seed, p div N)[p mod N].

    Attributes:
        packs: N packs.
        order: their order in each epoch.
        global_batch_size: G, packs of an optimizer step over all processes.
        batch_size: packs of a micro-batch on one process.
        total_positions: where the run ends; only its last step may be partial.
        total_steps: optimizer steps of the run.
    """

    packs: Packs
    order: Order
    global_batch_size: int
    batch_size: int
    total_positions: int
    total_steps: int

    def positions(self, step: int) -> tuple[int, int]:
        """The positions of a step: from, to (exclusive)."""
        start = step * self.global_batch_size
        return start, min(start + self.global_batch_size, self.total_positions)

    def pack_ids(self, step: int) -> NDArray[np.int64]:
        """The packs of a step, in order."""
        return self.order.packs(*self.positions(step))

    def supervised(self, step: int) -> int:
        """Supervised tokens of a step over all processes; known without communication."""
        return int(self.packs.supervised[self.pack_ids(step)].sum())

    def micro_batches(self, step: int, rank: int, world_size: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """This process's micro-batches of a step: (first position, packs).

        They are dealt to the processes in turn. A process with none left in a partial step gets an empty one.
        """
        start, stop = self.positions(step)
        packs = self.order.packs(start, stop)
        for first in range(0, stop - start, self.batch_size * world_size):
            mine = first + rank * self.batch_size
            yield start + mine, packs[mine : mine + self.batch_size]

    def ends_epoch(self, step: int) -> bool:
        """Whether the last position of an epoch lies in this step."""
        start, stop = self.positions(step)
        return start // len(self.packs) != stop // len(self.packs)

    def rows(self, step: int) -> list[str]:
        """`file:line` of each row behind a step."""
        rows = (row for pack in self.pack_ids(step) for row in self.packs.rows(int(pack)))
        return list(dict.fromkeys(f"{row.source}:{row.line}" for row in rows))


def make_plan(
    training: TrainingSection,
    packs: Packs,
    *,
    world_size: int = 1,
    global_batch_size: int | None = None,
    total_steps: int | None = None,
) -> Plan:
    """The plan of a new run, or of one that goes on with the sizes it started with.

    Raises:
        ConfigError: `global_batch_size` is no multiple of batch_size × processes.
        ResumeError: the same, for a run that goes on on other processes; the counts that fit are named.
    """
    share = training.batch_size * world_size
    asked = training.global_batch_size or share * training.gradient_accumulation_steps
    size = global_batch_size or asked
    if size % share:
        processes, batches = _fitting(size, training.batch_size), _fitting(size, world_size)
        kind = ResumeError if global_batch_size else ConfigError
        raise kind(
            f"{world_size} × {training.batch_size} packs at a time cannot make a global batch of {size}",
            where="training_config.global_batch_size",
            hint=" or ".join(
                f"{what} {', '.join(map(str, counts))}"
                for what, counts in (("a number of processes of", processes), ("a batch_size of", batches))
                if counts
            )
            or "use fewer processes or a larger global batch",
        )
    total = end_of_run(training, len(packs), total_steps, size)
    return Plan(packs, Order(len(packs), training.seed), size, training.batch_size, total, -(-total // size))


def _fitting(size: int, factor: int) -> list[int]:
    """The numbers whose product with `factor` divides `size`."""
    return [n for n in range(1, size // factor + 1) if size % (factor * n) == 0]
