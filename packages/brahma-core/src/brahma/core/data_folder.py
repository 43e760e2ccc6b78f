"""Files that were placed in `data/` are found by their name alone."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

FOLDER = "data"


def in_data_folder(name: str, roots: Iterable[Path]) -> Path | None:
    """The file, folder or glob of this name in the `data/` of the first root that has it.

    Args:
        name: as the user wrote it; one that is absolute is looked for nowhere else.
    """
    if os.path.isabs(name):
        return None
    for root in roots:
        path = root / FOLDER / name
        pattern = os.path.join(glob.escape(str(root / FOLDER)), name)
        if path.exists() or (glob.has_magic(name) and any(glob.iglob(pattern, recursive=True))):
            return path
    return None
