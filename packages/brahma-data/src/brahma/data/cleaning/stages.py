"""The stages of a cleaning: passes and decisions in turn, the counts added up, the output written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from brahma.core.errors import DataError
from brahma.data.cleaning.counts import Counts
from brahma.data.cleaning.executors import Stage
from brahma.data.cleaning.job import COUNTS, Job, loaded_job, write_json
from brahma.data.cleaning.outputs import WriteTask
from brahma.data.cleaning.passes import DecideTask, PassTask
from brahma.data.cleaning.tasks import task_bytes


@dataclass(frozen=True)
class CountTask:
    """Adds up what all tasks counted; fails where nothing is left, before anything is written."""

    folder: Path
    fingerprint: str

    def __call__(self, task: int) -> None:
        job = loaded_job(self.folder, self.fingerprint)
        counts = Counts()
        for number in range(len(job.profile.corpus_steps) + 1):
            for each in range(len(job.tasks)):
                values = json.loads(job.pass_file(number, each, "json").read_text("utf-8"))
                counts.add(Counts.from_dict(values))
        write_json(self.folder / COUNTS, counts.to_dict())
        if not counts.kept:
            raise DataError("no document is left", hint="Look at the report")


def read_counts(job: Job) -> Counts | None:
    """What was added up; None when that is not done yet."""
    path = job.folder / COUNTS
    return Counts.from_dict(json.loads(path.read_text("utf-8"))) if path.is_file() else None


def stages_of(job: Job, fingerprint: str) -> list[Stage]:
    """Everything that is to be done, in order."""
    tasks, sizes = len(job.tasks), tuple(task_bytes(task, job.sources) for task in job.tasks)
    whose, every = (job.folder, fingerprint), (sum(sizes),)
    stages = [Stage("1-clean", tasks, PassTask(*whose, 0), sizes)]
    for number, step in enumerate(job.profile.corpus_steps, 1):
        name = job.profile.steps[step].name
        stages.append(Stage(f"{2 * number}-compare-{name}", 1, DecideTask(*whose, step), every))
        stages.append(Stage(f"{2 * number + 1}-apply-{name}", tasks, PassTask(*whose, number), sizes))
    stages.append(Stage(f"{len(stages) + 1}-count", 1, CountTask(*whose), every))
    writes = [sum(job.sources[number].size for number in output.sources) for output in job.outputs]
    if job.rejected is not None:
        writes.append(0)
    if writes:
        stages.append(Stage(f"{len(stages) + 1}-write", len(writes), WriteTask(*whose), tuple(writes)))
    return stages
