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
    """A model is never written over something.

    Raises:
        ModelError: there is something of that name.
    """
    if output.exists():
        raise ModelError("the output exists already", where=str(output), hint="choose another --output")
