"""A cleaning on disk: what is to be done, in a folder that every worker sees, and what is done already.

<output>.cleaning/
    job.json               everything below is decided by it
    lock                   held (flock) as long as a process works on it
    pass-0/000012.json     the counts of task 12: it is done when this file is there
    pass-0/000012.spool    its documents for the next pass, or for the output
    pass-0/000012.rejected its dropped documents, if they were asked for
    step-<name>/           keys and decisions of a corpus step
    counts.json            all counts added up
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from brahma.core.config.sections import Choice
from brahma.data.cleaning.profile import Profile
from brahma.data.cleaning.tasks import Part, Source, Task
from brahma.data.readers import TextDocument

_DESCRIPTION = "job.json"
COUNTS = "counts.json"
"""All counts added up; when it is there, outputs are being written."""


@dataclass(frozen=True)
class Output:
    """A file to write.

    Attributes:
        path: absolute.
        sources: numbers of the input files whose documents it gets.
    """

    path: Path
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        folder: the job's own.
        profile: its steps.
        sources: the input files.
        tasks: the parts of the input.
        outputs: what is written; none when only the report is wanted.
        rejected: where dropped documents are written.
        text_document: what one document is in plain text.
        layout: the rows' only one; None: each row is recognised.
        stdout: the ending of the format that is written to standard output; "" when nothing is.
    """

    folder: Path
    profile: Profile
    sources: tuple[Source, ...]
    tasks: tuple[Task, ...]
    outputs: tuple[Output, ...]
    rejected: Path | None
    text_document: TextDocument
    layout: str | None
    stdout: str = ""

    @property
    def writes(self) -> bool:
        """Whether the documents that are left are wanted, and not the report alone."""
        return bool(self.outputs or self.stdout)

    def save(self) -> None:
        """Write it into its folder."""
        write_json(self.folder / _DESCRIPTION, self.to_dict())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from its folder."""
        values = json.loads((folder / _DESCRIPTION).read_text("utf-8"))
        profile = values["profile"]
        steps = tuple(Choice.model_validate(step) for step in profile["steps"])
        return cls(
            folder=folder,
            profile=Profile(profile["name"], profile["summary"], steps),
            sources=tuple(Source(Path(each.pop("path")), **each) for each in values["sources"]),
            tasks=tuple(tuple(Part(*part) for part in task) for task in values["tasks"]),
            outputs=tuple(Output(Path(path), tuple(sources)) for path, sources in values["outputs"]),
            rejected=Path(values["rejected"]) if values["rejected"] else None,
            text_document=values["text_document"],
            layout=values["layout"],
            stdout=values["stdout"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the folder, ready for JSON."""
        return {
            "profile": {
                "name": self.profile.name,
                "summary": self.profile.summary,
                "steps": self.profile.to_dict(),
            },
            "sources": [
                {"path": str(s.path), "name": s.name, "size": s.size, "running": s.running}
                for s in self.sources
            ],
            "tasks": [[[p.source, p.start, p.line, p.end] for p in task] for task in self.tasks],
            "outputs": [[str(output.path), list(output.sources)] for output in self.outputs],
            "rejected": str(self.rejected) if self.rejected else None,
            "text_document": self.text_document,
            "layout": self.layout,
            "stdout": self.stdout,
        }

    def pass_file(self, number: int, task: int, kind: str) -> Path:
        """A file of a task in a pass: `json` (it is done), `spool` or `rejected`."""
        return self.folder / f"pass-{number}" / f"{task:06d}.{kind}"

    def step_folder(self, name: str) -> Path:
        """Where a corpus step has its keys and decisions."""
        return self.folder / f"step-{name}"


@lru_cache(maxsize=1)
def loaded_job(folder: Path, _fingerprint: str) -> Job:
    """The job of a folder; a worker does many of its tasks, one after the other."""
    return Job.load(folder)


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file, whole or not at all."""
    aside = path.with_name(path.name + ".partial")
    try:
        with aside.open("wb") as file:
            file.write(_json_of(values))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _json_of(values: Any) -> bytes:
    """JSON that people can read; escaped where UTF-8 cannot hold it: a file's name of any bytes."""
    try:
        return json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(values).encode()
