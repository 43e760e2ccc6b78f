"""What this plugin brings: executors for `brahma data clean --executor …`."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import ExecutorEntry
from brahma.core.hookspecs import hookimpl


@hookimpl
def brahma_executors() -> Iterable[ExecutorEntry]:
    """Where the tasks of a cleaning run, by datatrove's executors."""
    yield ExecutorEntry(
        name="local",
        target="brahma_datatrove.executors:LocalExecutor",
        options="brahma_datatrove.options:LocalOptions",
        summary="Processes of this machine, with datatrove's logs for each task",
    )
    yield ExecutorEntry(
        name="ray",
        target="brahma_datatrove.executors:RayExecutor",
        options="brahma_datatrove.options:RayOptions",
        summary="A Ray cluster, or a Ray of this machine's own",
    )
    yield ExecutorEntry(
        name="slurm",
        target="brahma_datatrove.executors:SlurmExecutor",
        options="brahma_datatrove.options:SlurmOptions",
        summary="Job arrays of a Slurm cluster, one after the other",
    )
