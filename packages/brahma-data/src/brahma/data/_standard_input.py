"""Standard input as a file: data is read more than once, so what is piped in is spooled."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from brahma.core.errors import DataError
from brahma.data._streams import open_stream

_MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"BZh": ".bz2", b"\xfd7zXZ\0": ".xz"}
_HEAD = 1 << 12
_OBJECT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*["}]')
_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*[\]{]")


@cache
def standard_input(ending: str | None = None) -> Path:
    """A file with all of standard input; it is removed when the program ends. Read once for the process.

    Args:
        ending: the format, such as `.csv` or `.jsonl.gz`; None recognises Parquet, JSON Lines, a JSON array
            and their compressions by the first bytes, and takes all else for plain text.

    Raises:
        DataError: nobody pipes anything in, nothing came, or there is no room to spool it.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError(
            "nothing is piped into standard input", where="-", hint="For example: zcat rows.gz | brahma …  -"
        )
    folder = tempfile.TemporaryDirectory(prefix="brahma-", ignore_cleanup_errors=True)
    _KEPT.append(folder)
    spooled = Path(folder.name, "stdin")
    try:
        with spooled.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        return spooled.rename(spooled.with_name(f"stdin{ending or _recognised(spooled)}"))
    except OSError as error:
        raise DataError(
            "standard input cannot be spooled",
            where=str(spooled),
            why=error.strerror,
            hint="Free some space, or set TMPDIR to a folder with more",
        ) from error


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that are removed with this list, when the program ends."""


def _recognised(spooled: Path) -> str:
    """The ending for what the file holds."""
    with open_stream(spooled) as stream:
        head = stream.read(_HEAD)
    if not head:
        raise DataError("standard input is empty", where="-", hint="Check the command before the pipe")
    if head.startswith(b"PAR1"):
        return ".parquet"
    compression = next((ending for magic, ending in _MAGIC.items() if head.startswith(magic)), "")
    if compression:
        named = spooled.with_name(f"stdin{compression}")
        named.symlink_to(spooled)
        with open_stream(named) as stream:
            head = stream.read(_HEAD)
    if _OBJECT.match(head):
        return f".jsonl{compression}"
    return f".json{compression}" if _ARRAY.match(head) else f".txt{compression}"
