"""What an evaluation of a run measures: the loss on validation data, and named tasks on a sample."""

from __future__ import annotations

import logging

from transformers import PreTrainedModel

from brahma.core.config import EvaluationSection
from brahma.core.entries import MetricEntry
from brahma.core.error_text import first_line
from brahma.core.plugins import get_plugins
from brahma.data.packs import Packs
from brahma.evaluation.losses import evaluate_packs
from brahma.evaluation.totals import LossTotals
from brahma.train.tasks import Tasks

_log = logging.getLogger(__name__)

BY_THE_LOSS = ("loss", "perplexity", "bits_per_byte")
"""Metrics in every evaluation. On one set of data they are best together."""


class Measuring:
    """Measures a model that is being trained, and leaves it as it was.

    Args:
        validation: packs to score; None: there are none.
        tasks: to run; None: there are none.
        batch_size: packs scored at once.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        evaluation: EvaluationSection,
        *,
        validation: Packs | None,
        tasks: Tasks | None,
        batch_size: int,
    ) -> None:
        self._model = model
        self._evaluation = evaluation
        self._validation = validation
        self._tasks = tasks
        self._batch_size = batch_size
        own = () if evaluation.metric_task is not None else (evaluation.metric,)
        names = dict.fromkeys((*BY_THE_LOSS, *own))
        self._metrics = {name: get_plugins().load("metric", name, "evaluation.metric") for name in names}

    @property
    def has_any(self) -> bool:
        """Whether there is anything to measure."""
        return self._validation is not None or self._tasks is not None

    def begin(self) -> bool:
        """Try the tasks; whether a higher value of the run's metric is better.

        Raises:
            BrahmaError: a task cannot be run, or gives no such figure.
        """
        if self._tasks is not None:
            self._tasks.rehearse()
        if self._tasks is not None and self._evaluation.metric_task is not None:
            return self._tasks.higher_is_better(self._evaluation.metric, self._evaluation.higher_is_better)
        entry = get_plugins().find("metric", self._evaluation.metric, "evaluation.metric")
        assert isinstance(entry, MetricEntry)
        return entry.higher_is_better

    def is_whole(self, evaluations: int) -> bool:
        """Whether the evaluation of this number (from 1) between steps measures all there is."""
        sampled = self._validation is not None and self._evaluation.max_packs is not None
        return not sampled and self._runs_tasks(evaluations) == (self._tasks is not None)

    def between_steps(self, evaluations: int) -> dict[str, float]:
        """`eval/<metric>` and `eval/<task>/<figure>` of the evaluation of this number."""
        return self._measure(self._evaluation.max_packs, tasks=self._runs_tasks(evaluations))

    def whole(self) -> dict[str, float]:
        """The same of all validation packs, and of the tasks."""
        return self._measure(None, tasks=True)

    def _runs_tasks(self, evaluations: int) -> bool:
        return self._tasks is not None and evaluations % self._evaluation.task_every == 0

    def _measure(self, max_packs: int | None, *, tasks: bool) -> dict[str, float]:
        found: dict[str, float] = {}
        if self._validation is not None:
            totals = evaluate_packs(
                self._model, self._validation, batch_size=self._batch_size, max_packs=max_packs
            )
            found |= self._of_totals(totals) | {"eval/tokens": totals.tokens}
        if tasks and self._tasks is not None:
            found |= self._tasks.run()
        return found

    def _of_totals(self, totals: LossTotals) -> dict[str, float]:
        found = {}
        for name, metric in self._metrics.items():
            try:
                found[f"eval/{name}"] = float(metric(totals))
            except Exception as error:  # a stranger's code: the run goes on without it
                _log.warning("the metric %s failed, %s: %s", name, type(error).__name__, first_line(error))
        return found
