"""The values of the next trial: asked of a sampler that sees all trials before, and of nothing else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from brahma.core.config.sections import Choice
from brahma.core.entries import SamplerEntry
from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ConfigError, PluginError
from brahma.core.extras import needs
from brahma.core.plugins import check_stop, get_plugins
from brahma.train.search.parameters import Value
from brahma.train.search.ranges import Numbers, Range, Values
from brahma.train.search.records import TrialRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_WHERE = "search.sampler"
_ATTEMPTS = 20  # to get values that were not tried yet; a sampler is not told that it repeats itself

Space = Mapping[str, Range]
"""Name of a parameter -> range."""

Direction = Literal["minimize", "maximize"]


def distribution(span: Range) -> BaseDistribution:
    """A range in optuna's words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(span, Values):
        return CategoricalDistribution(span.values)
    if span.whole:
        return IntDistribution(int(span.low), int(span.high), log=span.log, step=int(span.step or 1))
    return FloatDistribution(span.low, span.high, log=span.log, step=span.step)


class Sampler:
    """Gives the values of a trial: a function of the seed, the trial's number and the trials before.

    Args:
        choice: name and options of the sampler.

    Raises:
        PluginError, ConfigError: there is none of that name, or it cannot be used here.
    """

    def __init__(self, choice: Choice, seed: int, space: Space, *, higher_is_better: bool) -> None:
        with needs("brahma-train[search]", "a search for better settings"):
            import optuna  # noqa: F401 (asked for here, to say so early)
        plugins = get_plugins()
        self._found = plugins.registration("sampler", choice.name, _WHERE)
        self._options = plugins.options(self._found.entry, choice, _WHERE)
        self._make = self._found.load(_WHERE)
        self._seed = seed
        self._space = space
        self._direction: Direction = "maximize" if higher_is_better else "minimize"
        entry = self._found.entry
        if isinstance(entry, SamplerEntry) and entry.finite and (name := _endless(space)):
            raise ConfigError(
                f"the sampler {choice.name} goes through all values, and {name} has endlessly many",
                where=_WHERE,
                hint=f"give {name} a list of values, or a step; or choose another sampler, such as tpe",
            )

    def suggest(self, trials: Sequence[TrialRecord]) -> dict[str, Value] | None:
        """The values of the trial after these; None where all that there are were tried.

        Raises:
            PluginError: the sampler failed, or gave what lies outside of the space.
        """
        tried = {_point(self._space, trial.params) for trial in trials}
        if _count(self._space) <= len(tried):
            return None
        for attempt in range(_ATTEMPTS):
            values = self._asked(trials, attempt)
            if _point(self._space, values) not in tried:
                return values
        if math.isinf(_count(self._space)):
            return values
        return next(point for point in _points(self._space) if _point(self._space, point) not in tried)

    def _asked(self, trials: Sequence[TrialRecord], attempt: int) -> dict[str, Value]:
        label, number = self._found.label, len(trials)
        words = np.random.SeedSequence([self._seed, number, attempt]).generate_state(2)
        try:
            sampler = self._make(int(words[0]), self._options)
            study = seen(trials, self._space, self._direction, sampler)
            spans = {name: distribution(span) for name, span in self._space.items()}
            values = dict(study.ask(spans).params)
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code: whatever it raises is its own fault
            check_stop(error)
            said = f"{type(error).__name__}: {first_line(error)}"
            hint = "tell its authors, or choose another sampler, such as tpe"
            raise PluginError(
                f"{label} failed at trial {number}", where=_WHERE, why=said, hint=hint
            ) from error
        return {name: _plain(values[name]) for name in self._space}


def seen(trials: Sequence[TrialRecord], space: Space, direction: Direction, sampler: Any) -> Study:
    """A study in memory as samplers see it.

    Finished trials are COMPLETE; those at a rung PRUNED, with the values they had; those that failed PRUNED
    without any, which is the worst; those being trained RUNNING.
    """
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(sampler=sampler, direction=direction)
        study.add_trials([_frozen(trial, space) for trial in trials])
    finally:
        optuna.logging.set_verbosity(before)
    return study


def _frozen(trial: TrialRecord, space: Space) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    state, value = TrialState.PRUNED, None
    if trial.status == "finished":
        state, value = TrialState.COMPLETE, trial.value
    elif trial.status in ("running", "waiting"):
        state = TrialState.RUNNING
    values = {} if trial.reason else dict(enumerate(trial.values))
    return create_trial(
        state=state,
        value=value,
        params=dict(trial.params),
        distributions={name: distribution(span) for name, span in space.items()},
        intermediate_values=values,
    )


def _plain(value: Any) -> Value:
    """A number of Python's own, where a sampler gives one of numpy's."""
    plain: Value = value.item() if isinstance(value, np.generic) else value
    return plain


def _point(space: Space, values: Mapping[str, Value]) -> tuple[Any, ...]:
    return tuple(_key(span, values[name]) for name, span in space.items())


def _key(span: Range, value: Value) -> tuple[bool, Value]:
    """What tells a value from others: true is not 1."""
    if isinstance(span, Numbers) and isinstance(value, int | float):
        return False, span.number_of(value)
    return isinstance(value, bool), value


def _endless(space: Space) -> str | None:
    """A parameter with endlessly many values, if there is one."""
    return next((name for name, span in space.items() if math.isinf(_size(span))), None)


def _size(span: Range) -> float:
    if isinstance(span, Values):
        return len(span.values)
    if span.whole or span.step is not None:
        return int((span.high - span.low) / (span.step or 1) + 1e-9) + 1
    return math.inf


def _count(space: Space) -> float:
    return math.prod(_size(span) for span in space.values())


def _points(space: Space) -> Iterator[dict[str, Value]]:
    """All points of a space in which each parameter has a number of values."""
    for point in itertools.product(*(_each(span) for span in space.values())):
        yield dict(zip(space, point, strict=True))


def _each(span: Range) -> Iterator[Value]:
    if isinstance(span, Values):
        yield from span.values
        return
    assert isinstance(span, Numbers)
    for number in range(int(_size(span))):
        value = span.low + number * (span.step or 1)
        yield int(value) if span.whole else value
