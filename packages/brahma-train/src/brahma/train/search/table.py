"""A search as a table: a row a trial, the best first. Pure but for the steps of trials in training."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from brahma.train.search.parameters import Value
from brahma.train.search.records import TrialRecord, best_trial, by_value
from brahma.train.search.storage import Definition

StepOf = Callable[[TrialRecord], int]
"""The step that a trial in training has got to."""


@dataclass(frozen=True)
class TrialRow:
    """A trial as it is shown.

    Attributes:
        state: `finished`, `paused`, `promoted` (in training past its first rung), `running`, `interrupted`
            (left by a process that is gone), `failed`.
        step: `300/900`: where it is, of its whole length.
        value: of the metric where it was last compared; empty before.
    """

    trial: TrialRecord
    state: str
    step: str
    value: str
    tokens: str
    params: tuple[str, ...]
    is_best: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """As they stand in a table; the best has a star."""
        number = f"{'*' if self.is_best else ' '}{self.trial.number}"
        return number, self.state, self.step, self.value, self.tokens, *self.params


def table_rows(trials: Sequence[TrialRecord], *, higher_is_better: bool, step_of: StepOf) -> list[TrialRow]:
    """A row for each trial: those that got furthest first, of these the best; then the others as they began.

    Values of different rungs are not compared: who was trained longer has the better one.
    """
    best = best_trial(trials, higher_is_better=higher_is_better)

    def place(trial: TrialRecord) -> tuple[bool, int, tuple[float, int]]:
        value = by_value(trial.value or 0.0, trial.number, higher_is_better)
        return trial.status == "failed", -trial.rung, value

    return [_row(trial, trial is best, step_of) for trial in sorted(trials, key=place)]


def _row(trial: TrialRecord, is_best: bool, step_of: StepOf) -> TrialRow:
    state: str = trial.status
    if state == "running" and trial.target:
        state = "promoted"
    if state == "waiting":
        state = "interrupted"
    at_rung = trial.steps[trial.rung] if trial.values else 0
    step = max(at_rung, step_of(trial)) if trial.target is not None or trial.reason else at_rung
    return TrialRow(
        trial,
        state,
        f"{step:,}/{trial.steps[-1]:,}",
        "" if trial.value is None else f"{trial.value:.5g}",
        short(tokens_at(trial, step)),
        tuple(in_short(value) for value in trial.params.values()),
        is_best,
    )


def tokens_at(trial: TrialRecord, step: int) -> int:
    """Tokens that a trial has been trained on at a step: exact at rungs, in proportion between them."""
    if trial.reason:
        return trial.spent
    steps, tokens = (0, *trial.steps), (0, *trial.tokens)
    after = bisect_right(steps, step)
    if after == len(steps):
        return tokens[-1]
    share = (step - steps[after - 1]) / (steps[after] - steps[after - 1])
    return round(tokens[after - 1] + share * (tokens[after] - tokens[after - 1]))


def expected_tokens(trials: Sequence[TrialRecord], wanted: int, reduction_factor: int | None) -> float:
    """Tokens of a whole search: all that begin come to the first rung, one in so many to each further one.

    Args:
        trials: those that there are, at least one.
        wanted: how many there will be.
    """
    known = [trial for trial in trials if trial.tokens[-1]] or list(trials)
    length = sum(trial.tokens[-1] for trial in known) / len(known)
    rungs = max(len(trial.tokens) for trial in known)
    whole = next(trial for trial in known if len(trial.tokens) == rungs)
    total, before, going = 0.0, 0, float(wanted)
    for tokens in whole.tokens:
        total += max(1.0, going) * (tokens - before) * length / max(1, whole.tokens[-1])
        before, going = tokens, going / (reduction_factor or 1)
    return total


def given_trial(trials: Sequence[TrialRecord], definition: Definition) -> TrialRecord | None:
    """The first trial, where it is the base configuration itself: that lies in the space, then."""
    if not trials:
        return None
    base, first = definition.base, trials[0]
    given = {name: base.get(path, base.get(f"{path}.name")) for name, path in definition.paths.items()}
    return first if given == dict(first.params) else None


def rung_name(definition: Definition, rung: int) -> str:
    """`after 1/9 of a trial`, `at the end`."""
    divisor = definition.divisors[rung]
    return "at the end" if divisor == 1 else f"after 1/{divisor} of a trial"


def short_names(names: Sequence[str]) -> list[str]:
    """`r` for `lora_config.r`, where no other parameter ends so."""
    ends = [name.rpartition(".")[2] for name in names]
    return [end if ends.count(end) == 1 else name for name, end in zip(names, ends, strict=True)]


def short(count: float) -> str:
    """`950`, `12.3k`, `4.5M`, `1.2B`."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}" if count < 999.5 * unit else f"{count / unit:,.0f}{name}"
    return f"{count:.0f}"


def in_short(value: Value) -> str:
    """A value of a parameter, in as few letters as tell it from others."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def in_words(params: Mapping[str, Value]) -> str:
    """`lr 0.00031, batch_size 8`."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )
