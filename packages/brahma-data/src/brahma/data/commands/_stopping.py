"""SIGTERM ends a command as Ctrl-C does: what is open is closed, and half-written files are removed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from brahma.core.errors import EXIT_TERMINATED


@contextmanager
def tidy_at_sigterm() -> Iterator[None]:
    """Within the block, SIGTERM unwinds the program and ends it with its own status."""
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(EXIT_TERMINATED)
