"""The folder of a cleaning: found again by the same command, refused to another one, locked, removed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from brahma.core.errors import DataError
from brahma.core.plugins import get_plugins
from brahma.data.cleaning.job import Job

_FINGERPRINT = "fingerprint"
_LOCK = "lock"


def folder_beside(path: Path) -> Path:
    """Where the job of an output lies."""
    return Path(os.path.abspath(path.with_name(path.name + ".cleaning")))


@dataclass
class JobFolder:
    """A locked folder of a job.

    Attributes:
        path: of the folder.
        is_done: nothing in it is needed any more.
    """

    path: Path
    is_done: bool = False


@contextmanager
def job_folder(beside: Path | None) -> Iterator[JobFolder]:
    """A folder for a job; after the block it stays only if work lies in it that is not done.

    Args:
        beside: the output that it is for; None: a temporary one, which is always removed.

    Raises:
        DataError: it cannot be made, or another process works in it.
    """
    if beside is None:
        with tempfile.TemporaryDirectory(prefix="brahma-cleaning-") as temporary:
            yield JobFolder(Path(temporary))
        return
    folder = JobFolder(folder_beside(beside))
    try:
        folder.path.mkdir(mode=0o700, exist_ok=True)
        lock = (folder.path / _LOCK).open("wb")
    except OSError as error:
        raise _not_made(folder.path, error) from error
    with lock:
        _lock(folder.path, lock)
        try:
            yield folder
        finally:
            if folder.is_done or not any(folder.path.glob("pass-*/*.json")):
                shutil.rmtree(folder.path, ignore_errors=True)


def enter(job: Job, *, overwrite: bool) -> str:
    """Begin the job in its folder, or go on with it.

    Returns:
        Its fingerprint: of the input, the steps and the versions.

    Raises:
        DataError: the folder holds the beginning of another job, and `overwrite` is not given.
    """
    path = job.folder / _FINGERPRINT
    fingerprint = _fingerprint(job)
    found = path.read_text("utf-8") if path.is_file() else ""  # killed as it was written: ""
    if found == fingerprint:
        return fingerprint
    if found and not overwrite:
        raise DataError(
            "an unfinished cleaning lies here, of another input or profile, or by other versions",
            where=str(job.folder),
            hint="Add --overwrite (overwrite=True) to begin anew, or repeat the command that began it",
        )
    for old in job.folder.iterdir():
        if old.name != _LOCK:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    job.save()
    path.write_text(fingerprint, "utf-8")
    return fingerprint


def _fingerprint(job: Job) -> str:
    stamps = [(str(s.path), s.size, s.path.stat().st_mtime_ns) for s in job.sources]
    versions = get_plugins().distributions()
    told = [job.to_dict(), stamps, versions, sys.version]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _lock(folder: Path, lock: BinaryIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(
            "another process is cleaning into this output", where=str(folder), hint="Wait for it, or stop it"
        ) from error


def _not_made(folder: Path, error: OSError) -> DataError:
    return DataError(
        "the cleaning's folder cannot be made",
        where=str(folder),
        why=error.strerror,
        hint="Name an output in a folder that can be written to",
    )
