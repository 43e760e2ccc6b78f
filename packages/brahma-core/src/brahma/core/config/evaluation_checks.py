"""What in `evaluation`, and in the keys that say when it happens, makes no sense together."""

from __future__ import annotations

from collections.abc import Iterator

from brahma.core.config.problems import Mistake
from brahma.core.config.sections import Config

_MOST_HELD_OUT = 0.5
"""A larger fraction is that of the training data, misunderstood."""

_STRATEGY = "training_config.evaluation_strategy"
_VALIDATION = "data_config.validation"
_BETWEEN_STEPS = 'give "evaluation_strategy": "steps" or "epoch" in training_config, or remove it'
_HOLD_OUT = 'give "validation" in data_config: a fraction such as 0.01, or a path'
_OF_TASKS = ("task_limit", "task_every", "num_fewshot", "data_dir")


def evaluation_mistakes(config: Config) -> Iterator[Mistake]:
    """When is evaluated, on what, by which metric, and what for."""
    yield from _when(config)
    yield from _held_out(config)
    yield from _tasks(config)
    yield from _metric(config)
    yield from _stopping(config)


def _when(config: Config) -> Iterator[Mistake]:
    strategy = config.training.evaluation_strategy
    if strategy != "no" and config.data.validation is None and not config.evaluation.task_names:
        yield Mistake((_STRATEGY, _VALIDATION), f'"{strategy}", but there is no validation data', _HOLD_OUT)
    if strategy != "steps" and config.training.eval_steps is not None:
        text = f'is for "evaluation_strategy": "steps", and that is "{strategy}"'
        hint = 'give "evaluation_strategy": "steps" in training_config, or remove it'
        yield Mistake(("training_config.eval_steps", _STRATEGY), text, hint)
    if strategy == "no" and config.evaluation.max_packs is not None:
        text = 'is for evaluations between steps, and "evaluation_strategy" is "no"'
        yield Mistake(("evaluation.max_packs", _STRATEGY), text, _BETWEEN_STEPS)


def _held_out(config: Config) -> Iterator[Mistake]:
    validation = config.data.validation
    if isinstance(validation, float) and validation > _MOST_HELD_OUT:
        text = f"{100 * validation:.3g} % of the data would be held out and not trained on"
        hint = f"the part that is held out: {1 - validation:.3g}, if the rest is to be trained on"
        yield Mistake((_VALIDATION,), text, hint)
    if validation == config.data.train:
        text = "is the training data itself: its score would say nothing about new text"
        hint = "other files, or a fraction such as 0.01, which is held out"
        yield Mistake((_VALIDATION, "data_config.train"), text, hint)


def _tasks(config: Config) -> Iterator[Mistake]:
    evaluation, names = config.evaluation, config.evaluation.task_names
    if evaluation.tasks is not None and not names:
        yield Mistake(("evaluation.tasks",), "names no task", 'such as "tasks": ["hellaswag"]')
    if double := next((name for name in names if names.count(name) > 1), None):
        yield Mistake(("evaluation.tasks",), f'"{double}" stands twice', "remove one of the two")
    if odd := next((name for name in names if name.startswith("[") or '"' in name), None):
        plain = ",".join(name.strip("[]\"' ") for name in names)
        hint = f"names with commas between them, or a list: evaluation.tasks={plain}"
        yield Mistake(("evaluation.tasks",), f"{odd} is no name of a task", hint)
    if names:
        return
    for key in _OF_TASKS:
        if getattr(evaluation, key) != type(evaluation).model_fields[key].default:
            text, hint = "is for tasks, and there are none", 'give "tasks": ["hellaswag"], or remove it'
            yield Mistake((f"evaluation.{key}", "evaluation.tasks"), text, hint)


def _metric(config: Config) -> Iterator[Mistake]:
    metric, task = config.evaluation.metric, config.evaluation.metric_task
    key = "evaluation.metric"
    if task is not None and not config.evaluation.task_names:
        hint = f'give "tasks": ["{task}"] in evaluation'
        yield Mistake((key, "evaluation.tasks"), f'"{metric}" is of a task, and there are none', hint)
    if task is None and metric != "loss" and config.data.validation is None:
        yield Mistake((key, _VALIDATION), f'"{metric}" is of validation data, and there is none', _HOLD_OUT)


def _stopping(config: Config) -> Iterator[Mistake]:
    evaluation, key = config.evaluation, "evaluation.patience"
    if evaluation.patience is None:
        if evaluation.min_delta:
            text, hint = "is for patience, and there is none", 'give "patience": 3, or remove it'
            yield Mistake(("evaluation.min_delta", key), text, hint)
        return
    if config.training.evaluation_strategy == "no":
        text = 'counts evaluations between steps, and "evaluation_strategy" is "no"'
        yield Mistake((key, _STRATEGY), text, _BETWEEN_STEPS)
    elif evaluation.metric == "loss" and config.data.validation is None:
        text = "goes by the loss on validation data, and there is none"
        hint = f'{_HOLD_OUT}; or a task\'s figure as "metric"'
        yield Mistake((key, _VALIDATION), text, hint)
