"""What a run shows while it works, on standard error: a live display in a terminal, plain lines elsewhere.

A display that fails is logged and switched off; it never stops a run.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, TextIO

from brahma.train.monitor.plain import PlainRenderer

_REST = 0.1  # seconds between two movements that reach the renderer: rows and steps may come by the thousand

_log = logging.getLogger(__name__)


class Renderer(Protocol):
    """How things are shown; `PlainRenderer` and `LiveRenderer`. It may raise."""

    def task_begins(self, task: int, label: str, total: int | None, unit: str) -> None: ...
    def task_moves(self, task: int, done: int, total: int | None) -> None: ...
    def task_ends(self, task: int, *, failed: bool) -> None: ...
    def begin(self, run: str, step: int, total: int) -> None: ...
    def step(self, step: int) -> None: ...
    def row(self, row: Mapping[str, Any]) -> None: ...
    def end(self) -> None: ...
    def note(self, text: str, *, warning: bool) -> None: ...
    def close(self) -> None: ...


class Display:
    """What the training code calls. Make one with `open_display`.

    Args:
        renderer: how things are shown; None shows nothing, for all processes but the first.
    """

    def __init__(self, renderer: Renderer | None) -> None:
        self._renderer = renderer
        self._numbers = count()
        self._next_step_shown = 0.0

    @contextmanager
    def task(self, label: str, total: int | None = None, unit: str = "rows") -> Iterator[Task]:
        """Show long work that is not training: its progress, rate and remaining time.

        Args:
            label: what happens, `"tokenising"`.
            total: how many units there are, if that is known.
            unit: of what, in the plural; `"bytes"` are shown as kB, MB, …
        """
        number = next(self._numbers)
        self._call("task_begins", number, label, total, unit)
        task = Task(self, number)
        try:
            yield task
        except BaseException:
            self._call("task_ends", number, failed=True)
            raise
        task.show()
        self._call("task_ends", number, failed=False)

    def begin(self, run: str, step: int, total: int) -> None:
        """Training begins: `step` are done already (a resume), `total` is the last."""
        self._call("begin", run, step, total)

    def step(self, step: int) -> None:
        """A step is done. Cheap: call it at each."""
        now = monotonic()
        if now >= self._next_step_shown:
            self._next_step_shown = now + _REST
            self._call("step", step)

    def row(self, row: Mapping[str, Any]) -> None:
        """A row of the metrics was written."""
        self._call("step", row["step"])
        self._call("row", row)

    def end(self) -> None:
        """Training is over: its last state stays on the screen, and what follows stands below it."""
        self._call("end")

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""
        self._call("note", text, warning=False)

    def warn(self, text: str) -> None:
        """Say something that the user should act on."""
        self._call("note", text, warning=True)

    def close(self) -> None:
        """Leave the terminal as it was. May be called twice."""
        self._call("close")
        self._renderer = None

    def _call(self, method: str, *arguments: object, **options: object) -> None:
        if self._renderer is None:
            return
        try:
            getattr(self._renderer, method)(*arguments, **options)
        except Exception:  # a closed pipe, a terminal that went away: no reason to stop a run
            failed, self._renderer = self._renderer, None
            _log.warning("the display failed and is switched off; the run goes on", exc_info=True)
            with suppress(Exception):  # it gives the terminal back if it still can; the failure is logged
                failed.close()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Task:
    """Long work in progress, from `Display.task`."""

    def __init__(self, display: Display, number: int) -> None:
        self._display = display
        self._number = number
        self._done = 0
        self._total: int | None = None
        self._next_shown = 0.0

    def advance(self, amount: int = 1) -> None:
        """So much more is done. Cheap: call it for each row."""
        self.update(self._done + amount)

    def update(self, done: int, total: int | None = None) -> None:
        """So much is done in all; `total` when it is known only now."""
        self._done = done
        self._total = total or self._total
        now = monotonic()
        if now >= self._next_shown:
            self._next_shown = now + _REST
            self.show()

    def show(self) -> None:
        self._display._call("task_moves", self._number, self._done, self._total)


def open_display(stream: TextIO | None = None) -> Display:
    """The display that fits `stream` (standard error by default).

    Live in a terminal. Plain lines without one, in CI, with `NO_COLOR` or `TERM=dumb` set, and where the
    terminal cannot show Unicode.
    """
    stream = sys.stderr if stream is None else stream
    if not _is_live(stream):
        return Display(PlainRenderer(stream))
    from brahma.train.monitor.live import LiveRenderer

    return Display(LiveRenderer(stream))


def _is_live(stream: TextIO) -> bool:
    refused = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM", "dumb") == "dumb"
    unicode = (stream.encoding or "").lower().startswith("utf")
    return stream.isatty() and unicode and not refused
