"""The tasks that a configuration names, before anything is made or loaded. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from brahma.core.config import ResolvedConfig
from brahma.core.config.choices import place_of
from brahma.core.errors import BrahmaError
from brahma.core.plugins import get_plugins


def check_task_names(resolved: ResolvedConfig) -> None:
    """Refuse names of tasks that nobody brings.

    Raises:
        ConfigError: with each of them, and the nearest name there is.
        MissingDependencyError: lm-eval, which brings the others, is not installed.
    """
    brought = get_plugins().entries("task")
    others = [name for name in resolved.config.evaluation.task_names if name not in brought]
    if not others:
        return
    from brahma.evaluation.harness.registry import find_tasks

    try:
        find_tasks(others)
    except BrahmaError as error:
        error.where = error.where or place_of(resolved, "evaluation.tasks")
        raise


def check_task_data(resolved: ResolvedConfig) -> None:
    """Refuse tasks whose rows are not there, before a corpus is tokenised for a run that they would end.

    Raises:
        BrahmaError: data is missing or wrong, or a package is.
    """
    evaluation = resolved.config.evaluation
    brought = get_plugins().entries("task")
    others = [name for name in evaluation.task_names if name not in brought]
    if not others:
        return
    from brahma.evaluation.harness.loading import load_tasks

    try:
        load_tasks(others, data_dir=evaluation.data_dir, num_fewshot=evaluation.num_fewshot)
    except BrahmaError as error:
        error.where = error.where or place_of(resolved, "evaluation.tasks")
        raise


def runs_with(names: Sequence[str], task: str) -> bool:
    """Whether running these names runs a task or group too: it is one of them, or in one of them.

    Raises:
        ConfigError: a name that nobody brings.
        MissingDependencyError: lm-eval, which brings the others, is not installed.
    """
    brought = get_plugins().entries("task")
    others = [name for name in names if name not in brought]
    if task in names or not others:
        return task in names
    from brahma.evaluation.harness.registry import registry

    known = registry()
    return any(task in known.within(name) for name in known.resolve(others))
