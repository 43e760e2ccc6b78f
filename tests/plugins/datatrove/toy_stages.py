"""Tasks for executors: they write, fail as ours do, fail as bugs do, or die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from brahma.core.errors import DataError
from brahma.data.cleaning.executors import Stage


def write(folder: Path, stage: str, number: int) -> None:
    with (folder / f"{stage}-{number}").open("a") as file:
        file.write("done\n")


def refuse(folder: Path, number: int) -> None:
    if number == 1 and not (folder / "mended").exists():
        raise DataError("the row is torn", where="rows.jsonl:3", hint="Take it out.")
    write(folder, "second", number)


def stumble(folder: Path, number: int) -> None:
    if number == 1:
        raise ZeroDivisionError("a bug")


def die(folder: Path, number: int) -> None:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def stages(folder: Path, second: Callable[[Path, int], None] | None = None) -> list[Stage]:
    """Three tasks that write, then two that do what is asked for."""
    then = partial(write, folder, "second") if second is None else partial(second, folder)
    return [Stage("1-read", 3, partial(write, folder, "first")), Stage("2-write", 2, then)]
