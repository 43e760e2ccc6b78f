"""What a search shows while it works, on standard error: a live table in a terminal, else lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from brahma.core.noise import catching
from brahma.core.progress import can_move, in_notebook
from brahma.train.monitor import Renderer, shown_by
from brahma.train.search.events import Observer
from brahma.train.search.plain import PlainSearch

_NOTEBOOK_LINES = 40
_LINES = 24  # where nobody knows


@contextmanager
def open_search_display(stream: TextIO | None = None) -> Iterator[Observer]:
    """The display that fits `stream` (standard error by default), as what it is told by.

    The trainings of this block are shown by it, and so is what anything in it warns of. One that fails is
    logged and switched off.
    """
    with (
        shown_by(_renderer(sys.stderr if stream is None else stream)) as screen,
        catching(lambda text: screen("note", text, warning=True)),
    ):
        yield lambda event: screen("tell", event)


def _renderer(stream: TextIO) -> Renderer:
    if not (can_move(stream) or in_notebook()):
        return PlainSearch(stream)
    from brahma.core.live import open_surface
    from brahma.train.search.live import LiveSearch

    return LiveSearch(open_surface(stream), lambda: _height(stream))


def _height(stream: TextIO) -> int:
    """Lines of the screen."""
    if in_notebook():
        return _NOTEBOOK_LINES
    try:
        return os.get_terminal_size(stream.fileno()).lines or _LINES
    except (OSError, ValueError):
        return _LINES
