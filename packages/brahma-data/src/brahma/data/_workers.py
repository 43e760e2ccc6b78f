"""Processes that encode rows: the parent reads, they tokenise, results come back in order.

They are plain child processes on a pipe, not a `multiprocessing` pool: that one imports the user's main
script again in every child, so a script without an `if __name__ == "__main__"` guard would start its
training anew in each. A child ends when its pipe closes, so none outlives its parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import TYPE_CHECKING, Self

from brahma.core.errors import BrahmaError, DataError, RowError
from brahma.data.rows import BadRow, EncodedDocument, Row

if TYPE_CHECKING:
    from brahma.data.encode import Encoder

Outcome = EncodedDocument | RowError
Encoded = tuple[Row | BadRow, Outcome]

_BATCH_ROWS = 1024
_BATCH_CHARACTERS = 1 << 18
_AHEAD = 4
"""Batches in work or waiting for their turn, for each worker: bounds the memory."""


def batched(rows: Iterable[Row | BadRow]) -> Iterator[list[Row | BadRow]]:
    """Rows in batches that are worth sending to another process."""
    batch: list[Row | BadRow] = []
    characters = 0
    for row in rows:
        batch.append(row)
        if isinstance(row, Row):
            characters += sum(len(text) for text in row.texts())
        if len(batch) == _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def encode_row(encoder: Encoder, row: Row | BadRow) -> Outcome:
    """The row's document, or the error that it is skipped or refused for."""
    if isinstance(row, BadRow):
        return row.error
    try:
        return encoder.encode(row)
    except RowError as error:
        return error


class Workers:
    """Child processes, each with its copy of the encoder; use it in a `with` block.

    Args:
        encoder: is pickled.
        count: processes.
    """

    def __init__(self, encoder: Encoder, count: int) -> None:
        self._processes: dict[Connection, subprocess.Popen[bytes]] = {}
        try:
            for _ in range(count):
                connection, process = _start()
                self._processes[connection] = process
            for connection in self._processes:
                self._send(connection, encoder)
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def encode(self, rows: Iterable[Row | BadRow]) -> Iterator[Encoded]:
        """Each row with its outcome, in the order of the rows.

        Raises:
            BrahmaError: what an encoder raised that is not about one row.
            DataError: a process died.
        """
        batches = enumerate(batched(rows))
        idle, busy = list(self._processes), dict[Connection, tuple[int, list[Row | BadRow]]]()
        ready: dict[int, list[Encoded]] = {}
        done = 0  # batches handed on
        while True:
            while idle and len(busy) + len(ready) < _AHEAD * len(self._processes):
                item = next(batches, None)
                if item is None:
                    break
                busy[idle[-1]] = item
                self._send(idle.pop(), item[1])
            if not busy:
                return
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                number, batch = busy.pop(connection)
                ready[number] = list(zip(batch, self._receive(connection, batch), strict=True))
                idle.append(connection)
            while done in ready:
                yield from ready.pop(done)
                done += 1

    def _send(self, connection: Connection, message: object) -> None:
        try:
            connection.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._died(connection, None) from error

    def _receive(self, connection: Connection, batch: list[Row | BadRow]) -> list[Outcome]:
        try:
            answer = connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._died(connection, batch) from error
        if isinstance(answer, BaseException):
            raise answer
        outcomes: list[Outcome] = answer
        return outcomes

    def _died(self, connection: Connection, batch: list[Row | BadRow] | None) -> DataError:
        status = self._processes[connection].wait()
        why = f"it ended with status {status}"
        if status < 0:
            why = f"it was killed by {signal.Signals(-status).name}"
        return DataError(
            "a process that tokenises died",
            where=f"{batch[0].source}, lines {batch[0].line} to {batch[-1].line}" if batch else None,
            why=why + "; SIGKILL mostly means that memory ran out" * (status == -signal.SIGKILL),
            hint="set data_config.workers to a smaller number, or to 1 to tokenise in the main process",
        )

    def _stop(self) -> None:
        for connection, process in self._processes.items():
            connection.close()
            process.kill()
        for process in self._processes.values():
            process.wait()


def _start() -> tuple[Connection, subprocess.Popen[bytes]]:
    ours, theirs = Pipe()
    one_thread = {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    search_path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, **one_thread, "PYTHONPATH": search_path},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends its children
    )
    theirs.close()
    return ours, process


def _serve(connection: Connection) -> None:
    """Encode batches until the parent closes the pipe."""
    try:
        encoder: Encoder = connection.recv()
        while True:
            connection.send(_answer(encoder, connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(encoder: Encoder, rows: list[Row | BadRow]) -> list[Outcome] | Exception:
    try:
        return [encode_row(encoder, row) for row in rows]
    except BrahmaError as error:
        return error
    except Exception:  # a bug: not every exception can be pickled, its text can
        return RuntimeError(f"a process that tokenises failed:\n{traceback.format_exc()}")


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
