"""One trial: a run of its own that is trained to a rung."""

from __future__ import annotations

import gc
from pathlib import Path

from brahma.core.config import ResolvedConfig
from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ConfigError, ModelError, TrainingError
from brahma.core.runs import Run
from brahma.core.runs.directory import RunDirectory
from brahma.train.memory import is_out_of_memory
from brahma.train.trainer import Trainer


class TrialFailedError(Exception):
    """A trial that cannot be trained with its values: the search goes on without it."""


def train_trial(config: ResolvedConfig, until_step: int | None) -> Run:
    """Train a trial's run to a step, or to its end: from the start, or from where it is.

    Raises:
        TrialFailedError: memory ran out, or it came to no number.
        BrahmaError: something else is wrong, and would be with other values too.
        KeyboardInterrupt, SystemExit: it was asked to stop; a checkpoint is written.
    """
    try:
        return Trainer.from_config(config).fit(resume="auto", until_step=until_step)
    except TrainingError as error:
        reason = reason_of(error)
    except (ConfigError, ModelError):
        raise
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        reason = f"out of memory: {first_line(error)}"
    finally:
        _free_memory()
    raise TrialFailedError(reason)


def reason_of(error: BrahmaError) -> str:
    """What happened, in one line."""
    return " ".join(error.message.split())


def newest_step(run: Run) -> int:
    """The step of the newest checkpoint; 0 where there is none."""
    steps = [int(folder.name.rpartition("-")[2]) for folder in run.checkpoints]
    return max(steps, default=0)


def was_killed(folder: Path) -> bool:
    """Whether the process that wrote the run last went without a word: as the system kills one."""
    state = RunDirectory(folder).read_state()
    return state is not None and state.status == "running"


def _free_memory() -> None:
    """Give the device back what the last trial left, before the next one asks for it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
