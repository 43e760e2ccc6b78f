"""Ctrl-C and SIGTERM: finish the step, save, then stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from brahma.core.errors import EXIT_TERMINATED


class Interrupts:
    """Whether the run was asked to stop, and by what.

    Attributes:
        signal: SIGINT or SIGTERM once it came; None before.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the first signal as a request; a second Ctrl-C stops at once. Main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._take) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

    def leave(self) -> None:
        """Go the way the signal asked for: KeyboardInterrupt, or SystemExit with status 143."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal == signal.SIGTERM:
            raise SystemExit(EXIT_TERMINATED)
