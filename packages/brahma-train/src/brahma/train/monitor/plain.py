"""The display without a terminal: stable lines that scripts and people can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TextIO

from brahma.train.monitor.formatting import figures
from brahma.train.monitor.progress import Pace, Work

_EVERY = 10.0  # seconds between the lines of a long task


class PlainRenderer:
    """One line for each logged step.

    `step 120/1000  loss 3.214  lr 2.9e-04  1,234 tok/s  MFU 41 %  mem 1.2 GB  ETA 3m 20s`; an evaluation
    has a line of its own, `step 120/1000  eval loss 3.301  perplexity 27.14  2.013 bits/byte`.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._now = now
        self._tasks: dict[int, Work] = {}
        self._spoke: dict[int, float] = {}
        self._pace = Pace(now=now)
        self._total = 0

    def task_begins(self, task: int, label: str, total: int | None, unit: str) -> None:
        self._tasks[task] = Work(label, total, unit, self._now)
        self._spoke[task] = self._now()

    def task_moves(self, task: int, done: int, total: int | None) -> None:
        work = self._tasks[task]
        work.move(done, total)
        if self._now() - self._spoke[task] > _EVERY:
            self._spoke[task] = self._now()
            self._print(f"{work.label}: {work.state()}")

    def task_ends(self, task: int, *, failed: bool) -> None:
        work = self._tasks.pop(task)
        if failed or work.is_worth_a_line:
            self._print(f"{work.label}: {work.summary(failed=failed)}")

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


def _evaluation(row: Mapping[str, Any]) -> list[str]:
    texts = {"eval/perplexity": "perplexity {:.2f}", "eval/bits_per_byte": "{:.3f} bits/byte"}
    return [text.format(row[key]) for key, text in texts.items() if row.get(key) is not None]
