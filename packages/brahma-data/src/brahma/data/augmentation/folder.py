"""The batches of an augmentation, each kept in a folder beside the output when it is done.

A process that was stopped is repeated by the same command, which goes on after the last whole batch. The
folder is keyed by the content of the input and by everything that the variants depend on.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from brahma.core.disk import flush
from brahma.core.errors import DataError
from brahma.core.progress import Task
from brahma.data.augmentation.selection import Chosen
from brahma.data.augmentation.worker import Worker


def _batched(rows: Iterator[Chosen], size: int) -> Iterator[list[Chosen]]:
    while group := list(islice(rows, size)):
        yield group


class JobFolder:
    """The batches that are done. Only one process at a time works in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def batch_path(self, number: int) -> Path:
        """Where a batch stands when it is done."""
        return self.folder / f"batch-{number:08}.json"

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Work in the folder; batches of another job are thrown away.

        Raises:
            DataError: another process works in it, or it cannot be made.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise DataError(
                "the job's folder cannot be made",
                where=str(self.folder),
                why=error.strerror,
                hint="Write to a folder that you may write into",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._begin(key)
            yield
        except BlockingIOError as error:
            raise DataError(
                "another process is writing this output",
                where=str(self.folder),
                hint="Wait for it, or name another output",
            ) from error
        finally:
            os.close(descriptor)

    def _begin(self, key: str) -> None:
        path = self.folder / "job.json"
        if path.exists() and path.read_text(encoding="utf-8") == key:
            return
        for stale in self.folder.glob("batch-*.json"):
            stale.unlink()
        path.write_text(key, encoding="utf-8")

    def run(self, worker: Worker, rows: Iterator[Chosen], task: Task) -> tuple[int, int]:
        """Do what is not done.

        Returns:
            How many batches there are, and how many of them had been done before.
        """
        total = resumed = 0
        for number, group in enumerate(_batched(rows, worker.batch_size)):
            total = number + 1
            if self.batch_path(number).exists():
                resumed += 1
            else:
                self._keep(number, worker.batch(group))
            task.advance(len(group))
        return total, resumed

    def _keep(self, number: int, batch: Mapping[str, Any]) -> None:
        path = self.batch_path(number)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(batch, ensure_ascii=False), encoding="utf-8")
        flush(part)
        part.rename(path)

    def batches(self, count: int) -> Iterator[dict[str, Any]]:
        """What is done, in order."""
        for number in range(count):
            yield json.loads(self.batch_path(number).read_text(encoding="utf-8"))

    def remove(self) -> None:
        """The job is over."""
        shutil.rmtree(self.folder)
