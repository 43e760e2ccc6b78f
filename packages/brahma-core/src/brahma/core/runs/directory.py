"""The folder of a run: its paths, who may write it, and how it stands."""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from brahma.core.errors import RunError
from brahma.core.runs.files import NO_JSON, writable, write_json

Status = Literal["running", "finished", "failed", "interrupted"]


_LOCK_PATIENCE = 1.0  # seconds; a reader that asks whether the run is alive holds the lock for microseconds


@dataclass(frozen=True, kw_only=True)
class RunState:
    """What the writer of a run said last.

    Attributes:
        status: as written; a process that died still says `running` (`Run.status` sees through that).
        pid: the process that wrote this.
        updated: seconds since the epoch.
        step: the last finished step, 0 before the first.
        total_steps: steps of the whole run, None while unknown.
        loss: the last training loss.
        best: name of the best checkpoint's folder.
        best_loss: its evaluation loss.
        best_metric: what it is the best by, as `evaluation.metric` has it.
        best_value: its value of that metric.
        seconds: training time up to the last word, all attempts together.
        message: one line for people: why it failed, what it waits for.
    """

    status: Status
    pid: int = 0
    updated: float = 0.0
    step: int = 0
    total_steps: int | None = None
    loss: float | None = None
    best: str | None = None
    best_loss: float | None = None
    best_metric: str = "loss"
    best_value: float | None = None
    seconds: float = 0.0
    message: str = ""

    @property
    def best_evaluation(self) -> float | None:
        """Value of `best_metric` at the best checkpoint; None when nothing was evaluated."""
        return self.best_loss if self.best_value is None else self.best_value


@dataclass(frozen=True)
class RunDirectory:
    """The paths of one run. Nothing is made or read until a method is called.

    Attributes:
        root: `<output_dir>/runs/<name>`, absolute.
    """

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def output_dir(self) -> Path:
        return self.root.parent.parent

    @property
    def config(self) -> Path:
        """The resolved configuration, with the origin of each value."""
        return self.root / "config.json"

    @property
    def environment(self) -> Path:
        """Python, machine and versions (`brahma.core.environment`)."""
        return self.root / "environment.json"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def superseded(self) -> Path:
        """Rows of `metrics.jsonl` that a resume went back behind."""
        return self.root / "metrics.superseded.jsonl"

    @property
    def pauses(self) -> Path:
        """What was measured where the run was paused, by step (`Run.pauses`)."""
        return self.root / "pauses.json"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def log(self) -> Path:
        return self.output_dir / "logs" / f"{self.name}.log"

    def read_state(self) -> RunState | None:
        """What the writer said last; None when there is no readable `state.json`, so no run."""
        try:
            values = json.loads(self.state.read_bytes())
        except (OSError, *NO_JSON):
            return None
        return _state(values)

    def update_state(self, **changes: Any) -> RunState:
        """Write `state.json` with these fields of `RunState` changed; `pid` and `updated` set themselves.

        For one thread at a time: the process that holds the lock calls it from its main thread.

        Raises:
            RunError: it cannot be written.
        """
        state = self.read_state() or RunState(status="running")
        state = replace(state, **{"pid": os.getpid(), "updated": time.time(), **changes})
        write_json(self.state, asdict(state))
        return state

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process. The system lets go of it when the process dies, however it dies.

        A forked child holds the lock too for as long as it lives, so children must die with their parent.

        Raises:
            RunError: another process writes the run, or the lock file cannot be made.
        """
        with writable(self.root):
            file = (self.root / "run.lock").open("a+", encoding="ascii")
        with file:
            if not _lock(file.fileno(), fcntl.LOCK_EX, patience=_LOCK_PATIENCE):
                file.seek(0)
                raise RunError(
                    f"run {self.name} is being written by process {file.read().strip() or 'unknown'}",
                    where=str(self.root),
                    hint="Wait for it, stop it, or choose another run_name",
                )
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def is_locked(self) -> bool:
        """Whether a living process writes the run."""
        try:
            with open(self.root / "run.lock", "rb") as file:
                return not _lock(file.fileno(), fcntl.LOCK_SH)
        except FileNotFoundError:
            return False


_STATE_HINTS = get_type_hints(RunState)


def _state(values: object) -> RunState | None:
    """What a `state.json` says; None when it is no state, because something else wrote it."""
    if not isinstance(values, dict) or values.get("status") not in get_args(Status):
        return None
    known = {name: values[name] for name in _STATE_HINTS if name in values}
    rest = ((_STATE_HINTS[name], value) for name, value in known.items() if name != "status")
    return RunState(**known) if all(_is_kind(value, hint) for hint, value in rest) else None


def _is_kind(value: object, hint: Any) -> bool:
    """Whether it is of that type; a whole number is a float too, and what is not finite is no number."""
    kinds = get_args(hint) or (hint,)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def _lock(descriptor: int, how: int, patience: float = 0.0) -> bool:
    """Try to get a lock for so many seconds; False when another process keeps it."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True
