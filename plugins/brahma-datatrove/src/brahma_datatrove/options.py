"""What can be said to an executor: `--executor-option workers=8`."""

from __future__ import annotations

from pydantic import Field

from brahma.core.config.sections import Section


class LocalOptions(Section):
    """Processes of this machine."""

    workers: int = Field(default=-1, description="Tasks at a time; -1: one for each core.")


class RayOptions(Section):
    """Tasks of a Ray cluster. Its machines see the job's folder, the inputs and the same packages."""

    workers: int = Field(default=-1, description="Tasks at a time; -1: as many as the cluster has cores.")
    address: str | None = Field(
        default=None, description="Address of a running cluster; none: a Ray of this machine's own."
    )
    cpus_per_task: int = Field(default=1, ge=1, description="Cores that a task reserves.")
    memory_per_cpu_gb: float = Field(default=1.0, gt=0, description="Memory that a task reserves, GB a core.")
    time: int | None = Field(default=None, ge=1, description="Seconds that a task may take; none: no limit.")


class SlurmOptions(Section):
    """Job arrays. The compute nodes see the job's folder, the inputs and the same environment."""

    partition: str = Field(description="Partition to submit to.")
    time: str = Field(default="24:00:00", description="Time limit of a task, as sbatch takes it.")
    workers: int = Field(default=-1, description="Tasks at a time; -1: as many as the cluster lets run.")
    cpus_per_task: int = Field(default=1, ge=1, description="Cores of a task.")
    memory_per_cpu_gb: int = Field(default=2, ge=1, description="Memory of a task, GB a core.")
    max_array_size: int = Field(
        default=1001, description="Tasks that one job array may hold on your cluster; -1: no limit."
    )
    qos: str = Field(default="normal", description="Quality of service; empty: none is asked for.")
    account: str | None = Field(default=None, description="Account to charge.")
    environment: str | None = Field(
        default=None,
        description="Command that a task begins with, such as `source /shared/venv/bin/activate`.",
    )
