"""Executors on datatrove's (https://github.com/huggingface/datatrove, 0.10).

Each stage becomes one datatrove pipeline of one step. datatrove marks each task that is done, so a job that
is started again goes on; what it does not do is tell the caller of tasks that failed (its Ray executor
returns as if all were well): the marks are counted after each stage.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from brahma.core.errors import DataError, DeviceError
from brahma.core.extras import needs
from brahma.core.progress import Task, progress
from brahma.data.cleaning.executors import Stage, label, size_of

if TYPE_CHECKING:
    from datatrove.executor.base import PipelineExecutor

    from brahma_datatrove.options import LocalOptions, RayOptions, SlurmOptions

_SHOWN = 3
"""Failed tasks that an error tells of."""
_EVERY = 0.5
"""Seconds between two looks at what is done."""
_HINT = "\n\nhint: "


class LocalExecutor:
    """Processes of this machine."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options

    def run(self, stages: Sequence[Stage], *, folder: Path) -> bool:
        """See `brahma.data.cleaning.executors.Executor`."""
        from brahma_datatrove.pipelines import QuietLocal

        workers = self._options.workers if self._options.workers > 0 else os.cpu_count() or 1
        for stage in stages:
            _run(QuietLocal(**_common(stage, folder), workers=min(workers, stage.tasks)), stage, folder)
        return True


class RayExecutor:
    """A Ray cluster, or one that is started for the job on this machine."""

    def __init__(self, options: RayOptions) -> None:
        self._options = options

    def run(self, stages: Sequence[Stage], *, folder: Path) -> bool:
        """See `brahma.data.cleaning.executors.Executor`."""
        with needs("brahma-datatrove[ray]", "the executor ray"):
            import ray
        from brahma_datatrove.pipelines import QuietRay

        given = self._options
        with ExitStack() as undo:
            _connect(ray, given.address, given.workers, undo)
            for stage in stages:
                pipeline = QuietRay(
                    **_common(stage, folder),
                    workers=given.workers,
                    cpus_per_task=given.cpus_per_task,
                    mem_per_cpu_gb=given.memory_per_cpu_gb,
                    time=given.time,
                )
                _run(pipeline, stage, folder)
        return True


class SlurmExecutor:
    """Job arrays, each of which begins when the one before it has succeeded."""

    def __init__(self, options: SlurmOptions) -> None:
        self._options = options

    def run(self, stages: Sequence[Stage], *, folder: Path) -> bool:
        """See `brahma.data.cleaning.executors.Executor`. False: Slurm goes on by itself."""
        from datatrove.executor.slurm import SlurmPipelineExecutor

        if shutil.which("sbatch") is None:
            raise DeviceError(
                "sbatch is not to be found",
                hint="Run this on a login node of the cluster, or choose another --executor",
            )
        before: Any = None
        for stage in stages:
            before = SlurmPipelineExecutor(
                **_common(stage, folder), **_slurm_arguments(self._options, stage), depends=before
            )
        _silence()
        before.run()
        return not before.get_incomplete_ranks(skip_completed=True)


def _common(stage: Stage, folder: Path) -> dict[str, Any]:
    """What every datatrove executor takes."""
    from brahma_datatrove.tasks import TaskStep

    place = _place(stage, folder)
    return {"pipeline": [TaskStep(stage, place)], "tasks": stage.tasks, "logging_dir": str(place)}


def _place(stage: Stage, folder: Path) -> Path:
    return folder / "datatrove" / stage.name


def _slurm_arguments(options: SlurmOptions, stage: Stage) -> dict[str, Any]:
    return {
        "job_name": f"brahma-{stage.name}",
        "partition": options.partition,
        "time": options.time,
        "workers": options.workers,
        "cpus_per_task": options.cpus_per_task,
        "mem_per_cpu_gb": options.memory_per_cpu_gb,
        "max_array_size": options.max_array_size,
        "qos": options.qos,
        "env_command": options.environment,
        "sbatch_args": {"account": options.account} if options.account else {},
    }


def _run(pipeline: PipelineExecutor, stage: Stage, folder: Path) -> None:
    """Run one stage to its end.

    Raises:
        DataError: tasks are not done.
    """
    unexpected: Exception | None = None
    _silence()
    try:
        with _shown(stage, _place(stage, folder) / "completions"):
            pipeline.run()
    except Exception as error:  # which tasks are not done is looked up, whatever it was
        unexpected = error
    missing = pipeline.get_incomplete_ranks(skip_completed=True)
    if missing:
        raise _unfinished(stage, _place(stage, folder), missing, unexpected) from unexpected


def _unfinished(stage: Stage, place: Path, missing: list[int], unexpected: Exception | None) -> DataError:
    from brahma_datatrove.tasks import failures

    told = {rank: text for rank, text in failures(place).items() if rank in missing}
    whats = [f"task {rank}: {text.partition(_HINT)[0]}" for rank, text in told.items()]
    hints = [hint for text in told.values() if (hint := text.partition(_HINT)[2])]
    first = hints[0].rstrip(".") if hints else "Mend the cause"
    why = "\n".join(whats[:_SHOWN])
    return DataError(
        f"{len(missing):,} of {stage.tasks:,} tasks of the stage {stage.name} did not finish",
        where=str(place / "logs"),
        why=why or (str(unexpected) if unexpected else "they left no word; the logs may tell"),
        hint=f"{first}; then repeat the command: what is done is kept",
    )


def _connect(ray: Any, address: str | None, workers: int, undo: ExitStack) -> None:
    """Join the cluster at the address; without one start a Ray of this machine's own."""
    if ray.is_initialized():
        return
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if address is not None:
        ray.init(address=address, **quiet)
    else:
        temporary = tempfile.mkdtemp(prefix="ray-")  # else Ray joins whatever its usual folder names
        undo.callback(shutil.rmtree, temporary, ignore_errors=True)
        ray.init(
            address="local",
            num_cpus=workers if workers > 0 else None,
            include_dashboard=False,
            _temp_dir=temporary,
            **quiet,
        )
    undo.callback(ray.shutdown)


@contextmanager
def _shown(stage: Stage, completions: Path) -> Iterator[None]:
    """Progress of the stage, by datatrove's marks of the tasks that are done."""
    over = Event()
    total, unit = (sum(stage.sizes), "bytes") if stage.sizes else (stage.tasks, "tasks")
    with progress(label(stage), total, unit) as bar:
        watcher = Thread(target=_watch, args=(stage, completions, bar, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _watch(stage: Stage, completions: Path, bar: Task, over: Event) -> None:
    done = set[str]()
    while True:
        ends = over.wait(_EVERY)
        found = {mark.name for mark in completions.glob("*")}
        for mark in found - done:
            bar.advance(size_of(stage, int(mark)))
        done = found
        if ends:
            return


def _silence() -> None:
    """datatrove tells everything on stderr; it stands in each task's log too."""
    from loguru import logger

    logger.remove()
