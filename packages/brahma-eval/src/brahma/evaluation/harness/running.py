"""Named tasks run with lm-eval on a model of ours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ConfigError
from brahma.core.extras import needs
from brahma.core.progress import progress
from brahma.evaluation.harness.local.folders import existing
from brahma.evaluation.harness.options import TaskOptions
from brahma.evaluation.harness.quiet import one_process, own_random_numbers, quiet_libraries
from brahma.evaluation.harness.registry import find_tasks
from brahma.evaluation.harness.results import Effort, TaskResults

if TYPE_CHECKING:
    from brahma.evaluation.evaluator import Evaluator
    from brahma.evaluation.harness.chat import HarnessChat
    from brahma.evaluation.harness.remembering import RememberingLM

BOOTSTRAPS = 1000
"""Resamples for standard errors that have no formula, such as a median's. lm-eval takes 100,000, which
changes the error's second digit."""


def run_tasks(evaluator: Evaluator, names: Sequence[str], options: TaskOptions) -> TaskResults:
    """Run tasks and groups by their names in lm-eval.

    Nothing of the model is loaded before all names and data are found, and no weights are where every
    response is kept from before. The caller's random numbers are left alone.

    Raises:
        ConfigError: an unknown name.
        DataError: data that is not there, or not as the task needs it.
        TemplateError: a chat template is asked for, and the tokenizer has none.
        ModelError: the model cannot be loaded, or cannot do what a task asks for.
        MissingDependencyError: lm-eval is not installed.
    """
    began = time.monotonic()
    find_tasks(names, include_path=options.include_path)  # a misspelt name is told at once
    if options.data_dir is not None:
        existing(options.data_dir)
    with ExitStack() as stack:
        stack.enter_context(own_random_numbers(*options.seeds[:3]))  # imports draw some, too
        with progress("loading lm-eval"), needs("brahma-eval[tasks]", "evaluating named tasks"):
            import lm_eval.evaluator
        from brahma.evaluation.harness.asking import asking
        from brahma.evaluation.harness.document import complete
        from brahma.evaluation.harness.loading import load_tasks
        from brahma.evaluation.harness.prompts_once import templates_compiled_once
        from brahma.evaluation.harness.translation import group_results, task_results

        stack.enter_context(quiet_libraries())
        stack.enter_context(templates_compiled_once())
        chat = _chat(evaluator, options)
        loaded = load_tasks(
            names,
            data_dir=options.data_dir,
            include_path=options.include_path,
            num_fewshot=options.num_fewshot,
            allow_code=options.allow_code,
            seed=options.seeds[3],
        )
        model = stack.enter_context(asking(evaluator, options, chat))
        stack.enter_context(one_process())
        with _naming_a_tasks_mistakes(names):
            document = lm_eval.evaluator.evaluate(
                model,
                loaded.task_dict,
                limit=options.limit,
                bootstrap_iters=BOOTSTRAPS,
                log_samples=True,
                system_instruction=options.system_instruction,
                apply_chat_template=chat is not None,
                fewshot_as_multiturn=chat is not None,
                confirm_run_unsafe_code=loaded.runs_code,
            )
        found = task_results(document, loaded.tasks, with_samples=options.log_samples)
        effort = _effort(model, time.monotonic() - began)
        return TaskResults(
            tasks=found,
            groups=group_results(document, found),
            document=complete(document, evaluator, options, effort, bootstraps=BOOTSTRAPS, chat=chat),
            effort=effort,
            notes=(*loaded.notes, *_kept_fewshot(loaded.tasks, options)),
        )


def _chat(evaluator: Evaluator, options: TaskOptions) -> HarnessChat | None:
    """The template that is asked for; its absence is told before any task is loaded."""
    from brahma.evaluation.harness.chat import HarnessChat

    if not options.chat_template:
        return None
    return HarnessChat(evaluator.tokenizer, options.chat_template, where=str(evaluator.model_path))


@contextmanager
def _naming_a_tasks_mistakes(names: Sequence[str]) -> Iterator[None]:
    """What a task's own code raises is no bug of ours.

    Raises:
        ConfigError: in its place.
    """
    try:
        yield
    except BrahmaError:
        raise
    except Exception as error:
        modules = {frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)}
        if any(module.startswith("brahma.") for module in modules - {__name__}):
            raise  # the model answered, and failed
        raise ConfigError(
            "lm-eval cannot run this task" if len(names) == 1 else "lm-eval cannot run one of these tasks",
            where=", ".join(names),
            why=f"{type(error).__name__}: {first_line(error)}",
            hint="Mend the task if it is yours, else leave it out; BRAHMA_DEBUG=1 shows what lm-eval says",
        ) from error


def _kept_fewshot(tasks: Mapping[str, Any], options: TaskOptions) -> list[str]:
    """What became of an order for few-shot examples, where it is not what was ordered."""
    if not options.num_fewshot:
        return []
    kept = [name for name, task in tasks.items() if task.get_config("num_fewshot") == 0]
    if not kept:
        return []
    return [f"no examples before the questions of {', '.join(kept)}: the task fixes that, in lm-eval too"]


def _effort(model: RememberingLM, seconds: float) -> Effort:
    return Effort(
        requests=model.requests,
        remembered=model.remembered,
        truncated=model.truncated,
        max_length=model.max_length,
        seconds=seconds,
    )
