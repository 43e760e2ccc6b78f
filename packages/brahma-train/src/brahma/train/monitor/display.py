"""What a run shows while it works, on standard error: a live display in a terminal or notebook, else lines.

A display that fails is logged and switched off; it never stops a run. Long work that is not training, such as
tokenising, is shown with `brahma.core.progress.progress`: while a display is open, there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, Protocol, TextIO

from brahma.core.progress import Safely, Screen, can_move, in_notebook, showing
from brahma.train.monitor.plain import PlainRenderer

_REST = 0.1  # seconds between two steps that reach the renderer: they may come by the thousand


class Renderer(Screen, Protocol):
    """How a run is shown; `PlainRenderer` and `LiveRenderer`. It may raise."""

    def begin(self, run: str, step: int, total: int) -> None: ...
    def step(self, step: int) -> None: ...
    def row(self, row: Mapping[str, Any]) -> None: ...
    def saved(self, checkpoint: str, best: str | None) -> None: ...
    def end(self) -> None: ...
    def note(self, text: str, *, warning: bool) -> None: ...


class Display:
    """What the training code calls. Make one with `open_display`.

    Args:
        screen: a `Renderer`, or one that shows nothing, for all processes but the first.
    """

    def __init__(self, screen: Safely) -> None:
        self._screen = screen
        self._next_step_shown = 0.0

    def begin(self, run: str, step: int, total: int) -> None:
        """Training begins: `step` are done already (a resume), `total` is the last."""
        self._screen("begin", run, step, total)

    def step(self, step: int) -> None:
        """A step is done. Cheap: call it at each."""
        now = monotonic()
        if now >= self._next_step_shown:
            self._next_step_shown = now + _REST
            self._screen("step", step)

    def row(self, row: Mapping[str, Any]) -> None:
        """A row of the metrics was written."""
        self._screen("step", row["step"])
        self._screen("row", row)

    def saved(self, checkpoint: str, best: str | None) -> None:
        """A checkpoint is on the disk; `best` is the best one so far. From any thread."""
        self._screen("saved", checkpoint, best)

    def end(self) -> None:
        """Training is over: its last state stays on the screen, and what follows stands below it."""
        self._screen("end")

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""
        self._screen("note", text, warning=False)

    def warn(self, text: str) -> None:
        """Say something that the user should act on."""
        self._screen("note", text, warning=True)


@contextmanager
def open_display(stream: TextIO | None = None) -> Iterator[Display]:
    """The display that fits `stream` (standard error by default); afterwards the terminal is as it was.

    Live in a terminal and in a notebook. Plain lines without either, in CI, with `TERM=dumb`, and where the
    terminal cannot show Unicode. In a block of `shown_by`: what that says.
    """
    if _hosts:
        yield Display(_hosts[-1])
        return
    with showing(_renderer(sys.stderr if stream is None else stream)) as screen:
        yield Display(screen)


_hosts: list[Safely] = []


@contextmanager
def shown_by(renderer: Renderer) -> Iterator[Safely]:
    """The trainings of this block, and other long work, are shown by this renderer, which is closed after it:
    who trains many models shows them as parts of one work.
    """
    with showing(renderer) as screen:
        _hosts.append(screen)
        try:
            yield screen
        finally:
            _hosts.remove(screen)


def _renderer(stream: TextIO) -> Renderer:
    if not (can_move(stream) or in_notebook()):
        return PlainRenderer(stream)
    from brahma.core.live import open_surface
    from brahma.train.monitor.live import LiveRenderer

    return LiveRenderer(open_surface(stream))
