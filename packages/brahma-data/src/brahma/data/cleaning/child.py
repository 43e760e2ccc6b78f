"""`python -m brahma.data.cleaning.child NUMBER`: a process of the executor `processes`."""

from __future__ import annotations

import traceback
from multiprocessing.connection import Connection

from brahma.core.errors import BrahmaError
from brahma.data.children import parent_connection


def _serve(connection: Connection) -> None:
    """Do one task after the other until the parent closes the pipe."""
    try:
        while True:
            run, task = connection.recv()
            connection.send(_outcome(run, task))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _outcome(run: object, task: int) -> Exception | None:
    assert callable(run)
    try:
        run(task)
    except (BrahmaError, OSError) as error:
        return error
    except Exception:  # a bug: not every exception can be pickled, its text can
        return RuntimeError(f"a process of the cleaning failed:\n{traceback.format_exc()}")
    return None


if __name__ == "__main__":
    _serve(parent_connection())
