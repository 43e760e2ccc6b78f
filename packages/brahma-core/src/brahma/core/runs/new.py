"""The folders of new runs, and their names."""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
from pathlib import Path

from brahma.core.errors import RunError
from brahma.core.runs.directory import RunDirectory
from brahma.core.runs.files import writable
from brahma.core.runs.run import Run

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def create_run(output_dir: str | Path, name: str | None, stem: str) -> RunDirectory:
    """Make the folder of a new run; of two processes that ask for one name, one gets it.

    Args:
        output_dir: where `runs/` and `logs/` are made.
        name: the run's name; None: `<stem>-1`, `<stem>-2`, …
        stem: what the default name starts with, usually the configuration file's stem.

    Raises:
        RunError: the name is taken or not usable, or the folder cannot be made.
    """
    runs = Path(output_dir).absolute() / "runs"
    with writable(runs):
        runs.mkdir(parents=True, exist_ok=True)
        (runs.parent / "logs").mkdir(exist_ok=True)
        return _claim_counted(runs, stem) if name is None else _claim(runs, name)


def latest_run(output_dir: str | Path, stem: str) -> RunDirectory | None:
    """The newest of the runs `<stem>-<number>`: what `--resume auto` goes on with when no name is given."""
    runs = Path(output_dir).absolute() / "runs"
    numbers = _numbers(runs, _usable(stem))
    return RunDirectory(runs / f"{_usable(stem)}-{max(numbers)}") if numbers else None


def _claim(runs: Path, name: str) -> RunDirectory:
    if not _NAME.fullmatch(name):
        raise RunError(
            f"{name!r} cannot be the name of a run",
            why="a name starts with a letter or digit and goes on with those, '.', '_' and '-', 128 at most",
            hint=f"Try {_usable(name)!r}",
        )
    directory = RunDirectory(runs / name)
    if not _make(directory):
        raise _taken(directory)
    return directory


def _make(directory: RunDirectory) -> bool:
    """Make a run's folder, whole or, if its process is killed, not at all; False where there is one."""
    if directory.root.exists():
        return False
    hidden = f".{directory.name}.{os.getpid()}-{threading.get_ident()}"
    prepared = RunDirectory(directory.root.with_name(hidden))
    shutil.rmtree(prepared.root, ignore_errors=True)
    try:
        prepared.checkpoints.mkdir(parents=True)
        prepared.update_state(status="running")
        prepared.root.rename(directory.root)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # another process was faster
            return False
        raise
    finally:
        shutil.rmtree(prepared.root, ignore_errors=True)
    return True


def _claim_counted(runs: Path, stem: str) -> RunDirectory:
    stem = _usable(stem)
    number = max(_numbers(runs, stem), default=0) + 1
    while True:
        directory = RunDirectory(runs / f"{stem}-{number}")
        if _make(directory):
            return directory
        number += 1  # another process was faster


def _numbers(runs: Path, stem: str) -> list[int]:
    if not runs.is_dir():
        return []
    ends = (name.removeprefix(f"{stem}-") for name in os.listdir(runs) if name.startswith(f"{stem}-"))
    return [int(end) for end in ends if end.isdecimal()]


def _usable(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:100] or "run"


def _taken(directory: RunDirectory) -> RunError:
    state = directory.read_state()
    status = Run(directory).status if state else "not a run"
    ways = {
        "finished": "Choose another run_name, or leave it out: the runs are then numbered",
        "running": "Wait for it, or choose another run_name",
        "not a run": "Choose another run_name, or move that folder away",
    }
    return RunError(
        f"the name {directory.name!r} is taken",
        where=str(directory.root),
        why=f"there is a run of that name; it is {status}" if state else "a folder of that name is there",
        hint=ways.get(status, "Go on with it: --resume auto; or choose another run_name"),
    )
