"""Where the tasks of a cleaning run: the stages, what an executor must do, and the built-in one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from brahma.core.config.sections import Count, Section
from brahma.core.errors import DataError
from brahma.core.progress import progress
from brahma.data.children import cause_of_death, start_child

if TYPE_CHECKING:
    from brahma.core.progress import Task


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a job whose tasks are independent of each other.

    Attributes:
        name: what logs and scripts call it, such as `1-read`.
        tasks: how many there are.
        run: does the task of that number. Picklable; everything it reads and writes is below the job's
            folder or the inputs, so any process or machine that sees these can run it. A task that is done
            already returns at once.
        sizes: input bytes of each task, for showing progress; empty where nobody knows.
    """

    name: str
    tasks: int
    run: Callable[[int], None]
    sizes: tuple[int, ...] = ()


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


class ProcessOptions(Section):
    """Options of the executor `processes`."""

    workers: Count | None = None
    """Processes; absent: one for each core that this process may use. With 1 there are no further ones."""


class Processes:
    """Processes of this machine. They end when this one does, whatever ends it."""

    def __init__(self, options: ProcessOptions) -> None:
        self._workers = options.workers or _cores()

    def run(self, stages: Sequence[Stage], *, folder: Path) -> bool:
        """See `Executor`. An error of a task is raised as it is."""
        most = min(self._workers, max(stage.tasks for stage in stages))
        with _Pool(most) as pool:
            for stage in stages:
                total, unit = (sum(stage.sizes), "bytes") if stage.sizes else (stage.tasks, "tasks")
                with progress(label(stage), total, unit) as bar:
                    pool.run(stage, bar)
        return True


class _Pool:
    """Child processes that are started when there is work for more than one."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._processes: dict[Connection, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        for connection, process in self._processes.items():
            connection.close()
            process.kill()
        for process in self._processes.values():
            process.communicate()

    def run(self, stage: Stage, bar: Task) -> None:
        """Do all tasks of a stage.

        Raises:
            DataError: a process died. Whatever a task raises.
        """
        if min(self._workers, stage.tasks) < 2:
            for task in range(stage.tasks):
                stage.run(task)
                bar.advance(size_of(stage, task))
            return
        while len(self._processes) < self._workers:
            connection, process = start_child("brahma.data.cleaning.child")
            self._processes[connection] = process
        self._share_out(stage, bar)

    def _share_out(self, stage: Stage, bar: Task) -> None:
        largest_first = sorted(range(stage.tasks), key=lambda task: -size_of(stage, task))
        waiting = iter(largest_first)  # so that the processes end at about one time
        idle, busy = list(self._processes), dict[Connection, int]()
        while True:
            while idle and (task := next(waiting, None)) is not None:
                busy[idle[-1]] = task
                self._send(idle.pop(), stage, task)
            if not busy:
                return
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                task = busy.pop(connection)
                self._receive(connection, stage, task)
                bar.advance(size_of(stage, task))
                idle.append(connection)

    def _send(self, connection: Connection, stage: Stage, task: int) -> None:
        try:
            connection.send((stage.run, task))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._died(connection, stage, task) from error

    def _receive(self, connection: Connection, stage: Stage, task: int) -> None:
        try:
            answer = connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._died(connection, stage, task) from error
        if isinstance(answer, BaseException):
            raise answer

    def _died(self, connection: Connection, stage: Stage, task: int) -> DataError:
        return DataError(
            "a process of the cleaning died",
            where=f"task {task + 1} of {stage.tasks} of the stage {stage.name}",
            why=cause_of_death(self._processes[connection]),
            hint="Repeat the command, which goes on where it was; --workers 1 needs the least memory",
        )


def label(stage: Stage) -> str:
    """`2-compare-exact_documents` -> `compare exact_documents`."""
    return " ".join(stage.name.split("-")[1:])


def size_of(stage: Stage, task: int) -> int:
    """How much progress a task is, in bytes where these are known."""
    return stage.sizes[task] if stage.sizes else 1


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
