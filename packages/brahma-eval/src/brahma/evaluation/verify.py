"""A checkpoint is used only as it was written: its files are held against its manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from brahma.core.errors import CheckpointError

MANIFEST = "manifest.json"
_NOT_READ = frozenset({"optimizer.safetensors", "trainer_state.json"})
"""What only a resume reads; it is most of a checkpoint's bytes."""


def verify_model(folder: Path) -> None:
    """Check size and SHA-256 of each file that a model or tokenizer is loaded from.

    A folder without a manifest is no checkpoint of ours, and is not checked.

    Raises:
        CheckpointError: a file is missing, cut short or changed; it is named.
    """
    if not (folder / MANIFEST).is_file():
        return
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        expected = {name: (int(file["size"]), str(file["sha256"])) for name, file in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder / MANIFEST, f"the manifest cannot be read ({type(error).__name__})") from error
    for name, (size, sha256) in expected.items():
        if name not in _NOT_READ and (problem := _problem(folder / name, size, sha256)):
            raise _damaged(folder / name, problem)


def _problem(path: Path, size: int, sha256: str) -> str | None:
    if not path.is_file():
        return "the file is missing"
    found = path.stat().st_size
    if found != size:
        return f"it has {found:,} bytes instead of {size:,}"
    with path.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return None if same else "its content has changed: the SHA-256 differs"


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        "the checkpoint is damaged",
        where=str(path),
        why=why,
        hint="Use another checkpoint of the run, or copy this one again",
    )
