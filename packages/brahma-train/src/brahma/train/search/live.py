"""The live display of a search, for terminals and notebooks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from rich.text import Text

from brahma.core.live import LiveScreen, Surface, bar, colour, fitting, work_line
from brahma.core.pace import Outcome, Pace, Work
from brahma.train.monitor.formatting import figures
from brahma.train.search import events
from brahma.train.search.plain import EventLines, Heard
from brahma.train.search.standing import Standing
from brahma.train.search.table import TrialRow, short, short_names

_GAP = "  "
_LONGEST_BAR = 40
_AROUND = 5  # lines beside the rows of trials: head, headers, the moving line, and what stays free
_FEWEST_ROWS = 3
_SHORTEST_REASON = 16
_WORTH_A_LINE = (events.SearchBegun, events.TrialFailed, events.BudgetSpent, events.Exhausted)
"""What stays on the screen above the table; all else is seen in it."""
_BEGINS = (events.TrialStarted, events.TrialResumed, events.Promoted)
_ENDS = (events.RungReached, events.TrialFinished, events.TrialFailed)


class LiveSearch(LiveScreen):
    """The trials as a table that stays in place, and one moving line below it; what is to stay above.

    Args:
        surface: where it is drawn.
        height: lines of the screen.
    """

    def __init__(
        self, surface: Surface, height: Callable[[], int], now: Callable[[], float] = monotonic
    ) -> None:
        self._now = now
        self._height = height
        self._standing: Standing | None = None
        self._training: TrialLine | None = None
        self._waiting = False
        self._lines = EventLines()
        self._heard = Heard()
        super().__init__(surface)

    def tell(self, event: events.Event) -> None:
        """Something has happened in the search."""
        lines = self._lines(event)
        if isinstance(event, events.SearchBegun):
            self._standing = Standing(event.folder, event.trials, event.max_tokens, self._now)
        elif self._standing is not None:
            self._standing.read()
            if isinstance(event, _BEGINS):
                self._standing.take(event.number)
            elif isinstance(event, _ENDS):
                self._standing.take(None)
        self._waiting = isinstance(event, events.Waiting)
        if isinstance(event, _WORTH_A_LINE):
            self.surface.keep(*map(Text, lines))
        self.surface.moved(now=True)

    def task_ends(self, work: Work, outcome: Outcome) -> None:
        if self._standing is None or outcome == "failed":
            super().task_ends(work, outcome)
        else:  # a trial is loaded, evaluated and saved again and again
            self._works.remove(work)

    def begin(self, run: str, step: int, total: int) -> None:
        trial = self._standing.trial_of(run) if self._standing is not None else None
        if self._standing is not None and trial is not None:
            until = total if trial.target is None else trial.steps[trial.target]
            self._training = TrialLine(f"trial {trial.number}", step, until, self._now)
            self._standing.moved(run, step)
            self._run = run
            self.surface.moved(now=True)

    def step(self, step: int) -> None:
        if self._training is not None and self._standing is not None:
            self._training.move(step)
            self._standing.moved(self._run, step)
            self.surface.moved()

    def row(self, row: Mapping[str, Any]) -> None:
        if self._training is not None:
            self._training.take(row)

    def saved(self, checkpoint: str, best: str | None) -> None:
        pass  # checkpoints are those of a trial

    def end(self) -> None:
        self._training = None

    def note(self, text: str, *, warning: bool) -> None:
        for line in self._heard(text, warning=warning):
            style = f"bold {colour('warning')}" if warning else ""
            head, _, rest = line.rpartition("warning: ")
            self.surface.keep(
                Text.assemble((head + "warning: ", style), rest) if head or warning else Text(line)
            )

    def close(self) -> None:
        """Leave the whole table behind, of a search that was stopped, too."""
        self._training = None
        standing, self._standing = self._standing, None
        if standing is not None:
            standing.take(None)
            standing.read()
            self.surface.moved(now=True)  # takes it off its place before it is printed to stay
            self.surface.keep(*self._table(standing, None))
        super().close()

    def draw(self) -> list[Text]:
        standing = self._standing
        if standing is None:
            return super().draw()
        standing.refresh()
        rows = max(_FEWEST_ROWS, self._height() - _AROUND)
        return [*self._table(standing, rows), self._moving()]

    def _moving(self) -> Text:
        """What is being done: long work, else the training."""
        columns = self.surface.columns
        if self._works:
            return work_line(self._works[-1], columns)
        if self._training is not None:
            return self._training.draw(columns)
        return Text("waiting for the trials of other processes" if self._waiting else "…", "dim")

    def _table(self, standing: Standing, most: int | None) -> list[Text]:
        columns = self.surface.columns
        head = _head(standing, self._lines.name, self._lines.trials, columns, going=most is not None)
        rows = standing.rows
        shown = rows if most is None else _chosen(rows, most)
        lines = _aligned(shown, standing.definition.metric, list(standing.definition.space), columns)
        if len(shown) < len(rows):
            lines.append(Text(f"  … and {len(rows) - len(shown)} more", "dim"))
        return [head, *lines]


class TrialLine:
    """The training of a trial in one line.

    Args:
        name: what is trained.
        step: steps that are done already.
        until: the step up to which it is trained.
    """

    def __init__(self, name: str, step: int, until: int, now: Callable[[], float]) -> None:
        self._name = name
        self._step = step
        self._until = until
        self._now = now
        self._pace: Pace | None = None
        self._figures: dict[str, str] = {}

    def move(self, step: int) -> None:
        self._pace = self._pace or Pace(step, self._now)  # the first step takes longest, and tells nothing
        self._pace.move(step)
        self._step = step

    def take(self, row: Mapping[str, Any]) -> None:
        self._figures |= figures(row)

    def draw(self, columns: int) -> Text:
        """At most `columns` wide."""
        left = (self._pace.left(self._until) if self._pace is not None else "") or "ETA …"
        step = Text(f"step {self._step:,} to {self._until:,}")
        shown = [f"loss {self._figures['loss']}"] if "loss" in self._figures else []
        shown += [self._figures["rate"]] if "rate" in self._figures else []
        parts = [Text(self._name, "bold"), step, Text(left), *map(Text, shown)]
        rest = columns - sum(part.cell_len + len(_GAP) for part in parts)
        if rest >= 8 and self._until:
            parts.insert(1, bar(min(1.0, self._step / self._until), min(rest, _LONGEST_BAR)))
        return fitting(parts, columns)


def _head(standing: Standing, name: str, wanted: int, columns: int, *, going: bool) -> Text:
    """The whole search in one line; what it has come to when it is over."""
    expected, tokens = standing.expected, standing.tokens
    title = Text(f"search {name}", "bold")
    title.truncate(max(20, columns // 3), overflow="ellipsis")
    parts = [title, Text(f"{len(standing.trials)} of {wanted} trials")]
    spent = short(tokens) + (f" of {short(expected)}" if going and expected and expected > tokens else "")
    parts.append(Text(f"{spent} tokens"))
    if standing.best is not None:
        parts.append(Text(f"best {standing.best.value:.5g}", colour("good")))
    if going:
        parts += [Text(standing.left)] if standing.left else []
        rest = columns - sum(part.cell_len + len(_GAP) for part in parts)
        if rest >= 8 and expected:
            parts.insert(1, bar(min(1.0, tokens / expected), min(rest, _LONGEST_BAR)))
    return fitting(parts, columns)


def _chosen(rows: Sequence[TrialRow], most: int) -> list[TrialRow]:
    """The best, and those in training; with room for a line that counts the rest."""
    if len(rows) <= most:
        return list(rows)
    going = [row for row in rows if row.trial.target is not None and not row.trial.reason]
    best = [row for row in rows if row not in going][: max(1, most - 1 - len(going))]
    kept = {row.trial.number for row in (*best, *going)}
    return [row for row in rows if row.trial.number in kept][: most - 1]


def _aligned(rows: Sequence[TrialRow], metric: str, names: Sequence[str], columns: int) -> list[Text]:
    """The rows under their headers; where that is too wide, without tokens, then without the last columns."""
    headers = ["trial", "state", "step", metric, "tokens", *short_names(names)]
    table = [headers, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    kept = list(range(len(headers)))
    if _width(widths, kept) > columns:
        kept.remove(4)
    while _width(widths, kept) > columns and len(kept) > 1:
        kept.pop()
    lines = []
    for number, cells in enumerate(table):
        text = _GAP.join(cells[column].ljust(widths[column]) for column in kept).rstrip()
        line = Text(text, _style(rows[number - 1]) if number else "dim")
        if number and (reason := rows[number - 1].trial.reason):
            _append_reason(line, reason, columns)
        line.truncate(columns, overflow="ellipsis")
        lines.append(line)
    return lines


def _width(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[column] for column in kept) + len(_GAP) * (len(kept) - 1)


def _append_reason(line: Text, reason: str, columns: int) -> None:
    if columns - line.cell_len - len(_GAP) >= _SHORTEST_REASON:
        line.append(_GAP + re.sub(r"\s+", " ", reason))


def _style(row: TrialRow) -> str:
    if row.is_best:
        return f"bold {colour('good')}"
    if row.state == "failed":
        return "dim"
    return colour("hint") if row.state in ("running", "promoted") else ""
