"""Named tasks between the steps of a run."""

from __future__ import annotations

import copy
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from brahma.core.config import EvaluationSection
from brahma.core.config.choices import check_direction
from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ConfigError, TrainingError
from brahma.core.modes import evaluating
from brahma.core.suggest import suggestion
from brahma.evaluation.evaluator import Evaluator
from brahma.evaluation.harness.results import Figure, TaskResult, TaskResults

_log = logging.getLogger(__name__)


class Tasks:
    """Runs the tasks of a configuration on the model that is being trained, which stays as it is.

    Args:
        batch_size: sequences computed at once.
        place: of a key, for errors: `my.json:5: evaluation.tasks`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        evaluation: EvaluationSection,
        *,
        batch_size: int,
        place: Callable[[str], str],
    ) -> None:
        self._place = place
        self._model = model
        self._evaluation = evaluation
        self._evaluator = Evaluator.from_model(model, tokenizer, batch_size=batch_size)
        self._known: dict[str, Figure] = {}  # by `<task>/<figure>`

    def rehearse(self) -> None:
        """Run each task on one example: what cannot run is refused before the training, not hours later.

        Raises:
            BrahmaError: an unknown name, missing data, a package that is not installed, ….
        """
        for name in self._evaluation.task_names:
            try:
                self._known |= self._figures(name, limit=1)
            except BrahmaError as error:
                error.where = error.where or self._place("evaluation.tasks")
                raise
            except Exception as error:
                raise TrainingError(
                    f"the task {name!r} cannot be run",
                    where=self._place("evaluation.tasks"),
                    why=f"{type(error).__name__}: {first_line(error)}",
                    hint="remove it, or try it alone: brahma evaluate --tasks " + name,
                ) from error

    def higher_is_better(self, metric: str, said: bool | None) -> bool:
        """Which way a task's figure improves: as the task says, else as `said`, else upwards.

        Raises:
            ConfigError: no task gives this figure, or it says the opposite of what was said.
        """
        if metric not in self._known:
            raise ConfigError(
                f"no task gives {metric!r}",
                where=self._place("evaluation.metric"),
                why=f"they give {', '.join(sorted(self._known))}",
                hint=suggestion(metric, self._known, nothing="name other tasks"),
            )
        known = self._known[metric].higher_is_better
        check_direction(metric, known, said, self._place("evaluation.higher_is_better"))
        return next((each for each in (known, said) if each is not None), True)

    def run(self) -> dict[str, float]:
        """`eval/<task>/<figure>` of each task that runs; one that fails is named, and the run goes on."""
        found: dict[str, float] = {}
        for name in self._evaluation.task_names:
            try:
                figures = self._figures(name, limit=self._evaluation.task_limit)
            except Exception as error:  # whatever it is, hours of training are worth more
                _log.warning("the task %s failed, and is left out of this evaluation: %s", name, _why(error))
                _log.debug("the task %s", name, exc_info=True)
                continue
            found |= {f"eval/{key}": figure.value for key, figure in figures.items()}
        return found

    def _figures(self, name: str, limit: int) -> dict[str, Figure]:
        with untouched(self._model):
            results = self._evaluator.evaluate(
                [name],
                limit=limit,
                num_fewshot=self._evaluation.num_fewshot,
                data_dir=self._evaluation.data_dir,
                cache=False,  # the weights are others each time
                log_samples=False,
            )
        return {
            f"{task}/{figure}": value
            for task, result in _asked(results, name, self._evaluation.metric_task).items()
            for figure, value in result.figures.items()
        }


def _asked(results: TaskResults, name: str, metric_task: str | None) -> Mapping[str, TaskResult]:
    """The group or task of that name, and the one that the run goes by; all of a name for several."""
    every = {**results.tasks, **results.groups}
    wanted = {name, metric_task} if name in every else every.keys()
    return {task: result for task, result in every.items() if task in wanted}


def _why(error: Exception) -> str:
    if isinstance(error, BrahmaError):
        return "; ".join(part for part in (error.message, error.why) if part)
    return f"{type(error).__name__}: {first_line(error)}"


@contextmanager
def untouched(model: PreTrainedModel) -> Iterator[None]:
    """Leave the model, and all generators of random numbers, as they were, whatever is done inside."""
    numbers, arrays = random.getstate(), np.random.get_state()
    use_cache, generation = getattr(model.config, "use_cache", None), copy.deepcopy(model.generation_config)
    devices = [model.device.index or 0] if model.device.type == "cuda" else []
    name = model.config._attn_implementation
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad(), evaluating(model):
            yield
    finally:
        if model.config._attn_implementation != name:
            model.set_attn_implementation(name)
        if use_cache is not None:
            model.config.use_cache = use_cache
        model.generation_config = generation
        random.setstate(numbers)
        np.random.set_state(arrays)
