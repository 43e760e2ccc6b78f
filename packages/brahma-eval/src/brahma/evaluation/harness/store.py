"""Responses of models, kept as they come: a killed evaluation goes on, and a repeated one computes nothing.

A response is known by the model (`identity.py`), the kind of request and its arguments: the whole text that
the model was given, and how it was to write. Figures are never kept: they are computed from the responses by
the task as it is now, so a task of another version, whose prompts differ, asks anew.

One sqlite3 file, responses as JSON, each with a checksum. Whatever the disk does, the evaluation goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

FILE = "responses.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (key BLOB PRIMARY KEY, response TEXT, checksum INT) WITHOUT ROWID
"""
_COLUMNS = ("key", "response", "checksum")
_WRITE_EVERY = 0.5  # seconds of responses that a kill costs at most
_ASKED_AT_ONCE = 500  # keys in one question; sqlite takes 999 everywhere
_PATIENCE = 30.0  # seconds to wait for another evaluation that writes

_log = logging.getLogger(__name__)


def request_key(identity: str, kind: str, arguments: Sequence[Any]) -> bytes:
    """What a response is kept under.

    Args:
        identity: of the model, and of all else that changes what it says.
        kind: `loglikelihood`, `loglikelihood_rolling` or `generate_until`.
        arguments: of the request; what JSON has no word for is taken by its `str`.
    """
    text = json.dumps([identity, kind, *arguments], ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class ResponseStore:
    """Responses by key in one file; several processes may use it at once.

    Args:
        path: the file; its folder is made. One that is damaged is moved aside, and said.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: dict[bytes, str] = {}
        self._written_at = time.monotonic()
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """The responses that are kept, by key; what is damaged is not."""
        found: dict[bytes, Any] = {}
        with self._guarded():
            for start in range(0, len(keys), _ASKED_AT_ONCE):
                for key, text, checksum in self._ask(keys[start : start + _ASKED_AT_ONCE]):
                    if checksum == _checksum(key, text):
                        found[key] = json.loads(text)
        return found

    def put(self, key: bytes, response: Any) -> None:
        """Keep a response; it waits for others for half a second, or for `flush`."""
        self._pending[key] = json.dumps(response)
        if time.monotonic() - self._written_at > _WRITE_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        rows = [(key, text, _checksum(key, text)) for key, text in self._pending.items()]
        self._pending.clear()
        self._written_at = time.monotonic()
        with self._guarded():
            if self._database is not None and rows:
                with self._database:  # one transaction: a kill leaves all of it or nothing
                    self._database.executemany("INSERT OR REPLACE INTO responses VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        self.flush()
        self._let_go()

    def _ask(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, str, int]]:
        if self._database is not None:
            marks = ",".join("?" * len(keys))
            yield from self._database.execute(f"SELECT * FROM responses WHERE key IN ({marks})", keys)

    def _open(self) -> None:
        """Raises sqlite3.DatabaseError, but not for a file that is no database: that one is moved aside."""
        with _alone(self.path):
            try:
                self._database = _connect(self.path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                self._move_aside(error)
                self._database = _connect(self.path)
            self._inode = self.path.stat().st_ino

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        """Go on with another file, whatever is wrong with this one."""
        self._let_go()
        with _alone(self.path):
            if self.path.exists() and self.path.stat().st_ino == self._inode:
                self._move_aside(error)  # else another process was faster
        self._open()

    def _move_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        for ending in ("-wal", "-shm"):  # they belong to what was there
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        self.path.replace(aside)
        _log.warning(
            "%s: the responses that earlier evaluations kept are damaged (%s); they are computed anew, and "
            "the file is now called %s",
            self.path,
            error,
            aside.name,
        )

    def _let_go(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
        self._database = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Nothing that happens to the file stops an evaluation; it is said."""
        try:
            try:
                yield
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                self._begin_anew(error)
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            _log.warning(
                "%s: responses cannot be kept (%s): the evaluation goes on; stopped, it would begin anew",
                self.path,
                error,
            )


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
        database.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last responses, no more
        with database:
            database.execute(_SCHEMA)
        columns = tuple(row[1] for row in database.execute("PRAGMA table_info(responses)"))
        if columns != _COLUMNS:
            raise sqlite3.DatabaseError(f"its columns are {', '.join(columns)}")
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time opens the file or moves it."""
    with path.with_name(f".{path.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _checksum(key: bytes, text: str) -> int:
    return zlib.crc32(text.encode(), zlib.crc32(key))
