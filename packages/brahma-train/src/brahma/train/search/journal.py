"""The study's storage: optuna's journal in a file, or a database by its URL."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from brahma.core.error_text import first_line
from brahma.core.errors import MissingDependencyError, RunError
from brahma.core.extras import needs
from brahma.core.passwords import without_passwords
from brahma.core.runs.files import writable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.storages.journal import JournalFileBackend

_BUSY_SECONDS = 60  # that a process waits for another one's write into an SQLite file


def open_storage(place: str, folder: Path) -> BaseStorage:
    """The storage that `search.storage` names; it is made if it is not there.

    Args:
        place: `journal`, an absolute path, or a URL.
        folder: of the search, where the journal lies.

    Raises:
        RunError: it cannot be opened; MissingDependencyError: optuna, or the database's driver, is missing.
    """
    with needs("brahma-train[search]", "a search for better settings"):
        import optuna
        from optuna.storages import JournalStorage, RDBStorage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if "://" not in place:
        path = folder / "study.journal" if place == "journal" else Path(place)
        with writable(path), storage_errors(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            return JournalStorage(_journal(path))
    with _driver(place), storage_errors(place):
        waiting = {"connect_args": {"timeout": _BUSY_SECONDS}} if place.startswith("sqlite") else {}
        return RDBStorage(place, engine_kwargs=waiting)


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Say which storage failed, and how, in place of its library's own errors."""
    import sqlalchemy.exc
    from optuna.exceptions import OptunaError

    try:
        yield
    except (OptunaError, sqlalchemy.exc.SQLAlchemyError, ValueError, RuntimeError, KeyError) as error:
        raise RunError(
            "the study's storage failed",
            where=without_passwords(place),
            why=f"{type(error).__name__}: {without_passwords(first_line(error))}",
            hint="check search.storage; `journal` keeps the study in a file beside the runs",
        ) from error


@contextmanager
def _driver(place: str) -> Iterator[None]:
    """Say which library a database is reached by, where it is not installed."""
    try:
        yield
    except ImportError as error:
        cause = error.__cause__ or error  # optuna's own words do not name it
        name = getattr(cause, "name", None)
        raise MissingDependencyError(
            f"the storage {without_passwords(place)} needs the driver of that database",
            why=str(cause),
            hint=f"pip install {name}" if name else "install it, or name another in the URL",
        ) from error


class _Flock:
    """A lock for optuna's journal that the system lets go of when its holder dies.

    (optuna's own outlives a killed process by half a minute.) Whoever holds it finds no torn line: to append
    to one that a killed process left, or a full disk, would spoil the next.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = journal.with_name(f"{journal.name}.lock")
        self._held: IO[bytes] | None = None

    def acquire(self) -> bool:
        self._held = self._path.open("ab")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        _drop_torn_line(self._journal)
        return True

    def release(self) -> None:
        assert self._held is not None
        self._held.close()


def _journal(path: Path) -> JournalFileBackend:
    """optuna's file, under our lock, without a torn line."""
    from optuna.storages.journal import JournalFileBackend

    lock = _Flock(path)
    lock.acquire()
    lock.release()
    return JournalFileBackend(str(path), lock_obj=cast(Any, lock))  # its base class is not public


def _drop_torn_line(path: Path) -> None:
    """Cut what a killed process left of its last line: nothing was told that it is stored."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
