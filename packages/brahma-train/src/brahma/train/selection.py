"""Which evaluation is the best, and when a run that gets no better is over."""

from __future__ import annotations

import math
from collections.abc import Mapping

from brahma.core.config import EvaluationSection
from brahma.train.progress import Progress


class Selection:
    """Goes by one metric of the evaluations. What it remembers is kept in the run's progress.

    Attributes:
        metric: as configured.
        higher_is_better: which way it improves; a task's is known when the task has been run.
    """

    def __init__(self, evaluation: EvaluationSection, progress: Progress) -> None:
        self.metric = evaluation.metric
        self.higher_is_better = False
        self._patience = evaluation.patience
        self._min_delta = evaluation.min_delta
        self._progress = progress

    def take(self, found: Mapping[str, float]) -> bool:
        """Take an evaluation of the step that the run is at; whether it is the best so far.

        One that is no finite number is never the best. One that does not have the metric, because its task
        failed or was not run, says nothing.

        Args:
            found: `eval/<metric>` -> value.
        """
        progress, value = self._progress, found.get(f"eval/{self.metric}")
        progress.evaluations += 1
        if value is None:
            return False
        if self._gain(value, progress.mark) > self._min_delta:
            progress.mark, progress.stale = value, 0
        else:
            progress.stale += 1
        if self._gain(value, progress.best_value) <= 0:
            return False
        progress.best_value, progress.best_step = value, progress.step
        loss = found.get("eval/loss", math.nan)
        progress.best_loss = loss if math.isfinite(loss) else None
        return True

    @property
    def gives_up(self) -> bool:
        """Whether patience is at its end."""
        return self._patience is not None and self._progress.stale >= self._patience

    @property
    def reason(self) -> str:
        """Why the run is over, when it is."""
        progress, by = self._progress, f" by more than {self._min_delta:g}" if self._min_delta else ""
        times = "1 evaluation" if self._patience == 1 else f"{self._patience} evaluations"
        best = "it was never a number"
        if progress.best_value is not None:
            best = f"the best is {progress.best_value:.4g} at step {progress.best_step}"
        return f"stopped at step {progress.step}: eval {self.metric} is not better{by} after {times}; {best}"

    def _gain(self, value: float, before: float | None) -> float:
        """How much better a value is; minus infinity for what is no finite number."""
        if not math.isfinite(value):
            return -math.inf
        if before is None:
            return math.inf
        return value - before if self.higher_is_better else before - value
