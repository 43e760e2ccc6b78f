"""The display without a terminal: stable lines that scripts and people can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TextIO

from brahma.core.pace import Outcome, Pace, Work
from brahma.core.progress import PlainScreen
from brahma.train.monitor.formatting import figures, task_figures

_ALL_ROWS = 30.0  # seconds at the beginning in which every row has its line
_ROW_SHARE = 0.02  # afterwards the time between two rows, as a part of that since the beginning …
_LONGEST_GAP = 60.0  # … and in seconds at most


class PlainRenderer(PlainScreen):
    """One line for each logged step; in a long run for some of them, so that its log can be read.

    `step 120/1000  loss 3.214  lr 2.9e-04  1,234 tok/s  MFU 41 %  mem 1.2 GB  ETA 3m 20s`; an evaluation
    has a line of its own, `step 120/1000  eval loss 3.301  perplexity 27.14  2.013 bits/byte`.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float] = monotonic) -> None:
        super().__init__(stream, now)
        self._pace: Pace | None = None
        self._began = now()
        self._next_row = 0.0
        self._total = 0
        self._is_training = False

    def task_ends(self, work: Work, outcome: Outcome) -> None:
        if not self._is_training or outcome != "done":  # evaluations and checkpoints have their own lines
            super().task_ends(work, outcome)

    def begin(self, run: str, step: int, total: int) -> None:
        self._is_training, self._total, self._began = True, total, self._now()
        self.say(f"{run}: " + (f"goes on from step {step} of {total}" if step else f"{total} steps"))

    def step(self, step: int) -> None:
        self._pace = self._pace or Pace(step, self._now)
        self._pace.move(step)

    def row(self, row: Mapping[str, Any]) -> None:
        shown, step = figures(row), row["step"]
        if "loss" in shown and (self._now() >= self._next_row or step == self._total):
            gap = min(_LONGEST_GAP, _ROW_SHARE * max(0.0, self._now() - self._began - _ALL_ROWS))
            self._next_row = self._now() + gap
            self.say("  ".join([f"step {step}/{self._total}", *self._training(shown)]))
        if evaluation := _evaluation(row):
            self.say("  ".join([f"step {step}/{self._total}", *evaluation]))

    def saved(self, checkpoint: str, best: str | None) -> None:
        self.say(f"saved {checkpoint}" + (", the best so far" if checkpoint == best else ""))

    def end(self) -> None:
        self._is_training = False

    def note(self, text: str, *, warning: bool) -> None:
        self.say(f"warning: {text}" if warning else text)

    def _training(self, shown: Mapping[str, str]) -> list[str]:
        named = [f"{name} {shown[name]}" for name in ("loss", "lr") if name in shown]
        machine = [f"{name} {shown[name]}" for name in ("MFU", "mem", "GPU mem") if name in shown]
        rate = [shown["rate"]] if "rate" in shown else []
        left = self._pace.left(self._total) if self._pace is not None else ""
        return [*named, *rate, *machine, *([left] if left else [])]


def _evaluation(row: Mapping[str, Any]) -> list[str]:
    tasks = [f"{name} {value}" for name, value in task_figures(row).items()]
    return [*_held_out(row), *tasks]


def _held_out(row: Mapping[str, Any]) -> list[str]:
    if (loss := figures(row).get("eval loss")) is None:
        return []
    texts = {"eval/perplexity": "perplexity {:.2f}", "eval/bits_per_byte": "{:.3f} bits/byte"}
    measured = [text.format(row[key]) for key, text in texts.items() if row.get(key) is not None]
    return [f"eval loss {loss}", *measured]
