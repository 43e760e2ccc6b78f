"""The live display of training, for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any

from rich.text import Text

from brahma.core.live import LiveScreen, Surface, bar, colour, fitting, flowing
from brahma.core.pace import Outcome, Pace, Work
from brahma.core.sizes import duration
from brahma.train.monitor.formatting import ORDER, figures, sparkline, task_figures

_LOSSES_KEPT = 1024
_LONGEST_CURVE = 60
_SHORTEST_CURVE = 8
_SHORTEST_BAR = 8
_WIDEST = 110  # columns: what belongs together stays together on a wide screen
_INDENT = "  "
_GAP = "   "
_WITHOUT_NAME = ("rate",)
_IMPORTANT = ("loss", "eval loss")


class LiveRenderer(LiveScreen):
    """A few lines about the training that stay in place, other work below them, notes above."""

    def __init__(self, surface: Surface, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._training: TrainingState | None = None
        super().__init__(surface)

    def task_ends(self, work: Work, outcome: Outcome) -> None:
        if self._training is None or outcome != "done":
            super().task_ends(work, outcome)
        else:  # evaluations and checkpoints come again and again, and their figures stand in the display
            self._works.remove(work)

    def begin(self, run: str, step: int, total: int) -> None:
        self._training = TrainingState(run, step, total, self._now)
        self.surface.moved(now=True)

    def step(self, step: int) -> None:
        if self._training is not None:
            self._training.move(step)
            self.surface.moved()

    def row(self, row: Mapping[str, Any]) -> None:
        if self._training is not None:
            self._training.take(row)

    def saved(self, checkpoint: str, best: str | None) -> None:
        if self._training is not None:
            self._training.saved(checkpoint, best)

    def end(self) -> None:
        if self._training is not None:
            ended, self._training = self._training, None
            ended.over = True
            self.surface.moved(now=True)  # takes it off its place before it is printed to stay
            self.surface.keep(*ended.draw(self.surface.columns))

    def close(self) -> None:
        self.end()  # of a run that failed, too, the last state stays
        super().close()

    def note(self, text: str, *, warning: bool) -> None:
        head = ("warning: ", f"bold {colour('warning')}") if warning else ""
        self.surface.keep(Text.assemble(head, text))

    def draw(self) -> list[Text]:
        training = [] if self._training is None else self._training.draw(self.surface.columns)
        return [*training, *super().draw()]


class TrainingState:
    """What is shown of a training, from its last rows.

    Args:
        run: its name.
        step: steps that are done already.
        total: the last step.

    Attributes:
        over: it goes no further, wherever it is: nothing is left.
    """

    def __init__(self, run: str, step: int, total: int, now: Callable[[], float]) -> None:
        self.over = False
        self._run = run
        self._step = step
        self._total = max(1, total)
        self._now = now
        self._began = now()
        self._pace: Pace | None = None
        self._figures: dict[str, str] = {}
        self._widths: dict[str, int] = {}
        self._losses: list[float] = []

    def move(self, step: int) -> None:
        # It begins with the first step that is done: that one takes longest, and tells nothing of the rest.
        self._pace = self._pace or Pace(step, self._now)
        self._pace.move(step)
        self._step = step

    def take(self, row: Mapping[str, Any]) -> None:
        shown = figures(row)
        if "eval loss" in shown:
            shown["eval loss"] += f" at step {row['step']:,}"
        self._show(shown | task_figures(row))
        if row.get("train/loss") is not None:
            self._losses.append(row["train/loss"])
        if len(self._losses) > _LOSSES_KEPT:
            pairs = zip(self._losses[::2], self._losses[1::2], strict=False)
            self._losses = [(first + second) / 2 for first, second in pairs]

    def saved(self, checkpoint: str, best: str | None) -> None:
        shown = {"saved": checkpoint.removeprefix("checkpoint-")}
        if best is not None:
            shown["best"] = best.removeprefix("checkpoint-")
        self._show({name: f"step {int(step):,}" for name, step in shown.items()})

    def draw(self, columns: int) -> list[Text]:
        """At most `columns` wide; a figure that has no room goes into the next line, whole."""
        columns = min(columns, _WIDEST)
        room = columns - len(_INDENT)
        losses = list(flowing(self._pairs(_IMPORTANT), room, _GAP))
        if losses:
            losses[-1] = self._with_curve(losses[-1], room)
        tasks = [name for name in self._figures if name not in ORDER]
        others = [name for name in ORDER if name not in _IMPORTANT]
        lines = [*losses, *flowing(self._pairs([*tasks, *others]), room, _GAP)]
        lines = lines or [Text("the first step takes longest", "dim")]
        return [self._head(columns), *(Text.assemble(_INDENT, line) for line in lines)]

    def _show(self, shown: Mapping[str, str]) -> None:
        """Take the figures; a value keeps the width of its widest, so that those beside it do not jump."""
        for name, value in shown.items():
            self._widths[name] = max(len(value), self._widths.get(name, 0))
        self._figures |= shown

    def _head(self, columns: int) -> Text:
        total = f"{self._total:,}"
        counted = Text(f"{self._step:>{len(total)},}/{total}")
        name = Text(self._run, "bold")
        name.truncate(max(12, columns // 3), overflow="ellipsis")
        rest = columns - name.cell_len - counted.cell_len - len("ETA 59m 59s") - 6
        parts = [name, counted, Text(self._time())]
        if rest >= _SHORTEST_BAR:
            parts.insert(1, bar(self._step / self._total, rest))
        return fitting(parts, columns)

    def _time(self) -> str:
        if self.over or self._step >= self._total:
            return duration(self._now() - self._began)
        return (self._pace.left(self._total) if self._pace is not None else "") or "ETA …"

    def _pairs(self, names: Iterable[str]) -> list[Text]:
        pairs = []
        for name in names:
            if name in self._figures:
                value = self._figures[name].ljust(self._widths[name])
                head = "" if name in _WITHOUT_NAME else f"{name} "
                pairs.append(Text.assemble((head, "dim"), (value, "bold" if name in _IMPORTANT else "")))
        return pairs

    def _with_curve(self, line: Text, room: int) -> Text:
        width = min(_LONGEST_CURVE, room - line.cell_len - len(_GAP))
        if width < _SHORTEST_CURVE:
            return line
        return Text.assemble(line, _GAP, (sparkline(self._losses, width), colour("hint")))
