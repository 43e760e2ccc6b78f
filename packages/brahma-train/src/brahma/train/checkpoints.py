"""Checkpoints: built aside, hashed, renamed into place; a kill at any instant leaves the last one whole.

    checkpoints/checkpoint-<step>/
        model.safetensors config.json generation_config.json   what any tool loads; of an adapter run
        adapter_model.safetensors adapter_config.json …         what peft loads, and the record of its base
        tokenizer.json …                                        the tokenizer, its template with it
        optimizer.safetensors                                   masters and moments, float32
        trainer_state.json                                      step, order, precision, …
        manifest.json                                           sizes and SHA-256 of all others, written last

A folder without a valid manifest does not exist for the reader.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from brahma.core.checkpoints import MANIFEST, verify, write_manifest
from brahma.core.disk import flush
from brahma.core.errors import CheckpointError
from brahma.core.model_files import ADAPTER_WEIGHTS, MODEL_WEIGHTS, is_adapter
from brahma.core.progress import progress

_OPTIMIZER = "optimizer.safetensors"
_RETRY_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """All that a checkpoint holds, apart from the training that goes on.

    Attributes:
        step: steps done.
        model: tensors by the names of the file, in the model's dtype; tied ones once.
        optimizer: tensors of the optimizer, by `<kind>/<parameter>`.
        state: JSON-able, `trainer_state.json`.
        write_rest: writes configuration and tokenizer into a folder.
        best: folder of the best checkpoint so far, which is kept; None: there is none.
        model_file: where `model` goes.
    """

    step: int
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    state: Mapping[str, Any]
    write_rest: Callable[[Path], None]
    best: str | None = None
    model_file: str = MODEL_WEIGHTS


def write_checkpoint(checkpoints: Path, snapshot: Snapshot) -> Path:
    """Write one checkpoint; it appears whole or not at all.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    building = checkpoints / f".tmp-{snapshot.step}"
    final = checkpoints / f"checkpoint-{snapshot.step}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        _fill(building, snapshot)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)  # a full disk needs the room
        raise
    if final.exists():
        aside = checkpoints / f".old-{snapshot.step}"
        shutil.rmtree(aside, ignore_errors=True)
        final.rename(aside)
        building.rename(final)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        building.rename(final)
    flush(checkpoints)
    return final


def _fill(folder: Path, snapshot: Snapshot) -> None:
    snapshot.write_rest(folder)
    for name, tensors in ((snapshot.model_file, snapshot.model), (_OPTIMIZER, snapshot.optimizer)):
        save_file(dict(tensors), folder / name, metadata={"format": "pt"})
    (folder / "trainer_state.json").write_text(json.dumps(snapshot.state, indent=1, allow_nan=False) + "\n")
    for path in folder.rglob("*"):
        flush(path)
    write_manifest(folder)
    flush(folder / MANIFEST)
    flush(folder)


def disk_is_full(error: BaseException | None) -> bool:
    """Whether that is why a file could not be written; tokenizers and safetensors only tell it in words."""
    full = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in full
    return any(f"os error {number}" in str(error) or os.strerror(number) in str(error) for number in full)


def verify_checkpoint(folder: Path) -> dict[str, Any]:
    """Check sizes and hashes of all files; the checkpoint's `trainer_state.json`.

    Raises:
        CheckpointError: a file is missing, cut short or changed; it is named.
    """
    verify(folder, needed=(_weights(folder), _OPTIMIZER, "trainer_state.json"))
    state: dict[str, Any] = json.loads((folder / "trainer_state.json").read_text())
    return state


def load_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of the model, or of its adapter, and of the optimizer."""
    return load_file(folder / _weights(folder)), load_file(folder / _OPTIMIZER)


def _weights(folder: Path) -> str:
    """The file that holds what was trained."""
    return ADAPTER_WEIGHTS if is_adapter(folder) else MODEL_WEIGHTS


def newest_valid(
    checkpoints: Path, damaged: Callable[[CheckpointError], None]
) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, and its state; None when there is none at all.

    Args:
        damaged: told of each newer one that is not.

    Raises:
        CheckpointError: there are checkpoints, and all are damaged.
    """
    error: CheckpointError | None = None
    for folder in reversed(list_checkpoints(checkpoints)):
        try:
            with progress(f"checking {folder.name}"):
                return folder, verify_checkpoint(folder)
        except CheckpointError as found:
            error = found
            damaged(found)
    if error is not None:
        raise CheckpointError(
            "no checkpoint of this run is whole",
            where=str(checkpoints),
            why=f"{error.where}: {error.why}",
            hint="copy a whole one back, or start a new run under another run_name",
        )
    return None


def list_checkpoints(checkpoints: Path) -> list[Path]:
    """Folders named `checkpoint-<step>`, by step, damaged ones too."""
    found = [
        (_step(folder), folder)
        for folder in checkpoints.glob("checkpoint-*")
        if folder.name.removeprefix("checkpoint-").isdecimal()
    ]
    return [folder for _, folder in sorted(found)]


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("checkpoint-"))


def prune(checkpoints: Path, *, newest: int, keep: int, best: str | None) -> None:
    """Remove all but `keep` checkpoints and the best one.

    Args:
        newest: step of the one just written. Later ones are damaged, and count for nothing: the run went back
            behind them and will write them again.
    """
    for folder in [folder for folder in list_checkpoints(checkpoints) if _step(folder) <= newest][:-keep]:
        if folder.name != best:
            aside = folder.with_name(f".old-{folder.name}")
            folder.rename(aside)  # first out of the reader's sight, then gone
            shutil.rmtree(aside, ignore_errors=True)


def sweep(checkpoints: Path) -> None:
    """Tidy what a killed writer left behind. For the process that holds the run's lock."""
    for aside in checkpoints.glob(".old-*"):  # killed before the new one was in its place
        final = checkpoints / f"checkpoint-{aside.name.removeprefix('.old-')}"
        if final.name.removeprefix("checkpoint-").isdecimal() and not final.exists():
            aside.rename(final)
    for left in [*checkpoints.glob(".tmp-*"), *checkpoints.glob(".old-*")]:
        shutil.rmtree(left, ignore_errors=True)


class CheckpointWriter:
    """Writes checkpoints in a thread beside the training, one at a time.

    A full disk does not fail a run: the writer waits and tries again until there is room, and `blocked`
    says so, for the training to wait as well.

    Args:
        checkpoints: the run's folder of them.
        keep: newest ones kept.
        saved: told of each that is on the disk, with the best one so far; in the writer's thread.
    """

    def __init__(
        self, checkpoints: Path, *, keep: int, saved: Callable[[str, str | None], None] | None = None
    ) -> None:
        self._checkpoints = checkpoints
        self._keep = keep
        self._saved = saved
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._give_up = threading.Event()
        self.blocked: str | None = None

    def submit(self, snapshot: Snapshot) -> None:
        """Begin to write; first wait for the one before.

        Raises:
            CheckpointError: the one before failed.
        """
        self.wait()
        self._thread = threading.Thread(target=self._write, args=(snapshot,), name="checkpoint-writer")
        self._thread.start()

    def wait(self, poll: Callable[[], None] | None = None) -> None:
        """Until nothing is being written; `poll` is called every tenth of a second.

        Raises:
            CheckpointError: the write failed.
        """
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.1)
            if poll is not None:
                poll()
        self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise CheckpointError(
                "the checkpoint cannot be written",
                where=str(getattr(error, "filename", None) or self._checkpoints),
                why=str(error) or type(error).__name__,
                hint="check the folder's permissions and the disk, then go on with --resume auto",
            ) from error

    def give_up(self) -> None:
        """Stop waiting for room; the checkpoint before stays the newest, and `blocked` still says why."""
        self._give_up.set()

    def close(self) -> None:
        """Finish what is being written, without waiting for room; an error goes to the log."""
        self.give_up()
        try:
            self.wait()
        except CheckpointError:
            _log.exception("beside what ended the run")

    def _write(self, snapshot: Snapshot) -> None:
        try:
            with progress(f"saving checkpoint-{snapshot.step}"):
                while not self._written(snapshot):
                    if self._give_up.wait(_RETRY_SECONDS):
                        return
            prune(self._checkpoints, newest=snapshot.step, keep=self._keep, best=snapshot.best)
        except BaseException as error:  # handed to the training thread by `wait`
            self._error = error

    def _written(self, snapshot: Snapshot) -> bool:
        """False when the disk is full."""
        try:
            write_checkpoint(self._checkpoints, snapshot)
        except Exception as error:
            if not disk_is_full(error):
                raise
            self.blocked = (
                f"disk full: checkpoint {snapshot.step} cannot be written to {self._checkpoints}. "
                "Training waits; free some space and it goes on by itself"
            )
            return False
        self.blocked = None
        if self._saved is not None:
            self._saved(f"checkpoint-{snapshot.step}", snapshot.best)
        return True
