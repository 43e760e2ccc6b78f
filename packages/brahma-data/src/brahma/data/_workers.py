"""Processes that tokenise: the parent says what, they read and encode, results come back in order.

They are plain child processes (`brahma.data.children`): none outlives its parent.
"""

from __future__ import annotations

import subprocess
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import TYPE_CHECKING, Self

from brahma.core.errors import BrahmaError, DataError
from brahma.data.children import cause_of_death, parent_connection, start_child

if TYPE_CHECKING:
    from brahma.data._work import Tokenised, Tokeniser, Work

_AHEAD = 4
"""Works in hand or waiting for their turn, for each worker: bounds the memory."""


class Workers:
    """Child processes, each with its copy of the tokeniser; use it in a `with` block.

    Args:
        tokeniser: is pickled.
        count: processes.
    """

    def __init__(self, tokeniser: Tokeniser, count: int) -> None:
        self._processes: dict[Connection, subprocess.Popen[bytes]] = {}
        try:
            for _ in range(count):
                connection, process = start_child(__name__)
                self._processes[connection] = process
            for connection in self._processes:
                self._send(connection, tokeniser)
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def tokenise(self, works: Iterable[Work]) -> Iterator[Tokenised]:
        """What becomes of each work, in their order.

        Raises:
            BrahmaError: what an encoder raised that is not about one row.
            DataError: a process died.
        """
        numbered = enumerate(works)
        idle = list(self._processes)
        busy: dict[Connection, tuple[int, Work]] = {}
        ready: dict[int, Tokenised] = {}
        done = 0  # works handed on
        while True:
            while idle and len(busy) + len(ready) < _AHEAD * len(self._processes):
                item = next(numbered, None)
                if item is None:
                    break
                busy[idle[-1]] = item
                self._send(idle.pop(), item[1])
            if not busy:
                return
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                number, work = busy.pop(connection)
                ready[number] = self._receive(connection, work)
                idle.append(connection)
            while done in ready:
                yield ready.pop(done)
                done += 1

    def _send(self, connection: Connection, message: object) -> None:
        try:
            connection.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._died(connection, None) from error

    def _receive(self, connection: Connection, work: Work) -> Tokenised:
        try:
            answer: Tokenised | BaseException = connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._died(connection, work) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _died(self, connection: Connection, work: Work | None) -> DataError:
        return DataError(
            "a process that tokenises died",
            where=work.where if work else None,
            why=cause_of_death(self._processes[connection]),
            hint="set data_config.workers to a smaller number, or to 1 to tokenise in the main process",
        )

    def _stop(self) -> None:
        for connection, process in self._processes.items():
            connection.close()
            process.kill()
        for process in self._processes.values():
            process.communicate()


def _serve(connection: Connection) -> None:
    """Do work until the parent closes the pipe."""
    try:
        tokeniser: Tokeniser = connection.recv()
        while True:
            connection.send(_answer(tokeniser, connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(tokeniser: Tokeniser, work: Work) -> Tokenised | Exception:
    try:
        return tokeniser(work)
    except BrahmaError as error:
        return error
    except Exception:  # a bug: not every exception can be pickled, its text can
        return RuntimeError(f"a process that tokenises failed:\n{traceback.format_exc()}")


if __name__ == "__main__":
    _serve(parent_connection())
