"""A task of ours as a step of a datatrove pipeline.

The task runs in a child process of its own: datatrove waits for ever for a worker that was killed (no
memory left, say), and a child that ends without success is seen.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from brahma.data.children import child_environment
from brahma.data.cleaning.executors import Stage

_FAILED = "failed"


class TaskStep(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Runs the stage's task whose number is the rank. Neither reads nor yields datatrove's documents.

    Attributes:
        folder: of the stage; holds its pickle, and the errors of tasks that failed.
    """

    name = "task"
    type = "Brahma"

    def __init__(self, stage: Stage, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        (folder / _FAILED).mkdir(parents=True, exist_ok=True)
        (folder / "stage.pickle").write_bytes(pickle.dumps(stage))

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Do the task.

        Raises:
            RuntimeError: it failed; what it said is in the failure's file too.
        """
        failure = self.folder / _FAILED / f"{rank:05d}.txt"
        failure.unlink(missing_ok=True)
        said, status = _run_child(self.folder / "stage.pickle", rank)
        if status != 0:
            text = said.strip() or f"its process ended with status {status}"
            if status < 0:
                text = f"its process was killed by signal {-status}; 9 mostly means that memory ran out"
            failure.write_text(text, encoding="utf-8")
            raise RuntimeError(text)
        return iter(())


def failures(folder: Path) -> dict[int, str]:
    """What the tasks of a stage said that failed, by their number."""
    return {int(file.stem): file.read_text("utf-8") for file in sorted((folder / _FAILED).glob("*.txt"))}


def _run_child(stage: Path, rank: int) -> tuple[str, int]:
    """What the child wrote to stderr, and its exit status."""
    command = [sys.executable, "-P", "-m", "brahma_datatrove.child", str(stage), str(rank)]
    with subprocess.Popen(
        command,
        env=child_environment(),
        stdin=subprocess.PIPE,  # closes with this process, which ends the child
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        said = child.stderr.read()
        return said, child.wait()
