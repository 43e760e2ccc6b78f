"""Which runs a model comes from, and how far each had got: its own, its base's, its adapter's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brahma.core.checkpoints import list_checkpoints
from brahma.core.errors import BrahmaError
from brahma.core.runs import Run, RunDirectory
from brahma.data.cache import read_manifest
from brahma.data.consumed import Consumed
from brahma.data.order import ORDER_VERSION, Order, end_of_run
from brahma.data.packs import Packs


@dataclass(frozen=True)
class Trained:
    """A run up to one of its checkpoints.

    Attributes:
        run: it.
        checkpoint: the folder.
        step: that it was written after.
        consumed: what the run had trained on by then.
    """

    run: Run
    checkpoint: Path
    step: int
    consumed: Consumed


@dataclass(frozen=True)
class Lineage:
    """What is known of a model's training.

    Attributes:
        runs: the model's own first, then what it began from.
        unknown: what is not known, as sentences for people.
    """

    runs: tuple[Trained, ...]
    unknown: tuple[str, ...]


def lineage_of(model_path: str | Path) -> Lineage:
    """Follow a model to the runs that made it, as far as they lie on this machine.

    Args:
        model_path: a checkpoint's folder, a run's, or any other model.
    """
    runs: list[Trained] = []
    unknown: list[str] = []
    waiting = [str(model_path)]
    for path in waiting:  # grows while it is gone through
        checkpoint = _checkpoint(path)
        if checkpoint is None:
            unknown.append(f"what {path} was trained on is not known: it is no checkpoint of a run")
            continue
        if any(checkpoint.samefile(each.checkpoint) for each in runs):
            continue
        try:
            trained = _trained(checkpoint)
        except (BrahmaError, OSError, LookupError, ValueError, TypeError) as error:
            unknown.append(f"what {path} was trained on cannot be told: {reason(error)}")
            continue
        runs.append(trained)
        waiting += _ancestors(trained.run)
    return Lineage(tuple(runs), tuple(unknown))


def _checkpoint(path: str) -> Path | None:
    """The checkpoint of a run that this is; None for anything else."""
    folder = Path(path).expanduser().absolute()
    if RunDirectory(folder).read_state() is not None:
        checkpoints = list_checkpoints(RunDirectory(folder).checkpoints)
        return Run(folder).best if checkpoints else None
    if (folder / "trainer_state.json").is_file() and _run_of(folder).paths.read_state() is not None:
        return folder
    return None


def _run_of(checkpoint: Path) -> Run:
    return Run(checkpoint.parent.parent)


def _trained(checkpoint: Path) -> Trained:
    run = _run_of(checkpoint)
    state = json.loads((checkpoint / "trainer_state.json").read_bytes())
    if state["order_version"] != ORDER_VERSION:
        raise ValueError(
            f"it began with data order {state['order_version']}, this version has {ORDER_VERSION}"
        )
    packs = _packs(run)
    size, training = state["global_batch_size"], run.config.training
    end = end_of_run(training, len(packs), state["total_steps"], size)
    consumed = Consumed(packs, Order(len(packs), state["seed"]), min(state["step"] * size, end))
    return Trained(run, checkpoint, state["step"], consumed)


def _packs(run: Run) -> Packs:
    """The run's pack table, also where its output folder was moved since.

    Raises:
        DamagedDataError: it is gone, or not whole.
    """
    pinned = Path(json.loads((run.directory / "data.json").read_bytes())["train"])
    moved = run.paths.output_dir / "data" / ".cache" / "packs" / pinned.name
    is_moved = read_manifest(pinned) is None and read_manifest(moved) is not None
    return Packs.open(moved if is_moved else pinned)


def _ancestors(run: Run) -> Iterator[str]:
    """The models that a run began from."""
    config = run.config
    if config.model.base_model is not None:
        yield config.model.base_model
    if config.lora is not None:
        yield from filter(None, [config.lora.adapter, *(config.lora.stack or ())])


def reason(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, BrahmaError):
        return f"{error.message} ({error.where})" if error.where else error.message
    return str(error) or type(error).__name__
