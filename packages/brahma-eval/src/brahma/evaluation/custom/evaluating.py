"""`Evaluator.evaluate_custom`: what was asked for, and whether the rows have it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from brahma.core.errors import ConfigError
from brahma.evaluation.custom.choices import ACCURACIES
from brahma.evaluation.custom.measuring import Settings, measure_answers, measure_choices
from brahma.evaluation.custom.metrics import Asked, sort_out
from brahma.evaluation.custom.recognising import check_first_row
from brahma.evaluation.custom.rows import CHOICE_ROW, first_rows, holds_choices
from brahma.evaluation.sampling import Sampling, SamplingOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brahma.data.dataset import Data
    from brahma.evaluation.custom.judging import Score
    from brahma.evaluation.custom.prompts import Asking
    from brahma.evaluation.evaluator import Evaluator
    from brahma.evaluation.results import Results

_ANSWERS_HINT = 'Ask for metrics of answers too, such as metrics=["exact_match", "f1"], or for a score'


def evaluate(
    evaluator: Evaluator,
    data: Data,
    *,
    metrics: Sequence[str] | str | None,
    score: Score | None,
    limit: int | None,
    examples: bool,
    asking: Asking,
    sampling: SamplingOptions,
) -> Results:
    """See `Evaluator.evaluate_custom`; nothing is loaded before what was asked for is known to make sense."""
    asked = None if metrics is None else sort_out(metrics)
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}", where="limit", hint="Give 1 or more, or leave it out")
    settings = Settings((), score, asking, limit=limit, keep=examples)
    if holds_choices(data):
        _refuse(
            list(sampling), "the model writes nothing: it chooses among the rows' own choices", "Leave it out"
        )
        return measure_choices(evaluator, data, replace(settings, metrics=_of_choices(asked, score)))
    if asked is not None and asked.choices:
        raise ConfigError(
            f"{asked.choices[0]!r} is of rows with choices",
            where="metrics",
            why="the first row has none",
            hint=f"Such rows are {CHOICE_ROW}",
        )
    writes = score is not None or (asked is not None and bool(asked.answers))
    check_first_row(data, writes=writes and not (asked is not None and asked.totals))
    if not writes:
        given = {"examples": examples, "chat_template": bool(asking.chat_template)}
        given |= {"system_instruction": asking.system_instruction is not None}
        unused = [*(name for name, is_given in given.items() if is_given), *sampling]
        _refuse(unused, "only the loss is measured, and the model writes nothing", _ANSWERS_HINT)
        return evaluator.measure_loss(first_rows(data, limit), None if asked is None else asked.totals)
    sampling.setdefault("temperature", 0.0)  # the likeliest token each time
    drawn = Sampling(**sampling)
    wanted = asked or Asked()
    loss = evaluator.measure_loss(first_rows(data, limit), wanted.totals) if wanted.totals else None
    answers = measure_answers(evaluator, data, replace(settings, metrics=wanted.answers), drawn)
    return answers if loss is None else loss.joined(answers)


def asks_model(data: Data, metrics: Sequence[str] | str | None, score: Score | None) -> bool:
    """Whether the model is asked anything: it answers or chooses, and is not only read to.

    Raises:
        BrahmaError: an unknown metric, or no such data.
    """
    asked = Asked() if metrics is None else sort_out(metrics)
    return score is not None or bool(asked.answers) or holds_choices(data)


def _of_choices(asked: Asked | None, score: Score | None) -> tuple[str, ...]:
    if asked is None:
        return ACCURACIES if score is None else ()
    if others := (*asked.totals, *asked.answers):
        raise ConfigError(
            f"{others[0]!r} is not of rows with choices",
            where="metrics",
            why="the first row has choices, of which the model takes the likeliest",
            hint=f"Such rows have {', '.join(ACCURACIES)}",
        )
    return asked.choices


def _refuse(names: list[str], why: str, hint: str) -> None:
    """Raises ConfigError of the first setting that nothing would use."""
    if names:
        raise ConfigError(f"{names[0]} is of no use here", where=names[0], why=why, hint=hint)
