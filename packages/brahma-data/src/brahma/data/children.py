"""Child processes that do work: plain ones on a pipe, with one thread each, that end when their parent does.

They are not `multiprocessing`'s, which import the user's main script again: a script without an
`if __name__ == "__main__"` guard would start its work anew in each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def child_environment() -> dict[str, str]:
    """For a Python process that imports what this one does, and has one thread."""
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def start_child(module: str) -> tuple[Connection, subprocess.Popen[bytes]]:
    """Start `python -m module NUMBER`, which opens its end with `parent_connection`."""
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env=child_environment(),
        stdin=subprocess.PIPE,  # closes with this process, whatever ends it
        start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends its children
    )
    theirs.close()
    return ours, process


def parent_connection() -> Connection:
    """In the child: the pipe to its parent. From now on this process ends when the parent does."""
    end_with_parent()
    return Connection(int(sys.argv[1]))


def cause_of_death(process: subprocess.Popen[bytes]) -> str:
    """How a child ended that should not have."""
    status = process.wait()
    if status >= 0:
        return f"it ended with status {status}"
    why = f"it was killed by {signal.Signals(-status).name}"
    return why + "; SIGKILL mostly means that memory ran out" * (status == -signal.SIGKILL)


def end_with_parent() -> None:
    """In a child whose standard input is a pipe: from now on it ends when its parent does."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    os.read(0, 1)  # returns when the other end is closed: nothing is ever written there
    os._exit(1)
