"""Paths, folders and globs become a list of data files."""

from __future__ import annotations

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from brahma.core.data_folder import in_data_folder
from brahma.core.errors import DataError
from brahma.core.suggest import nearest
from brahma.data._standard_input import standard_input
from brahma.data.readers import has_reader, reader_of, shown_suffixes

_LISTED = 8
"""Names listed in an error at most."""

_UNFINISHED = (".cleaning", ".augment")
"""Endings of folders in which stopped work waits to be gone on with: no data of the user's."""

_log = logging.getLogger(__name__)


def expand_sources(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """Files that the paths, folders and globs stand for, in the order given; sorted within each.

    A folder is searched to its depths for files with a known ending; hidden ones, and the work of a stopped
    command, are passed over. `-` is standard input. What is not there is looked for in `data/` of the working
    directory.

    Raises:
        DataError: a path that does not exist, a folder or glob without data, an unknown ending, a file
            that is named twice.
    """
    files = [file for path in paths for file in _expand(path)]
    for file in files:
        reader_of(file)
    twice = [file for file, count in Counter(file.resolve() for file in files).items() if count > 1]
    if twice:
        raise DataError(
            "the file is named twice", where=str(twice[0]), hint="Name each file once; use epochs to repeat"
        )
    if not files:
        raise DataError("no data file is named", hint="Give a file, a folder or a glob")
    return tuple(files)


def _expand(path: str | Path) -> list[Path]:
    if not str(path):  # as a path, it would be the working directory
        raise DataError("the path of the data is empty", hint="Give a file, a folder or a glob")
    if str(path) == "-":
        return [standard_input()]
    given = Path(path).expanduser()
    if found := _there(given):
        return found
    placed = in_data_folder(str(given), [Path()])
    if placed is not None and (found := _there(placed)):
        _log.info("%s is not there; %s is read", given, placed)
        return found
    if glob.has_magic(str(given)):
        raise DataError(
            "no file matches", where=str(given), hint="Check the pattern; `**` reaches into folders"
        )
    raise _missing(given)


def _there(given: Path) -> list[Path]:
    """The files that a name stands for; none when there is nothing of that name."""
    if given.is_dir():
        return _folder(given)
    if given.is_file():
        return [given]
    if given.exists():
        raise DataError(
            "a pipe or device is not data: it is read more than once",
            where=str(given),
            hint="Write it into a file first, or pipe it in and name it `-`",
        )
    if not glob.has_magic(str(given)):
        return []
    found = [Path(name) for name in sorted(glob.glob(str(given), recursive=True))]
    return [path for path in found if path.is_file()]


def _folder(folder: Path) -> list[Path]:
    every = list(_walk(folder))
    files = sorted(path for path in every if has_reader(path) and path.is_file())
    if not files:
        names = sorted(str(path.relative_to(folder)) for path in every)
        listed = ", ".join(names[:_LISTED]) + (
            f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        )
        raise DataError(
            "the folder holds no data",
            where=str(folder),
            why=f"files found: {listed}" if names else "it is empty",
            hint=f"Known endings: {shown_suffixes()}",
        )
    return files


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(_UNFINISHED)]
        yield from (Path(root, name) for name in names if not name.startswith("."))


def _unreadable(error: OSError) -> NoReturn:
    """What lies in a folder that cannot be read must not be left out in silence."""
    raise DataError(
        "the folder cannot be read",
        where=str(error.filename),
        why=error.strerror,
        hint="Check its permissions, or name the other files and folders",
    ) from error


def _missing(path: Path) -> DataError:
    siblings = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, siblings)
    hint = (
        f"Did you mean {path.with_name(close)}?"
        if close
        else "Check the path; in a configuration it is relative to that file, else to the working directory"
    )
    return DataError("there is no such file or folder", where=str(path), hint=hint)
