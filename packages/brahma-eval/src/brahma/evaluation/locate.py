"""From what a user calls a model to the folder it lies in. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from brahma.core.checkpoints import MANIFEST, verify
from brahma.core.errors import CheckpointError, ModelError
from brahma.core.model_files import ADAPTER_CONFIG, ADAPTER_RECORD, MODEL_CONFIG
from brahma.core.runs import Run, RunDirectory, list_runs
from brahma.core.suggest import nearest, suggestion

_NOT_READ = (
    "optimizer.safetensors",  # only a resume reads these: most of the bytes
    "trainer_state.json",
    ADAPTER_RECORD,  # a base that was moved is written there
)
_MODELS = (MODEL_CONFIG, ADAPTER_CONFIG)
"""A folder with one of these holds a model, or an adapter of one."""


def locate_model(reference: str | Path, *, output_dir: str | Path = ".") -> str:
    """The folder or hub id that a model can be loaded from.

    Args:
        reference: a run's name in `output_dir/runs`, a run's folder (its best checkpoint is taken), a
            checkpoint's, model's or adapter's folder, or a hub id. What is close to a run's name is taken for
            that run, misspelt: write such a hub id with its owner.

    Raises:
        ModelError: nothing of that name; the nearest run is given.
        RunError: the run has no checkpoint.
        CheckpointError: the checkpoint is damaged; the file is named.
    """
    name = str(reference)
    for folder in (Path(output_dir) / "runs" / name, Path(name).expanduser()):
        if RunDirectory(folder).read_state() is not None:
            return str(_verified(Run(folder).best))
        if any((folder / name).is_file() for name in _MODELS):
            return str(_verified(folder))
    runs = [run.name for run in list_runs(output_dir)]
    misspelt = "/" not in name and nearest(name, runs) is not None
    if misspelt or _is_path(name) or Path(name).expanduser().exists():
        raise _not_found(name, runs)
    return name


def _verified(folder: Path) -> Path:
    if (folder / MANIFEST).is_file():
        verify(folder, without=_NOT_READ)
    elif RunDirectory(folder.absolute().parent.parent).read_state() is not None:
        raise CheckpointError(
            "the checkpoint is not whole",
            where=str(folder),
            why=f"it has no {MANIFEST}, which is written last: the process died while it saved",
            hint="Give the run's name or folder: its newest whole checkpoint is taken",
        )
    return folder


def _is_path(name: str) -> bool:
    """Whether it cannot be a hub id, which is `name` or `owner/name`."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name


def _not_found(name: str, runs: list[str]) -> ModelError:
    path = Path(name).expanduser()
    what = "there is no such model"
    if path.exists():
        what = "there is no model in that folder" if path.is_dir() else "this is a file, not a model's folder"
    return ModelError(
        what,
        where=name,
        why=f"it holds no {_MODELS[0]} and no {_MODELS[1]}" if path.is_dir() else None,
        hint=suggestion(
            name, runs, nothing="Give a run's name or folder, a checkpoint, a model folder, or a hub id"
        ),
    )
