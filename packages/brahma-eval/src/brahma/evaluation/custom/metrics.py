"""The metrics that an evaluation was asked for, by name, and called with care: they may be a plugin's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import cast

from brahma.core.entries import MetricEntry
from brahma.core.errors import BrahmaError, ConfigError, PluginError
from brahma.core.plugins import Registration, check_stop, get_plugins
from brahma.core.suggest import suggestion
from brahma.evaluation.custom.answers import Answer
from brahma.evaluation.custom.choices import ACCURACIES


@dataclass(frozen=True)
class Asked:
    """Metrics by what they are of.

    Attributes:
        totals: names of those of summed losses.
        answers: names of those of what the model writes.
        choices: some of `ACCURACIES`.
    """

    totals: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def sort_out(names: Sequence[str] | str) -> Asked:
    """The metrics of these names, in a list or with commas between them.

    Raises:
        ConfigError: no name at all, or one that nobody knows; the nearest one is given.
        PluginError: two plugins bring one name.
    """
    listed = names.split(",") if isinstance(names, str) else names
    wanted = tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))
    known = {name: cast(MetricEntry, entry).of for name, entry in get_plugins().entries("metric").items()}
    known_names = sorted({*known, *ACCURACIES})
    if not wanted:
        raise ConfigError("no metric is named", where="metrics", hint=suggestion("", known_names, nothing=""))
    for name in wanted:
        if name not in known_names:
            raise ConfigError(
                f"no metric is called {name!r}",
                where="metrics",
                why=get_plugins().passed_over(),
                hint=suggestion(name, known_names, nothing=""),
            )
    return Asked(
        totals=tuple(name for name in wanted if known.get(name) == "totals"),
        answers=tuple(name for name in wanted if known.get(name) == "answers"),
        choices=tuple(name for name in wanted if name in ACCURACIES),
    )


class AnswerMetric:
    """A metric of answers, whoever brought it.

    Raises:
        PluginError: it cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._registration: Registration = get_plugins().registration("metric", name)
        self._target: Callable[[Sequence[Answer]], float] = self._registration.load()

    def __call__(self, answers: Sequence[Answer]) -> float:
        """The figure of these answers; NaN where it has none.

        Raises:
            PluginError: it raises, or gives no number.
            MissingDependencyError: what it needs is not installed.
        """
        try:
            value = self._target(answers)
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code
            check_stop(error)
            raise self._failed(" ".join(f"{type(error).__name__}: {error}".split())) from error
        if not isinstance(value, Real) or isinstance(value, bool):
            raise self._failed(f"it gives {value!r}, no number")
        return float(value)

    def of_all(self, answers: Sequence[Answer]) -> float:
        """As calling it, where the figure must be there.

        Raises:
            PluginError: it is not finite.
        """
        value = self(answers)
        if not math.isfinite(value):
            raise self._failed(f"it gives {value} of {len(answers):,} answers")
        return value

    def _failed(self, why: str) -> PluginError:
        return PluginError(
            f"the {self._registration.label} fails",
            why=why,
            hint=f"`brahma plugins test {self.name}` tells more; measure without it meanwhile",
        )
