"""How far work is, how fast it goes and how long it still takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from brahma.core.sizes import duration
from brahma.train.monitor.formatting import amount

WORTH_A_LINE = 0.5  # seconds that work must take to be mentioned when it is done
_RECENT = 100  # observations that the pace is taken over


class Pace:
    """How fast something moves, over its recent past.

    Args:
        done: what is done already when the pace begins, such as the step a run goes on from.
    """

    def __init__(self, done: int = 0, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._start = now()
        self._marks: deque[tuple[float, int]] = deque([(self._start, done)], maxlen=_RECENT)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._now() - self._start

    def move(self, done: int) -> None:
        self._marks.append((self._now(), done))

    def rate(self) -> float:
        """Units per second, 0 while unknown."""
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start else 0.0

    def left(self, total: int | None) -> str:
        """`ETA 3m 20s`, or nothing while it is unknown."""
        rate, done = self.rate(), self._marks[-1][1]
        return f"ETA {duration((total - done) / rate)}" if total and rate > 0 else ""


class Work:
    """A task that is not training, in words.

    Args:
        label: what happens.
        total: units there are, None while unknown.
        unit: of what, in the plural; `"bytes"` are shown as kB, MB, …
    """

    def __init__(
        self, label: str, total: int | None, unit: str, now: Callable[[], float] = monotonic
    ) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self.pace = Pace(now=now)
        self._unit = unit

    def move(self, done: int, total: int | None) -> None:
        self.done = done
        self.total = total or self.total
        self.pace.move(done)

    @property
    def is_worth_a_line(self) -> bool:
        return self.pace.elapsed > WORTH_A_LINE

    def state(self) -> str:
        """`10,000 of 40,000 rows  909 rows/s  ETA 33s`."""
        left = self.pace.left(self.total) or duration(self.pace.elapsed)
        if not self.done:
            return left
        of = f" of {amount(self.total, self._unit)}" if self.total else ""
        done = amount(self.done, self._unit)
        done = done.removesuffix(f" {self._unit}") if of else done
        return f"{done}{of}  {amount(self.pace.rate(), self._unit)}/s  {left}"

    def summary(self, *, failed: bool) -> str:
        """`10,000 rows in 11s (909 rows/s)`."""
        took = duration(self.pace.elapsed)
        if failed:
            return f"failed after {took}"
        if not self.done:
            return took
        rate = amount(self.done / self.pace.elapsed, self._unit)
        return f"{amount(self.done, self._unit)} in {took} ({rate}/s)"
