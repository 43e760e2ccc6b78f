"""A search in plain lines on standard error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TextIO

from brahma.core.pace import Outcome, Pace, Work
from brahma.core.progress import PlainScreen
from brahma.train.monitor.formatting import figures
from brahma.train.search import events
from brahma.train.search.table import in_words

_LINE_EVERY = 60.0  # seconds between two lines of a trial in training


class EventLines:
    """What is said of each thing that happens.

    Attributes:
        name: of the study; empty before it is told.
        trials: that there will be.
    """

    def __init__(self) -> None:
        self.name = ""
        self.trials = 0
        self._metric = ""

    def __call__(self, event: events.Event) -> list[str]:
        match event:
            case events.SearchBegun():
                return self._begun(event)
            case events.TrialStarted(number, params, _, steps):
                return [f"trial {number}: {in_words(params)}, to step {steps}"]
            case events.TrialResumed(number, params, _, step):
                return [f"trial {number} goes on from step {step}: {in_words(params)}"]
            case events.Promoted(number, _, before, after):
                return [f"trial {number} is promoted: from step {before} to {after}"]
            case events.RungReached(number, _, step, tokens, value):
                return [f"trial {number}: {self._metric} {value:.5g} at step {step}, {tokens:,} tokens"]
            case events.TrialFinished(number, step, tokens, value):
                at_end = f"{self._metric} {value:.5g} at step {step}, {tokens:,} tokens"
                return [f"trial {number} is finished: {at_end}"]
            case events.TrialFailed(number, params, reason):
                return [f"trial {number} is given up: {reason} ({in_words(params)})"]
            case events.Waiting():
                return ["waiting for the trials of other processes"]
            case events.BudgetSpent(spent, whole):
                return [
                    f"the token budget is spent: {spent:,} of {whole:,}; what is left pays no further step"
                ]
            case events.Exhausted(trials):
                return [f"all values of the space were tried, in {trials} trials"]

    def _begun(self, event: events.SearchBegun) -> list[str]:
        self.name, self.trials, self._metric = event.name, event.trials, event.metric
        way = "highest" if event.higher_is_better else "lowest"
        budget = "" if event.max_tokens is None else f", {event.max_tokens:,} tokens at most"
        known = f"; {event.known} are stored already" if event.known else ""
        return [
            f"search {event.name}: the {way} {event.metric} of {event.trials} trials{budget}{known}",
            *(f"  {name}: {span}" for name, span in event.space.items()),
            f"  compared after {', '.join(event.rungs)} of a trial's length",
        ]


class Heard:
    """What of a trial's own notes is said in a search: its log has all of them.

    Each warning once, whatever its numbers are, as twenty trials would give it twenty times; and that a
    request to stop was heard.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, text: str, *, warning: bool) -> list[str]:
        if not warning:
            return [text] if text.startswith(("SIGINT ", "SIGTERM ")) else []
        kind = re.sub(r"\(.*?\)|[\d.,e+-]+", "", text)
        if kind in self._said:
            return []
        self._said.add(kind)
        return [text]


class PlainSearch(PlainScreen):
    """A line for each thing that happens, and now and then one of a trial that is trained long."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = monotonic) -> None:
        super().__init__(stream, now)
        self._lines = EventLines()
        self._heard = Heard()
        self._begun = False
        self._trial = ""
        self._pace: Pace | None = None
        self._until = 0
        self._next_line = 0.0

    def tell(self, event: events.Event) -> None:
        """Something has happened in the search."""
        for line in self._lines(event):
            self.say(line)
        match event:
            case events.SearchBegun():
                self._begun = True
            case events.TrialStarted(number, _, _, step) | events.Promoted(number, _, _, step):
                self._trial, self._until = f"trial {number}", step
            case events.TrialResumed(number, _, _, _):
                self._trial, self._until = f"trial {number}", 0

    def task_ends(self, work: Work, outcome: Outcome) -> None:
        if not self._begun or outcome == "failed":
            super().task_ends(work, outcome)
        else:
            self._spoke.pop(id(work), None)

    def begin(self, run: str, step: int, total: int) -> None:
        self._pace, self._next_line = None, self._now() + _LINE_EVERY
        self._until = self._until or total

    def step(self, step: int) -> None:
        self._pace = self._pace or Pace(step, self._now)
        self._pace.move(step)

    def row(self, row: Mapping[str, Any]) -> None:
        shown = figures(row)
        if "loss" not in shown or self._now() < self._next_line:
            return
        self._next_line = self._now() + _LINE_EVERY
        left = self._pace.left(self._until) if self._pace is not None else ""
        rate = [shown["rate"]] if "rate" in shown else []
        step = f"{self._trial}: step {row['step']:,}, loss {shown['loss']}"
        self.say("  ".join([step, *rate, *([left] if left else [])]))

    def saved(self, checkpoint: str, best: str | None) -> None:
        pass  # checkpoints are those of a trial

    def end(self) -> None:
        pass  # of a trial's training, which the search tells itself

    def note(self, text: str, *, warning: bool) -> None:
        for line in self._heard(text, warning=warning):
            self.say(f"warning: {line}" if warning else line)
