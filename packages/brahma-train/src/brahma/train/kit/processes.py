"""Real processes for the checks that need several: plain children that end when their parent does.

`python -m brahma.train.kit.processes FOLDER RANK` does what `FOLDER/work.pickle`, which this job itself
wrote, says, and leaves what came of it beside that file.
"""

from __future__ import annotations

import importlib
import os
import pickle
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from brahma.core.error_text import first_line
from brahma.core.kit import CheckFailedError, Subject
from brahma.data.children import cause_of_death, child_environment, end_with_parent

PATIENCE = 180.0
"""Seconds after which processes that wait for each other are ended; most of them are imports."""

_WORK = "work.pickle"


def on_processes(work: str, subject: Subject, count: int = 2, *, patience: float = PATIENCE) -> list[Any]:
    """Call a function in several processes at once, and give what each returned, by rank.

    The processes find each other as those of any launcher do: RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and
    MASTER_PORT are set. None is left when this returns.

    Args:
        work: `"package.module:function"`, called with the subject; what it returns is pickled.

    Raises:
        CheckFailedError: a process failed or died, or they did not end in time.
    """
    folder = subject.folder / f"processes-{count}"
    folder.mkdir()
    (folder / _WORK).write_bytes(pickle.dumps((work, subject)))
    port = _free_port()
    children = [_start(folder, rank, count, port) for rank in range(count)]
    try:
        _await(children, folder, time.monotonic() + patience)
    finally:
        _end(children)
    return [pickle.loads(_result(folder, rank).read_bytes()) for rank in range(count)]


def _start(folder: Path, rank: int, count: int, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **child_environment(),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    with _output(folder, rank).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(folder), str(rank)],
            env=environment,
            stdin=subprocess.PIPE,  # closes with this process, whatever ends it
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await(children: list[subprocess.Popen[bytes]], folder: Path, deadline: float) -> None:
    """Wait until all have ended well; the first that has not fails the check at once."""
    waiting = dict(enumerate(children))
    while waiting:
        for rank, child in list(waiting.items()):
            if child.poll() is None:
                continue
            del waiting[rank]
            if child.returncode:
                said = _last_line(_output(folder, rank)) or cause_of_death(child)
                raise CheckFailedError(f"process {rank} of {len(children)}: {said}")
        if waiting and time.monotonic() > deadline:
            ranks = ", ".join(map(str, waiting))
            raise CheckFailedError(f"process {ranks} of {len(children)} did not come to an end")
        time.sleep(0.02)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.kill()
        child.wait()
        assert child.stdin is not None
        child.stdin.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _result(folder: Path, rank: int) -> Path:
    return folder / f"result-{rank}.pickle"


def _output(folder: Path, rank: int) -> Path:
    return folder / f"output-{rank}.txt"


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def main() -> NoReturn:
    """In a child: do the work."""
    end_with_parent()
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    work, subject = pickle.loads((folder / _WORK).read_bytes())
    module, _, name = work.partition(":")
    try:
        result = getattr(importlib.import_module(module), name)(subject)
    except Exception as error:
        print(f"{type(error).__name__}: {first_line(error)}", flush=True)
        os._exit(1)  # a group of processes that is still open would wait for the others
    _result(folder, rank).write_bytes(pickle.dumps(result))
    sys.stdout.flush()
    os._exit(0)  # gloo's threads may outlive the group, and then end an interpreter that shuts down by abort


if __name__ == "__main__":
    main()
