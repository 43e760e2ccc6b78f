"""A run on disk, as people hold it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.checkpoints import list_checkpoints
from brahma.core.error_text import first_line
from brahma.core.errors import RunError
from brahma.core.runs.directory import RunDirectory, RunState, Status
from brahma.core.runs.files import read_metrics, read_object
from brahma.core.suggest import suggestion

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brahma.core.config import Config


class Run:
    """A run on disk, alive or over: its metrics, checkpoints and status, read anew at each access.

    Args:
        directory: its folder, `<output_dir>/runs/<name>`.
    """

    def __init__(self, directory: Path | RunDirectory) -> None:
        self._paths = (
            directory if isinstance(directory, RunDirectory) else RunDirectory(Path(directory).absolute())
        )

    @classmethod
    def open(cls, path_or_name: str | Path, output_dir: str | Path = ".") -> Run:
        """The run of that name in `output_dir/runs`, or in that folder.

        Raises:
            RunError: there is none; the nearest name is given.
        """
        run = cls(Path(path_or_name))
        named = RunDirectory(Path(output_dir).absolute() / "runs" / str(path_or_name))
        if named.read_state() is None and run.paths.read_state() is not None:
            return run
        return cls.named(str(path_or_name), output_dir)

    @classmethod
    def named(cls, name: str, output_dir: str | Path = ".") -> Run:
        """As `open`, by name alone.

        Raises:
            RunError: there is none; the nearest name is given.
        """
        runs = Path(output_dir) / "runs"
        run = cls(runs / name)
        if run.paths.read_state() is not None:
            return run
        if name == run.name and run.directory.is_dir():
            raise _no_run(run)
        known = [run.name for run in list_runs(output_dir)]
        raise RunError(
            f"no run is called {name!r}",
            where=str(runs),
            hint=suggestion(name, known, nothing="There is no run yet; `brahma quickstart` makes one"),
        )

    @property
    def paths(self) -> RunDirectory:
        return self._paths

    @property
    def directory(self) -> Path:
        return self._paths.root

    @property
    def name(self) -> str:
        return self._paths.name

    @property
    def state(self) -> RunState:
        """What the writer said last.

        Raises:
            RunError: the folder holds no readable `state.json`.
        """
        state = self._paths.read_state()
        if state is None:
            raise _no_run(self)
        return state

    @property
    def status(self) -> Status:
        """`running`, `finished`, `failed` or `interrupted`; a writer that died is `interrupted`."""
        return self.status_of(self.state)

    def status_of(self, state: RunState) -> Status:
        """As `status`, for what was read of the run's state already."""
        dead = state.status == "running" and not self._paths.is_locked()
        return "interrupted" if dead else state.status

    @property
    def checkpoints(self) -> list[Path]:
        """Folders of the complete checkpoints (those with a manifest), by step."""
        return list_checkpoints(self._paths.checkpoints)

    @property
    def last(self) -> Path:
        """The newest checkpoint.

        Raises:
            RunError: the run has none.
        """
        if checkpoints := self.checkpoints:
            return checkpoints[-1]
        raise RunError(
            f"run {self.name} has no checkpoint",
            where=str(self._paths.checkpoints),
            hint="A checkpoint is written every `save_steps` steps and at the end of the run",
        )

    @property
    def best(self) -> Path:
        """The checkpoint that is best by the run's `evaluation.metric`, the loss unless it says other.

        The newest one when nothing was evaluated.

        Raises:
            RunError: the run has no checkpoint.
        """
        best = self.state.best
        named = [folder for folder in self.checkpoints if folder.name == best]
        return named[0] if named else self.last

    @property
    def config(self) -> Config:
        """The configuration that the run began with.

        Raises:
            RunError: `config.json` cannot be read, or another version wrote it.
        """
        from pydantic import ValidationError

        from brahma.core.config import Config

        try:
            return Config.model_validate(self.read_config())
        except ValidationError as error:
            raise RunError(
                "this version cannot read the configuration of the run",
                where=str(self._paths.config),
                why=first_line(error),
                hint="`Run.read_config` gives it as it is written",
            ) from error

    @property
    def log(self) -> Path:
        """Where the log lies: `<output_dir>/logs/<name>.log`."""
        return self._paths.log

    def read_config(self) -> dict[str, Any]:
        """The configuration as `config.json` has it, by sections.

        Raises:
            RunError: it cannot be read.
        """
        document = read_object(self._paths.config)
        config = document.get("config", document)
        return config if isinstance(config, dict) else {}

    def read_environment(self) -> dict[str, Any]:
        """Machine and versions as `environment.json` has them.

        Raises:
            RunError: it cannot be read.
        """
        return read_object(self._paths.environment)

    def read_ledger(self) -> dict[str, Any]:
        """What became of each row and token, as `ledger.json` has it.

        Raises:
            RunError: it cannot be read.
        """
        return read_object(self._paths.ledger)

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of `metrics.jsonl`, oldest first; see `read_metrics`."""
        return read_metrics(self._paths.metrics)

    @property
    def pauses(self) -> dict[int, dict[str, float | None]]:
        """What was measured at each step at which the run was paused (`Trainer.fit(until_step=…)`).

            run.pauses[500]["eval/loss"]

        The whole validation set and all tasks, under the keys of `metrics()`; None: no finite number. They
        stand beside the metrics, which are those of a run that was never paused.

        Raises:
            RunError: the file cannot be read.
        """
        if not self._paths.pauses.exists():
            return {}
        return {int(step): figures for step, figures in read_object(self._paths.pauses).items()}

    def to_pandas(self) -> pd.DataFrame:
        """The metrics as a table: a row for each step, a column for each metric.

        Whole numbers are integers (`Int64` where a step has none), `time` is a moment in UTC, and what was
        no finite number is that number.

        Raises:
            RunError: a line of the metrics is no row.
            MissingDependencyError: pandas is not installed.
        """
        from brahma.core.frame import read_frame

        return read_frame(self._paths.metrics)

    def plot(self, path: str | Path | None = None, *, compare: Sequence[Run] = ()) -> Figure:
        """Draw loss, learning rate, gradient norm and rate by step; a notebook shows what is returned.

        Args:
            path: where to save it too; the ending chooses the format: png, svg, pdf, …
            compare: runs to draw over this one.

        Raises:
            RunError: no loss is logged yet, the format is unknown, or `path` cannot be written.
            MissingDependencyError: matplotlib is not installed.
        """
        from brahma.core.plot import plot_runs, save_figure

        figure = plot_runs([self, *compare])
        if path is not None:
            save_figure(figure, Path(path))
        return figure

    def delete(self) -> None:
        """Delete the run: its folder with all checkpoints, and its log.

        Raises:
            RunError: it is being written, is no run, or cannot be deleted.
        """
        from brahma.core.deletion import delete_run

        delete_run(self)

    def __repr__(self) -> str:
        state = self._paths.read_state()
        if state is None:
            return f"<Run {str(self.directory)!r}: no run there>"
        steps = f"step {state.step}" + (f" of {state.total_steps}" if state.total_steps else "")
        loss = "" if state.loss is None else f", loss {state.loss:.4g}"
        return f"<Run {self.name!r}: {self.status_of(state)}, {steps}{loss}, in {str(self.directory)!r}>"


def list_runs(output_dir: str | Path = ".") -> list[Run]:
    """All runs in `output_dir/runs`, the one written last first.

    A folder without `state.json` is no run, nor is one whose name begins with a dot.
    """
    runs = Path(output_dir).absolute() / "runs"
    if not runs.is_dir():
        return []
    found = []
    with os.scandir(runs) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # what `Run.delete` has not finished with
                continue
            directory = RunDirectory(Path(entry.path))
            state = directory.read_state()
            if state is not None:
                found.append((state.updated, directory.name, directory))
    return [Run(directory) for _, _, directory in sorted(found, reverse=True, key=lambda each: each[:2])]


def _no_run(run: Run) -> RunError:
    return RunError(
        f"{run.name} is not a run",
        where=str(run.directory),
        why="it has no readable state.json",
        hint="`brahma runs list` shows the runs there are",
    )
