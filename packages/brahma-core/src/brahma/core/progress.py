"""Progress of long work, with its rate and the time that is left.

    with progress("hashing", total=num_bytes, unit="bytes") as task:
        for block in blocks:
            task.advance(len(block))

A line that moves in a terminal (on standard error), a text that moves in a notebook, and one line at the end
where there is neither. Work that is soon over is not shown at all; rich is imported only to show some. Any
code may call this, in any thread: while a run goes on, its display shows it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import RLock, Timer
from time import monotonic
from typing import Any, Protocol, TextIO, TypeVar

from brahma.core.pace import WORTH_SHOWING, Outcome, Work

_REST = 0.1  # seconds between two movements that reach a screen: rows may come by the thousand
_LINE_EVERY = 10.0  # seconds between the lines of long work where nothing can move

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Screen(Protocol):
    """Where work is shown. It may raise: `Safely` keeps that from the work."""

    def task_begins(self, work: Work) -> None: ...
    def task_moves(self, work: Work) -> None: ...
    def task_ends(self, work: Work, outcome: Outcome) -> None: ...
    def close(self) -> None: ...


class Safely:
    """Calls a screen's methods by name; one that fails is logged and switched off, and the work goes on.

    Args:
        screen: None shows nothing.
    """

    def __init__(self, screen: Screen | None) -> None:
        self._screen = screen

    def __call__(self, method: str, *arguments: object, **options: object) -> None:
        if self._screen is None:
            return
        try:
            getattr(self._screen, method)(*arguments, **options)
        except Exception:  # a closed pipe, a terminal that went away: no reason to stop the work
            failed, self._screen = self._screen, None
            _log.warning("the display failed and is switched off; the work goes on", exc_info=True)
            with suppress(Exception):  # it gives the terminal back if it still can; the failure is logged
                failed.close()

    def close(self) -> None:
        """Leave the terminal as it was. May be called twice."""
        self("close")
        self._screen = None


class Task:
    """Long work in progress, from `progress`."""

    def __init__(self, work: Work, moved: Callable[[], None]) -> None:
        self._work = work
        self._moved = moved
        self._done = 0
        self._total: int | None = None
        self._next_shown = 0.0

    def advance(self, amount: int = 1) -> None:
        """So much more is done. Cheap: call it for each row."""
        self.update(self._done + amount)

    def each(self, things: Iterable[_T]) -> Iterator[_T]:
        """The things, one by one; each counts when the next one is asked for."""
        for thing in things:
            yield thing
            self.advance()

    def update(self, done: int, total: int | None = None) -> None:
        """So much is done in all; `total` when it is known only now."""
        self._done = done
        self._total = total or self._total
        now = monotonic()
        if now >= self._next_shown:
            self._next_shown = now + _REST
            self.count()
            self._moved()

    def count(self) -> None:
        """Bring the work up to date, and show nothing."""
        self._work.move(self._done, self._total)


_screens: list[Safely] = []


@contextmanager
def progress(label: str, total: int | None = None, unit: str = "rows") -> Iterator[Task]:
    """Show the work of this block; see the module.

    Args:
        label: what happens, `"tokenising"`.
        total: how many units there are, if that is known.
        unit: of what, in the plural; `"bytes"` are shown as kB, MB, …
    """
    if not _screens:
        with showing(_late_screen(sys.stderr)), progress(label, total, unit) as task:
            yield task
        return
    screen, work = _screens[-1], Work(label, total, unit)
    task = Task(work, lambda: screen("task_moves", work))
    screen("task_begins", work)
    try:
        yield task
    except BaseException as error:
        screen("task_ends", work, "failed" if isinstance(error, Exception) else "stopped")
        raise
    task.count()  # and no more: a screen that moved now would say what its last line says
    screen("task_ends", work, "done")


@contextmanager
def showing(screen: Screen | Safely | None) -> Iterator[Safely]:
    """All work of this block is shown on this screen, which is closed after it; None shows nothing."""
    safely = screen if isinstance(screen, Safely) else Safely(screen)
    _screens.append(safely)
    try:
        yield safely
    finally:
        _screens.remove(safely)
        safely.close()


def can_move(stream: TextIO) -> bool:
    """Whether lines on this stream can be drawn again: a terminal with Unicode, and no CI behind it."""
    refused = os.environ.get("CI") or os.environ.get("TERM", "dumb") == "dumb"
    unicode = (stream.encoding or "").lower().startswith("utf")
    return stream.isatty() and unicode and not refused


def in_notebook() -> bool:
    """Whether this is the process behind a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _late_screen(stream: TextIO | None) -> Screen | None:
    if stream is None:  # a program without standard error
        return None
    if in_notebook() or can_move(stream):

        def make() -> Screen:
            from brahma.core.live import LiveScreen, open_surface

            return LiveScreen(open_surface(stream))

        return _Late(make)
    return PlainScreen(stream)


class PlainScreen:
    """Lines of text, for logs and pipes: one at the end of long work, and now and then one before."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._now = now
        self._spoke: dict[int, float] = {}

    def task_begins(self, work: Work) -> None:
        self._spoke[id(work)] = self._now()

    def task_moves(self, work: Work) -> None:
        if self._now() - self._spoke[id(work)] > _LINE_EVERY:
            self._spoke[id(work)] = self._now()
            self.say(f"{work.label}: {'  '.join(work.state())}")

    def task_ends(self, work: Work, outcome: Outcome) -> None:
        del self._spoke[id(work)]
        if work.is_worth_showing:
            self.say(f"{work.label}: {work.summary(outcome)}")

    def say(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class _Late:
    """A screen that is made when there is work that takes long enough to be shown."""

    def __init__(self, make: Callable[[], Screen]) -> None:
        self._make = make
        self._screen: Screen | None = None
        self._works: list[Work] = []
        self._lock = RLock()
        self._timer = Timer(WORTH_SHOWING, Safely(self), ("open",))
        self._timer.daemon = True
        self._timer.start()

    def open(self) -> None:
        with self._lock:
            if self._works:
                self._screen = self._make()
            for work in self._works:
                self._screen_does("task_begins", work)

    def task_begins(self, work: Work) -> None:
        with self._lock:
            self._works.append(work)
            self._screen_does("task_begins", work)

    def task_moves(self, work: Work) -> None:
        self._screen_does("task_moves", work)

    def task_ends(self, work: Work, outcome: Outcome) -> None:
        with self._lock:
            self._works.remove(work)
            self._screen_does("task_ends", work, outcome)

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._works.clear()
            self._screen_does("close")

    def _screen_does(self, method: str, *arguments: Any) -> None:
        if self._screen is not None:
            getattr(self._screen, method)(*arguments)
