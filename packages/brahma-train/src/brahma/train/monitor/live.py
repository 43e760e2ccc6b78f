"""The live display for terminals, drawn with rich."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from brahma.core.sizes import duration
from brahma.train.monitor.formatting import figures, sparkline
from brahma.train.monitor.progress import Pace, Work

_REFRESHES_PER_SECOND = 2  # a refresh costs about a millisecond of the training thread's time
_LOSSES_KEPT = 1024


@dataclass
class _Training:
    run: str
    step: int
    total: int
    pace: Pace
    figures: dict[str, str] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)


class LiveRenderer:
    """Three lines that stay in place, tasks below them, notes above."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._training: _Training | None = None
        self._tasks: dict[int, Work] = {}
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=sys.stdout.isatty(),  # output in a pipe is data and stays where it is
            transient=False,
        )
        self._streams = sys.stdout, sys.stderr
        os.register_at_fork(after_in_child=self._release_in_child)
        self._live.start()
        self._console.show_cursor(True)  # a killed process could not bring it back

    def task_begins(self, task: int, label: str, total: int | None, unit: str) -> None:
        self._tasks[task] = Work(label, total, unit)
        self._live.refresh()

    def task_moves(self, task: int, done: int, total: int | None) -> None:
        self._tasks[task].move(done, total)

    def task_ends(self, task: int, *, failed: bool) -> None:
        work = self._tasks.pop(task)
        if failed or work.is_worth_a_line:
            self._console.print(_ended(work, failed=failed))

    def begin(self, run: str, step: int, total: int) -> None:
        self._training = _Training(run, step, total, Pace(step))

    def step(self, step: int) -> None:
        if self._training is not None:
            self._training.step = step
            self._training.pace.move(step)

    def row(self, row: Mapping[str, Any]) -> None:
        training = self._training
        if training is None:
            return
        training.figures |= figures(row)
        if row.get("train/loss") is not None:
            training.losses.append(row["train/loss"])
        if len(training.losses) > _LOSSES_KEPT:
            pairs = zip(training.losses[::2], training.losses[1::2], strict=False)
            training.losses = [(first + second) / 2 for first, second in pairs]

    def end(self) -> None:
        if self._training is not None:
            ended, self._training = self._training, None
            self._live.refresh()  # takes it off its place before it is printed to stay
            self._console.print(_training(ended, self._console.width))

    def note(self, text: str, *, warning: bool) -> None:
        head = Text("warning: ", "bold yellow") if warning else Text()
        self._console.print(head + Text(text))

    def close(self) -> None:
        self._live.stop()

    def _release_in_child(self) -> None:
        """Give a forked child its streams back: a lock of the display's thread may be held for ever there."""
        if self._live.is_started:
            sys.stdout, sys.stderr = self._streams

    def _draw(self) -> RenderableType:
        parts = [] if self._training is None else [_training(self._training, self._console.width)]
        return Group(*parts, *(_task(state) for state in list(self._tasks.values())))


def _training(state: _Training, width: int) -> RenderableType:
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(no_wrap=True, max_width=max(12, width // 3), overflow="ellipsis")
    head.add_column(ratio=1)
    head.add_column(no_wrap=True)
    head.add_column(no_wrap=True)
    head.add_row(
        Text(state.run, "bold"),
        ProgressBar(total=max(1, state.total), completed=state.step),
        f"{state.step:,}/{state.total:,}",
        state.pace.left(state.total) or "ETA …" if state.step < state.total else duration(state.pace.elapsed),
    )
    return Group(head, *_figure_lines(state, width))


def _figure_lines(state: _Training, width: int) -> list[Text]:
    shown = dict(state.figures)
    if not shown:
        return [Text("  the first step takes longest", "dim")]
    loss = _pairs(
        {name: shown.pop(name) for name in ("loss", "eval loss", "lr", "grad norm") if name in shown}
    )
    machine = _pairs({name: shown.pop(name) for name in list(shown)})
    room = min(60, width - loss.cell_len - 4)
    loss.append("  " + sparkline(state.losses, room), "cyan")
    return [loss, machine]


def _pairs(shown: Mapping[str, str]) -> Text:
    text = Text("  ", no_wrap=True, overflow="ellipsis")
    for index, (name, value) in enumerate(shown.items()):
        text.append("   " if index else "")
        if name != "rate":
            text.append(f"{name} ", "dim")
        text.append(value, "bold" if name in ("loss", "eval loss") else "")
    return text


def _task(work: Work) -> RenderableType:
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True)
    bar = ProgressBar(total=work.total, completed=work.done, pulse=work.total is None)
    line.add_row(work.label, bar, work.state())
    return line


def _ended(work: Work, *, failed: bool) -> Text:
    mark = Text("✗ ", "red") if failed else Text("✓ ", "green")
    return mark + Text(f"{work.label}  {work.summary(failed=failed)}")
