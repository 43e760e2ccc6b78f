"""What is written: over nothing, and so that it survives a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from brahma.core.errors import ModelError


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_existing(output: Path) -> None:
    """A model is never written over something, nor below a file.

    Raises:
        ModelError: there is something of that name, or what should be a folder is a file.
    """
    hint = "choose another --output"
    if output.exists():
        raise ModelError("the output exists already", where=str(output), hint=hint)
    above = next(parent for parent in output.absolute().parents if parent.exists())
    if not above.is_dir():
        raise ModelError(
            "the output cannot be written", where=str(output), why=f"{above} is a file", hint=hint
        )
