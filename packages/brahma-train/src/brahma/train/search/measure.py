"""What trials are compared by: a metric of a run, a task's figure, or an objective of a plugin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from brahma.core.config import Config, SearchSection
from brahma.core.config.choices import check_direction
from brahma.core.config.sections import Choice
from brahma.core.entries import MetricEntry, ObjectiveEntry
from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ConfigError, PluginError, TrainingError
from brahma.core.plugins import check_stop, get_plugins
from brahma.core.runs import Run
from brahma.core.suggest import suggestion
from brahma.train.task_names import runs_with

_WHERE = "search.metric"
_OF_ROWS = (
    *("train/loss", "train/grad_norm", "train/lr", "train/tokens"),
    *("rate/tokens_per_second", "rate/mfu"),
)
"""Metrics of a run that are no evaluation's."""

_LOWER = ("loss", "perplexity", "bits_per_byte", "bpb", "brier_score", "ter", "wer", "grad_norm", "mse")
"""Ends of names of which less is better, where nobody else says which way a metric improves."""


class Measure:
    """The metric of a search.

    Args:
        search: its name, and which way it improves if that is said.
        config: the base configuration.

    Attributes:
        name: of the metric.
        higher_is_better: which way it improves.

    Raises:
        ConfigError: the run will not produce it, as far as that is known before the first trial.
        PluginError: nobody brings it.
    """

    def __init__(self, search: SearchSection, config: Config) -> None:
        self.name = search.metric
        self._config = config
        plugins = get_plugins()
        self._objective: Any = None
        known: bool | None = None
        if (objective := plugins.entries("objective").get(self.name)) is not None:
            assert isinstance(objective, ObjectiveEntry)
            self._options = plugins.options(objective, Choice(name=self.name), _WHERE)
            self._objective = plugins.load("objective", self.name, _WHERE)
            known = objective.direction == "maximize"
        elif (entry := plugins.entries("metric").get(self.name)) is not None:
            assert isinstance(entry, MetricEntry)
            if entry.of == "answers":
                raise _of_answers(self.name)
            known = entry.higher_is_better
            self._require_validation()
        elif self.name not in _OF_ROWS and self.name.rpartition("/")[0] in ("", "train", "rate"):
            raise self._unknown(_names())
        check_direction(self.name, known, search.higher_is_better, "search.higher_is_better")
        said = search.higher_is_better if known is None else known
        self.higher_is_better = _usual_direction(self.name) if said is None else said

    @property
    def task(self) -> str | None:
        """The task whose figure the metric is, else None."""
        return None if self.name in _OF_ROWS else self.name.rpartition("/")[0] or None

    def keys(self) -> dict[str, Any]:
        """Keys of `evaluation` that make each trial measure this.

        Raises:
            ConfigError: `evaluation.tasks` has a name that nobody brings.
        """
        if self._objective is not None or self.name in _OF_ROWS:
            return {}
        keys: dict[str, Any] = {"metric": self.name}
        if self.task is not None:
            names = self._config.evaluation.task_names
            keys |= {"tasks": names if runs_with(names, self.task) else [*names, self.task]}
            keys |= {"higher_is_better": self.higher_is_better}
        return keys

    def of(self, run: Run, step: int) -> float:
        """The metric of a run that was trained up to this step.

        Raises:
            ConfigError: the run does not produce it; the names that there are, are given.
            TrainingError: it is no finite number.
        """
        value = self._measured(run, step)
        if value is None or not math.isfinite(value):
            raise TrainingError(
                f"{self.name} is no finite number at step {step}",
                where=run.name,
                hint="the search goes on with other values",
            )
        return float(value)

    def _measured(self, run: Run, step: int) -> float | None:
        if self._objective is not None:
            return self._asked(run)
        key = self.name if self.name in _OF_ROWS else f"eval/{self.name}"
        found = figures(run, step)
        if key not in found:
            raise self._unknown([name.removeprefix("eval/") for name in found], run.name)
        return found[key]

    def _asked(self, run: Run) -> float:
        try:
            return float(self._objective(run, self._options))
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code: whatever it raises is its own fault
            check_stop(error)
            raise PluginError(
                f"{get_plugins().registration('objective', self.name).label} failed on {run.name}",
                where=_WHERE,
                why=f"{type(error).__name__}: {first_line(error)}",
                hint="tell its authors, or search by another metric",
            ) from error

    def _unknown(self, names: list[str], run: str | None = None) -> ConfigError:
        what = f"run {run} does not produce {self.name!r}" if run else f"no metric is called {self.name!r}"
        example = "" if run else "; a task's figure is TASK/FIGURE, such as hellaswag/acc"
        return ConfigError(
            what,
            where=_WHERE,
            why=f"it produces {', '.join(sorted(names))}" if run else None,
            hint=suggestion(self.name, names, nothing="search by loss") + example,
        )

    def _require_validation(self) -> None:
        if self._config.data.validation is None:
            raise ConfigError(
                f"{self.name} is of validation data, and there is none",
                where="data_config.validation",
                hint='give "validation" in data_config: a fraction such as 0.05, or a path',
            )


def _names() -> list[str]:
    """All that may be searched by, but for tasks' figures."""
    plugins = get_plugins()
    metrics = [each for each in plugins.entries("metric").values() if isinstance(each, MetricEntry)]
    of_totals = [each.name for each in metrics if each.of == "totals"]
    return [*of_totals, *plugins.entries("objective"), *_OF_ROWS]


def _of_answers(name: str) -> ConfigError:
    return ConfigError(
        f"a run does not produce {name!r}",
        where=_WHERE,
        why="it is of what a model writes; a run measures the loss on its validation data, and named tasks",
        hint="search by loss, or by a task's figure, such as hellaswag/acc",
    )


def figures(run: Run, step: int) -> Mapping[str, float | None]:
    """What was last measured of a run up to a step, by the keys of its metrics."""
    found: dict[str, float | None] = {}
    for row in run.metrics():
        if row["step"] <= step:
            rest = {key: value for key, value in row.items() if "/" in key}
            at_end = row["step"] == step
            found |= {key: value for key, value in rest.items() if at_end or not key.startswith("eval/")}
    return found | run.pauses.get(step, {})


def _usual_direction(name: str) -> bool:
    """Whether higher is better, by the name: figures of tasks are better higher, but for losses."""
    figure = name.rpartition("/")[2].partition(",")[0]
    return not figure.endswith(_LOWER)
