"""From rows to results: the model answers or chooses, and what it gave is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from brahma.data import Dataset
from brahma.evaluation.custom.answers import Answer
from brahma.evaluation.custom.choices import choose
from brahma.evaluation.custom.judging import Case, Failure, Score, judge
from brahma.evaluation.custom.metrics import AnswerMetric
from brahma.evaluation.custom.outputs import write_outputs
from brahma.evaluation.custom.prompts import Asking, Reader
from brahma.evaluation.custom.rows import Question, read_choices, read_questions
from brahma.evaluation.custom.uncertainty import error_of_mean, standard_error
from brahma.evaluation.results import COUNTS, Example, Results

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from brahma.data.dataset import Data
    from brahma.evaluation.evaluator import Evaluator
    from brahma.evaluation.sampling import Sampling


@dataclass(frozen=True)
class Settings:
    """What is measured, and how the model is asked.

    Attributes:
        metrics: of answers, or some of `ACCURACIES`.
        score: the user's own function.
        limit: rows, the first ones; None: all.
        keep: give each example with the results.
    """

    metrics: tuple[str, ...]
    score: Score | None
    asking: Asking
    limit: int | None
    keep: bool


def measure_answers(evaluator: Evaluator, data: Data, settings: Settings, sampling: Sampling) -> Results:
    """Results of what the model writes.

    Raises:
        BrahmaError: a row, a metric or the scoring function that cannot be used; before the model writes
            wherever that can be told.
    """
    questions, skipped = read_questions(data, referenced=bool(settings.metrics), limit=settings.limit)
    metrics = [AnswerMetric(name) for name in settings.metrics]
    _try_out(metrics, questions)
    model, tokenizer = evaluator.model, _with_template(evaluator.tokenizer, data, settings.asking)
    reader = Reader(model, tokenizer, settings.asking)
    outputs, cut = write_outputs(
        model, tokenizer, questions, reader, sampling, batch_size=evaluator.packs_at_once
    )
    answers = [
        Answer(question.prompt, output, question.references, question.example)
        for question, output in zip(questions, outputs, strict=True)
    ]
    table = _Table([question.where for question in questions])
    for metric in metrics:
        value, singles = metric.of_all(answers), [metric([each]) for each in answers]
        table.add(metric.name, value, standard_error(metric, answers, value, singles), singles)
    table.judge(settings.score, [(each.example, each.output) for each in answers])
    examples = [
        Example(where, each.prompt, each.output, each.references, figures)
        for where, each, figures in zip(table.places, answers, table.rows, strict=True)
    ]
    return table.results(examples if settings.keep else [], skipped=skipped, cut=cut)


def measure_choices(evaluator: Evaluator, data: Data, settings: Settings) -> Results:
    """Results of what the model finds likeliest; the scoring function is given that choice.

    Raises:
        BrahmaError: a row or the scoring function that cannot be used.
    """
    questions = read_choices(data, settings.limit)
    tokenizer = _with_template(evaluator.tokenizer, data, settings.asking)
    reader = Reader(evaluator.model, tokenizer, settings.asking)
    chosen, cut = choose(evaluator.model, questions, reader, batch_size=evaluator.batch_size)
    table = _Table([question.where for question in questions])
    for name in settings.metrics:
        values = [each.figures[name] for each in chosen]
        table.add(name, fmean(values), error_of_mean(values), values)
    outputs = [asked.choices[found.likeliest] for asked, found in zip(questions, chosen, strict=True)]
    table.judge(settings.score, [(asked.example, out) for asked, out in zip(questions, outputs, strict=True)])
    examples = [
        Example(asked.where, asked.question, output, (asked.choices[asked.right],), figures, found.logprobs)
        for asked, found, output, figures in zip(questions, chosen, outputs, table.rows, strict=True)
    ]
    return table.results(examples if settings.keep else [], skipped=0, cut=cut)


class _Table:
    """Figures, their errors, and those of each example, while they are gathered.

    Attributes:
        places: `file:line` of each example.
        rows: of each example its figures.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self.places = places
        self.rows: list[dict[str, float]] = [{} for _ in places]
        self._figures: dict[str, float] = {}
        self._errors: dict[str, float] = {}
        self._failures: tuple[Failure, ...] = ()

    def add(self, name: str, value: float, error: float | None, singles: Sequence[float]) -> None:
        """A figure of all examples, and its value of each one; NaN: it has none there."""
        self._figures[name] = value
        if error is not None:
            self._errors[name] = error
        for row, single in zip(self.rows, singles, strict=True):
            if not math.isnan(single):
                row[name] = single

    def judge(self, score: Score | None, given: Sequence[tuple[Mapping[str, Any], str]]) -> None:
        """Add what the scoring function says of each row and what the model gave for it."""
        if score is None:
            return
        cases = [Case(where, *each) for where, each in zip(self.places, given, strict=True)]
        judged = judge(score, cases, taken=(*self._figures, *COUNTS))
        self._failures = judged.failures
        names = next(scores for scores in judged.scores if scores is not None)
        for name in names:
            singles = [math.nan if scores is None else scores[name] for scores in judged.scores]
            values = [single for single in singles if not math.isnan(single)]
            self.add(name, fmean(values), error_of_mean(values), singles)

    def results(self, examples: Sequence[Example], *, skipped: int, cut: int) -> Results:
        return Results(
            metrics=self._figures,
            tokens=0,
            bytes=0,
            documents=len(self.places),
            skipped=skipped,
            split=0,
            stderr=self._errors,
            truncated=cut,
            failures=self._failures,
            examples=tuple(examples),
        )


def _with_template(tokenizer: PreTrainedTokenizerBase, data: Data, asking: Asking) -> PreTrainedTokenizerBase:
    """The tokenizer, with the chat template that was named, or that the data set brings."""
    from brahma.data.templates import load_template
    from brahma.evaluation.harness.chat import HarnessChat

    if isinstance(asking.chat_template, str):
        text = HarnessChat(tokenizer, asking.chat_template).text
    elif isinstance(data, Dataset) and data.template is not None:
        text = load_template(data.template)[0]
    else:
        return tokenizer
    changed = copy(tokenizer)
    changed.chat_template = text
    return changed


def _try_out(metrics: Sequence[AnswerMetric], questions: Sequence[Question]) -> None:
    """Call each metric once before the model writes for a long time: its library may be missing."""
    first = questions[0]
    for metric in metrics:
        metric([Answer(first.prompt, first.references[0], first.references, first.example)])
