"""A search in plain lines on standard error."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from brahma.train.search import events
from brahma.train.search.parameters import Value
from brahma.train.search.results import SearchResult


class PlainObserver:
    """Says each thing that happens in a line.

    Args:
        say: writes a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._metric = ""

    def __call__(self, event: events.Event) -> None:
        for line in self._lines(event):
            self._say(line)

    def _lines(self, event: events.Event) -> list[str]:
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
        self._metric = event.metric
        way = "highest" if event.higher_is_better else "lowest"
        budget = "" if event.max_tokens is None else f", {event.max_tokens:,} tokens at most"
        known = f"; {event.known} are stored already" if event.known else ""
        return [
            f"search {event.name}: the {way} {event.metric} of {event.trials} trials{budget}{known}",
            *(f"  {name}: {span}" for name, span in event.space.items()),
            f"  compared after {', '.join(event.rungs)} of a trial's length",
        ]


def in_words(params: Mapping[str, Value]) -> str:
    """`lr 0.00031, batch_size 8`."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )


def outcome(result: SearchResult, metric: str) -> list[str]:
    """What a search came to, in lines."""
    best, first = result.best, result.trials[0]
    step = f"step {best.steps[best.rung]}" + ("" if best.status == "finished" else f" of {best.steps[-1]}")
    lines = [f"best: trial {best.number}, {metric} {result.value:.5g} at {step}: {in_words(best.params)}"]
    if first.values and first.number != best.number:
        rung = min(best.rung, first.rung)
        lines.append(
            f"trial 0, {in_words(first.params)}, had {first.values[rung]:.5g} where the best had "
            f"{best.values[rung]:.5g}"
        )
    lines.append(
        f"{result.tokens:,} tokens in {len(result.trials)} trials; {result.tokens_anew:,} if those that go "
        f"on began anew; {result.tokens_in_full:,} if each were trained to its end"
    )
    if result.checkpoint is not None:
        lines.append(f"best checkpoint: {result.checkpoint}")
    return lines
