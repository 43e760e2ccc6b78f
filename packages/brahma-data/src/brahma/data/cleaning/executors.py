"""Where the tasks of a cleaning run: the stages, what an executor must do, and the built-in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a job whose tasks are independent of each other.

    Attributes:
        name: what logs and scripts call it, such as `1-read`.
        tasks: how many there are.
        run: does the task of that number. Picklable; everything it reads and writes is below the job's
            folder or the inputs, so any process or machine that sees these can run it. A task that is done
            already returns at once.
    """

    name: str
    tasks: int
    run: Callable[[int], None]


class Executor(Protocol):
    """Runs stages one after the other: one begins when every task of the one before it is done."""

    def run(self, stages: Sequence[Stage], *, folder: Path) -> bool:
        """Do it all.

        Args:
            stages: in their order.
            folder: the job's own; seen by every worker.

        Returns:
            True when all is done; False when it was only handed to a scheduler that goes on by itself.

        Raises:
            DataError: a task failed or did not finish; which, and where its log is.
        """
        ...
