"""Reading a run's log: its last lines, what is written to it from now on, and its warnings."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from brahma.core.errors import RunError

if TYPE_CHECKING:
    from brahma.core.runs import Run

_BLOCK = 1 << 16  # bytes
_ALL = 1 << 62  # lines
_INTERVAL = 0.25  # seconds between two looks at a log that is followed
_PATIENCE = 8  # looks; a run that begins or goes on is not locked for an instant
_WARNING = re.compile(
    rb"[\d-]+ [\d:]+[+-]\d{4} (?:WARNING|ERROR|CRITICAL) +brahma\.(?!warnings:)[\w.]+: (.*)"
)


def last_lines(path: Path, count: int) -> bytes:
    """The last `count` lines of a file, read from its end; nothing when there is no file."""
    file = _open(path)
    if file is None:
        return b""
    with file:
        return _last_lines(file, count)


def warnings_in(path: Path) -> dict[str, int]:
    """What Brahma itself warned of in a log, and how often, in the order of the first time.

    The warnings of libraries stay in the log: there are many, and few are about the run.
    """
    file = _open(path)
    if file is None:
        return {}
    with file:
        matches = (_WARNING.match(line) for line in file)
        return dict(Counter(match[1].decode("utf-8", "replace") for match in matches if match))


class LogFollower:
    """Iterates over a log from its last lines on, until the run is finished, has failed or is gone.

    It waits for a log that is not there yet and for an interrupted run to go on, and begins anew when the
    log is replaced.

    Args:
        run: whose log.
        lines: how many of the lines that are there already come first.
        say: takes a line for the user: what is waited for.
    """

    def __init__(self, run: Run, lines: int, say: Callable[[str], object]) -> None:
        self._run = run
        self._lines = lines
        self._say = say
        self._looks = 0  # at an interrupted run, one after the other
        self._file: BinaryIO | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                over = self._is_over()  # asked first: what is written before the end is read after it
                yield from self._new()
                if over:
                    return
                time.sleep(_INTERVAL)
        finally:
            self._close()

    def _is_over(self) -> bool:
        if self._run.paths.read_state() is None:
            return True
        status = self._run.status
        self._looks = self._looks + 1 if status == "interrupted" else 0
        if self._looks == _PATIENCE:
            self._say(f"run {self._run.name} is interrupted; waiting for it to go on (Ctrl-C ends this)")
        return status in ("finished", "failed") and not self._run.paths.is_locked()

    def _new(self) -> Iterator[bytes]:
        if self._file is not None and self._is_replaced():
            self._close()
        if self._file is None:
            self._file = _open(self._run.log)
            if self._file is None:
                return
            yield _last_lines(self._file, self._lines)
            self._lines = _ALL
        while block := self._file.read(_BLOCK):
            yield block

    def _is_replaced(self) -> bool:
        assert self._file is not None
        mine = os.fstat(self._file.fileno())
        try:
            there = self._run.log.stat()
        except FileNotFoundError:
            return False
        return (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev) or there.st_size < self._file.tell()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _open(path: Path) -> BinaryIO | None:
    """None when there is no such file yet.

    Raises:
        RunError: it cannot be read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(
            "the log cannot be read", where=str(path), why=error.strerror, hint="Mend the rights of that file"
        ) from error


def _last_lines(file: BinaryIO, count: int) -> bytes:
    """Leaves the file at the end of what was read."""
    position = end = file.seek(0, os.SEEK_END)
    tail = b""
    while position and tail.count(b"\n", 0, -1) < count:
        start = max(0, position - _BLOCK)
        file.seek(start)
        tail = file.read(position - start) + tail
        position = start
    file.seek(end)
    # not splitlines, which also parts at the \r of a progress bar
    return b"".join(re.findall(rb"[^\n]*\n|[^\n]+", tail)[-count:]) if count else b""
