"""Tasks by name, whoever brings them: lm-eval's, and those of plugins beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from brahma.core.config.sections import Choice
from brahma.core.errors import ConfigError
from brahma.core.plugins import get_plugins
from brahma.evaluation.harness.options import TaskOptions
from brahma.evaluation.harness.results import Figure, TaskResult, TaskResults

if TYPE_CHECKING:
    from brahma.evaluation.evaluator import Evaluator

_Figures = Callable[[], Mapping[str, float]]


def evaluate(evaluator: Evaluator, tasks: Sequence[str] | str, options: TaskOptions) -> TaskResults:
    """Run tasks by name; see `Evaluator.evaluate`."""
    names = split_names(tasks)
    own = {name: _bound(evaluator, name) for name in names if name in get_plugins().entries("task")}
    others = [name for name in names if name not in own]
    found = TaskResults({})
    if others:
        from brahma.evaluation.harness.running import run_tasks

        found = run_tasks(evaluator, others, options)
    brought = {name: _result(name, figures()) for name, figures in own.items()}
    return replace(found, tasks={**found.tasks, **brought}, document=_with(found.document, brought))


def split_names(tasks: Sequence[str] | str) -> list[str]:
    """The names, each once, in the order of asking.

    Raises:
        ConfigError: there is none.
    """
    listed = [tasks] if isinstance(tasks, str) else tasks
    names = [name.strip() for each in listed for name in each.split(",") if name.strip()]
    if not names:
        raise ConfigError("no task is named", hint="`brahma evaluate --list-tasks` lists all tasks")
    return list(dict.fromkeys(names))


def _bound(evaluator: Evaluator, name: str) -> _Figures:
    """The plugin's task, loaded and ready to run.

    Raises:
        PluginError: it cannot be imported.
    """
    plugins = get_plugins()
    options = plugins.options(plugins.find("task", name), Choice(name=name))
    return partial(plugins.load("task", name), evaluator, options)


def _result(name: str, figures: Mapping[str, float]) -> TaskResult:
    return TaskResult(
        name=name,
        version=get_plugins().registration("task", name).version,
        num_fewshot=0,
        examples=0,
        of_examples=0,
        figures={key: Figure(float(value)) for key, value in figures.items()},
    )


def _with(document: Mapping[str, object], brought: Mapping[str, TaskResult]) -> dict[str, object]:
    """The document with the plugins' tasks in it, in lm-eval's layout too."""
    parts: dict[str, Mapping[str, object]] = {
        "results": {name: {"name": name, "alias": name, **_keyed(task)} for name, task in brought.items()},
        "versions": {name: task.version for name, task in brought.items()},
        "n-shot": {name: task.num_fewshot for name, task in brought.items()},
    }
    whole = dict(document)
    for key, values in parts.items():
        before = document.get(key, {})
        assert isinstance(before, Mapping)
        whole[key] = {**before, **values}
    return whole


def _keyed(task: TaskResult) -> dict[str, float]:
    return {f"{name},none": figure.value for name, figure in task.figures.items()}
