"""Results on data of one's own in the form of named tasks, so that these are judged in the same ways."""

from __future__ import annotations

import hashlib
import json

from brahma.core.errors import DataError
from brahma.core.plugins import get_plugins
from brahma.evaluation.harness.results import Figure, Sample, TaskResult, TaskResults
from brahma.evaluation.prompting import Prompt
from brahma.evaluation.results import Example, Results

NAME = "data"


def as_tasks(results: TaskResults | Results) -> TaskResults:
    """Named tasks as they are; data of one's own as the task `data`.

    Raises:
        DataError: the results on data of one's own were made without `examples=True`.
    """
    if isinstance(results, TaskResults):
        return results
    if not results.examples:
        raise DataError(
            "the results hold no examples to look at",
            why="evaluate_custom keeps them where it is asked to, and a loss has none",
            hint="Measure answers or choices, with examples=True",
        )
    count = len(results.examples)
    figures = {
        name: Figure(value, results.stderr.get(name), _higher_is_better(name))
        for name, value in results.metrics.items()
    }
    samples = tuple(_sample(number, example) for number, example in enumerate(results.examples))
    task = TaskResult(NAME, "", 0, count, count, figures, samples)  # those that a score failed on among them
    return TaskResults({NAME: task})


def _sample(number: int, example: Example) -> Sample:
    prompt = _text(example.prompt)
    content = json.dumps([prompt, *example.references]).encode()
    return Sample(
        doc_id=number,
        doc={"where": example.where, "question": prompt},
        text="\n".join([prompt, *example.references]),
        target=list(example.references),
        arguments=tuple((prompt, f" {reference}") for reference in example.references),
        responses=(example.output,),
        metrics=example.figures,
        doc_hash=hashlib.sha256(content).hexdigest(),
    )


def _text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(message["content"] for message in prompt)


def _higher_is_better(name: str) -> bool | None:
    """None for the figures of somebody's own function."""
    entry = get_plugins().entries("metric").get(name)
    return getattr(entry, "higher_is_better", None)
