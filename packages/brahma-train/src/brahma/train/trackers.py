"""Trackers: where metrics go beside `metrics.jsonl`.

A tracker receives each logged row. One that raises is named once, with the distribution it came from, and
passed over: it never stops a run.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from brahma.core.errors import BrahmaError
from brahma.core.plugins import check_stop, get_plugins
from brahma.train.monitor.metrics import METRICS, last_step

if TYPE_CHECKING:
    from brahma.core.config.sections import Choice, Config

Row = dict[str, Any]
"""A row of `metrics.jsonl`: `step`, `attempt`, `time`, then values keyed like `train/loss`."""

_log = logging.getLogger(__name__)


class Tracker(Protocol):
    """What a `TrackerEntry` makes. Called by the training thread between steps: return quickly."""

    def log(self, step: int, row: Row) -> None:
        """Take a row. A value may be None (no finite number); the row is shared, so do not change it."""

    def close(self) -> None:
        """The run ends; called once."""


_WINDOW = 5
"""Rows after which it is looked at how long trackers take; the first row, which opens things, aside."""
_SHARE = 0.1
"""Part of a training's time above which a tracker is named."""
_FREE = 0.25
"""Seconds of a window that nobody misses: the steps of tiny models are shorter than a row."""


class Trackers:
    """Several trackers as one; the ones that raise are passed over, the ones that are slow are named once.

    Args:
        trackers: by the name that a warning calls it, such as `tensorboard (brahma-train 0.1.0)`.
        seconds: a clock.
    """

    def __init__(
        self, trackers: Mapping[str, Tracker], *, seconds: Callable[[], float] = time.perf_counter
    ) -> None:
        self._trackers = dict(trackers)
        self._seconds = seconds
        self._rows = 0
        self._began = 0.0
        self._taken = dict.fromkeys(trackers, 0.0)

    def log(self, step: int, row: Row) -> None:
        """Hand a row to each."""
        for name, tracker in list(self._trackers.items()):
            began = self._seconds()
            try:
                tracker.log(step, dict(row))
                if name in self._taken:
                    self._taken[name] += self._seconds() - began
            except BaseException as error:  # a stranger's code: named in the log, and the run goes on
                check_stop(error)
                del self._trackers[name]
                _log.warning("tracker %s failed at step %d and is passed over", name, step, exc_info=True)
        self._look_at_the_time()

    def _look_at_the_time(self) -> None:
        """After each window of rows, name the trackers that took much of the time since the last one."""
        if self._rows % _WINDOW == 0:
            now = self._seconds()
            for name, taken in list(self._taken.items()):
                if self._rows and taken > max(_FREE, _SHARE * (now - self._began)):
                    share = 100 * taken / (now - self._began)
                    _log.warning("tracker %s takes %.0f %% of the training's time", name, share)
                    del self._taken[name]  # said once
            self._taken = dict.fromkeys(self._taken, 0.0)
            self._began = now
        self._rows += 1

    def close(self) -> None:
        for name, tracker in self._trackers.items():
            try:
                tracker.close()
            except BaseException as error:
                check_stop(error)
                _log.warning("tracker %s failed at the end of the run", name, exc_info=True)


def open_trackers(choices: Sequence[Choice], run_directory: Path, config: Config) -> Trackers:
    """Make the trackers that `training_config.trackers` names. On a resume, call after `rewind`.

    Raises:
        PluginError: nobody brings a tracker of that name, or its code cannot be imported.
        ConfigError: options that the tracker does not take.
        BrahmaError: what else a tracker says about its own configuration.
    """
    opened: dict[str, Tracker] = {}
    for index, choice in enumerate(choices):
        where = f"training_config.trackers[{index}]"
        found = get_plugins().registration("tracker", choice.name, where)
        options = get_plugins().options(found.entry, choice, where)
        make = found.load(where)
        name = f"{choice.name} ({found.origin})"
        try:
            opened[name] = make(run_directory, config, options)
        except BrahmaError:
            raise
        except BaseException as error:  # such as a service that does not answer: no reason not to train
            check_stop(error)
            _log.warning("tracker %s cannot be opened and is passed over", name, exc_info=True)
    return Trackers(opened)


class TensorBoardTracker:
    """TensorBoard event files in the run folder, one an attempt; read with `tensorboard --logdir runs/`.

    After a resume the points past the newest row of `metrics.jsonl` are taken back, so that no curve doubles.
    Rows are written with TensorBoard's own record writer, in this thread, without importing torch.
    Format: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
    """

    def __init__(self, run_directory: Path, config: Config | None = None, options: None = None) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._events = event_pb2
        self._writer = RecordWriter(_event_file(run_directory).open("wb"))
        self._write(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
        started = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        purge_from = last_step(run_directory / METRICS) + 1
        self._write(event_pb2.Event(wall_time=time.time(), step=purge_from, session_log=started))

    def log(self, step: int, row: Row) -> None:
        event = self._events.Event(wall_time=row["time"], step=step)
        for key, value in row.items():
            if "/" in key and isinstance(value, int | float):
                event.summary.value.add(tag=key, simple_value=value)
        self._write(event)

    def close(self) -> None:
        self._writer.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()  # a live chart needs it


class FakeTracker:
    """Keeps the rows in memory, for tests; raises `error` at each row if one is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.rows: list[Row] = []
        self.calls = 0
        self.closed = False
        self._error = error

    def log(self, step: int, row: Row) -> None:
        self.calls += 1
        if self._error is not None:
            raise self._error
        self.rows.append(row)

    def close(self) -> None:
        self.closed = True


def _event_file(run_directory: Path) -> Path:
    """TensorBoard reads `events.out.tfevents.<seconds>…` in the order of the names."""
    name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
    return run_directory / name
