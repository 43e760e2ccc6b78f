"""Where the time of a run goes.

One phase runs at any instant: entering a phase stops the one around it, leaving it lets that one go on.
So the phases, with `other` for the time outside them all, add up to the wall time whatever the nesting.
"""

from __future__ import annotations

from time import perf_counter_ns
from types import TracebackType
from typing import Literal, get_args

Phase = Literal["data", "forward_backward", "optimizer", "checkpoint", "logging", "evaluation", "other"]
PHASES: tuple[Phase, ...] = get_args(Phase)
_OTHER = len(PHASES) - 1


class TimeAccount:
    """Wall time by phase, from construction on: `with clock("data"): ...`.

    For one thread. On a GPU, kernels run after the call that starts them: their time counts in the phase
    that waits for them, so read the loss (`.item()`) inside `forward_backward` or `optimizer`.
    """

    def __init__(self) -> None:
        self._phases = {phase: _PhaseTimer(self, index) for index, phase in enumerate(PHASES)}
        self._spent = [0] * len(PHASES)  # nanoseconds
        self._at_last_row = [0] * len(PHASES)
        self._outer: list[int] = []
        self._current = _OTHER
        self._since = perf_counter_ns()

    def __call__(self, phase: Phase) -> _PhaseTimer:
        return self._phases[phase]

    def totals(self) -> dict[Phase, float]:
        """Seconds by phase since construction; they add up to the wall time."""
        self._switch(self._current)
        return {phase: self._spent[index] / 1e9 for index, phase in enumerate(PHASES)}

    def row(self) -> dict[str, float]:
        """Seconds by phase since the last row, keyed `time/<phase>`."""
        self._switch(self._current)
        before, self._at_last_row = self._at_last_row, list(self._spent)
        spent = zip(PHASES, self._spent, before, strict=True)
        return {f"time/{phase}": (now - then) / 1e9 for phase, now, then in spent}

    def _switch(self, phase: int) -> None:
        now = perf_counter_ns()
        self._spent[self._current] += now - self._since
        self._since = now
        self._current = phase


class _PhaseTimer:
    """Made once for each phase, so that a use allocates nothing (0.5 µs)."""

    __slots__ = ("_account", "_index")

    def __init__(self, account: TimeAccount, index: int) -> None:
        self._account = account
        self._index = index

    def __enter__(self) -> None:
        account = self._account
        account._outer.append(account._current)
        account._switch(self._index)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        account = self._account
        account._switch(account._outer.pop())
