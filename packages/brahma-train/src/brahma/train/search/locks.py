"""Locks that the system lets go of when their holder dies, and who held one last."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from brahma.core.errors import RunError
from brahma.core.runs.files import writable
from brahma.train.search.kills import memory_kills

_LOOKS, _LOOK_SECONDS = 10, 0.05  # who asks whether a lock is held, holds it for that moment


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock, and leave word of who does.

    Raises:
        RunError: another process holds it, of a trial, and is not to be waited for.
    """
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    with file:
        try:
            _take(file, wait=wait)
        except BlockingIOError as error:
            raise RunError(
                f"trial {path.name} is being trained by process {_last_holder(path)[0] or 'unknown'}",
                where=str(path),
                hint="wait for it",
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()} {memory_kills()}")
        file.flush()
        yield


def perhaps_out_of_memory(path: Path) -> bool:
    """Whether the process that held a lock last, and was killed, may have been so for memory."""
    _, before = _last_holder(path)
    return not before or before != memory_kills()


def is_locked(path: Path) -> bool:
    """Whether a living process, this one perhaps, holds the lock."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _last_holder(path: Path) -> tuple[str, str]:
    """Of who holds a lock, or held it last: its process, and `memory_kills` when it began."""
    try:
        process, _, kills = path.read_text(encoding="ascii").partition(" ")
    except (OSError, ValueError):
        return "", ""
    return process, kills


def _take(file: IO[str], *, wait: bool) -> None:
    """Raises BlockingIOError where another process trains it: one that only looks is gone in no time."""
    for attempt in range(_LOOKS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            break
        except BlockingIOError:
            if attempt == _LOOKS - 1:
                raise
            time.sleep(_LOOK_SECONDS)
