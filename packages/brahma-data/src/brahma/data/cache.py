"""Folders that are built once and never changed: tokenised sources and pack tables.

A folder is built under another name beside its place, flushed to disk and renamed; its `manifest.json` is
written last and lists the size of every file. So a folder with a true manifest is whole, whatever was
killed when, and processes that build the same one at once do not hurt each other: the first to finish wins.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brahma.core.disk import flush
from brahma.core.errors import DataError

MANIFEST = "manifest.json"

_STALE = 3600.0  # seconds after which a build folder that nobody locks is taken for a killed process's
_REFUSED = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST,
}  # fmt: skip


class DamagedDataError(DataError):
    """Prepared data is damaged or gone; preparing it again from the sources brings it back."""


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a whole folder; None when it is absent, or a file is missing or of another size."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if whole else None


def build_once(folder: Path, write: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The manifest of `folder`, which `write` fills if it is not whole already.

    Args:
        folder: its final place.
        write: writes files into the empty folder it is given and returns what else the manifest shall say.

    Raises:
        DataError: the disk is full or the place cannot be written; nothing is left behind.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        return manifest
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        _build(folder, write)
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(
            "prepared data was removed while it was being built",
            where=str(folder),
            hint="is another process cleaning this folder? Start again",
        )
    return manifest


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the disk refuses (full, read-only, no permission, a file in the way) into a DataError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise DataError(
            "prepared data cannot be written",
            where=str(place),
            why=str(error),
            hint="Free some space, or choose a folder that can be written (in a configuration: output_dir)",
        ) from error


def _build(folder: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    descriptor = os.open(building, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # freed when this process dies; see _sweep
        manifest = write(building)
        files = sorted(path for path in building.rglob("*") if path.is_file())
        sizes = {path.relative_to(building).as_posix(): path.stat().st_size for path in files}
        manifest_path = building / MANIFEST
        manifest_path.write_text(json.dumps({**manifest, "files": sizes}, indent=1) + "\n", encoding="utf-8")
        for path in [*files, manifest_path]:
            flush(path)
        os.fsync(descriptor)
        _install(building, folder)
    finally:
        os.close(descriptor)
        shutil.rmtree(building, ignore_errors=True)


def _install(building: Path, folder: Path) -> None:
    """Rename into place; a whole folder that is there already stays, a damaged one is removed."""
    parent = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(parent, fcntl.LOCK_EX)  # one at a time looks and renames
        if read_manifest(folder) is not None:
            return
        if folder.exists():
            folder.rename(building.with_suffix(".damaged.tmp"))
            shutil.rmtree(building.with_suffix(".damaged.tmp"))
        building.rename(folder)
        os.fsync(parent)
    finally:
        os.close(parent)


def _sweep(parent: Path) -> None:
    """Remove build folders that killed processes left behind."""
    for path in parent.glob(".*.tmp"):
        with suppress(
            FileNotFoundError, BlockingIOError
        ):  # another process finished with it, or still builds
            if time.time() - path.stat().st_mtime > _STALE:
                _remove_unlocked(path)


def _remove_unlocked(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
