"""The display without a terminal: stable lines that scripts and people can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TextIO

from brahma.train.monitor.formatting import WORTH_A_LINE, Pace, duration, figures

_EVERY = 10.0  # seconds between the lines of a long task


class PlainRenderer:
    """One line for each logged step.

    `step 120/1000  loss 3.214  lr 2.9e-04  1,234 tok/s  MFU 41 %  mem 1.2 GB  ETA 3m 20s`; an evaluation
    has a line of its own, `step 120/1000  eval loss 3.301  perplexity 27.14  2.013 bits/byte`.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._now = now
        self._tasks: dict[int, _Task] = {}
        self._pace = Pace(now=now)
        self._total = 0

    def task_begins(self, task: int, label: str, total: int | None, unit: str) -> None:
        self._tasks[task] = _Task(label, total, unit, self._now)

    def task_moves(self, task: int, done: int) -> None:
        state = self._tasks[task]
        state.move(done)
        if self._now() - state.spoke > _EVERY:
            state.spoke = self._now()
            self._print(state.line())

    def task_ends(self, task: int, *, failed: bool) -> None:
        state = self._tasks.pop(task)
        if failed or state.pace.elapsed > WORTH_A_LINE:
            self._print(state.last_line(failed=failed))

    def begin(self, run: str, step: int, total: int) -> None:
        self._total = total
        self._pace = Pace(step, self._now)
        self._print(f"{run}: " + (f"goes on from step {step} of {total}" if step else f"{total} steps"))

    def step(self, step: int) -> None:
        self._pace.move(step)

    def row(self, row: Mapping[str, Any]) -> None:
        shown = figures(row)
        place = f"step {row['step']}/{self._total}"
        train = [f"{name} {shown[name]}" for name in ("loss", "lr") if name in shown]
        machine = [f"{name} {shown[name]}" for name in ("MFU", "mem", "GPU mem") if name in shown]
        if "loss" in shown:
            rate = [shown["rate"]] if "rate" in shown else []
            left = self._pace.left(self._total)
            self._print("  ".join([place, *train, *rate, *machine, *([left] if left else [])]))
        if "eval loss" in shown:
            self._print("  ".join([place, f"eval loss {shown['eval loss']}", *_evaluation(row)]))

    def end(self) -> None:
        self._stream.flush()

    def note(self, text: str, *, warning: bool) -> None:
        self._print(f"warning: {text}" if warning else text)

    def close(self) -> None:
        self._stream.flush()

    def _print(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class _Task:
    def __init__(self, label: str, total: int | None, unit: str, now: Callable[[], float]) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.pace = Pace(now=now)
        self.spoke = now()
        self.done = 0

    def move(self, done: int) -> None:
        self.done = done
        self.pace.move(done)

    def line(self) -> str:
        amount = f"{self.done:,}" + (f"/{self.total:,}" if self.total else "")
        parts = [
            f"{self.label}: {amount} {self.unit}",
            f"{self.pace.rate():,.0f} {self.unit}/s",
            self.pace.left(self.total),
        ]
        return "  ".join(part for part in parts if part)

    def last_line(self, *, failed: bool) -> str:
        """`tokenising: 12,000 rows in 3.2s (3,750 rows/s)`."""
        if failed:
            return f"{self.label}: failed after {duration(self.pace.elapsed)}"
        if not self.done:
            return f"{self.label}: {duration(self.pace.elapsed)}"
        rate = self.done / self.pace.elapsed
        amount = f"{self.done:,} {self.unit}"
        return f"{self.label}: {amount} in {duration(self.pace.elapsed)} ({rate:,.0f} {self.unit}/s)"


def _evaluation(row: Mapping[str, Any]) -> list[str]:
    texts = {"eval/perplexity": "perplexity {:.2f}", "eval/bits_per_byte": "{:.3f} bits/byte"}
    return [text.format(row[key]) for key, text in texts.items() if row.get(key) is not None]
