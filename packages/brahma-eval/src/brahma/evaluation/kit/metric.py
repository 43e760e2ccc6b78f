"""What a metric does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, cast

from brahma.core.entries import Entry, MetricEntry
from brahma.core.errors import MissingDependencyError
from brahma.core.kit.checks import Check, Subject, expect
from brahma.evaluation.custom.answers import Answer
from brahma.evaluation.totals import LossTotals

ORDINARY = (
    LossTotals(loss_sum=240.0, tokens=100, bytes=420),
    LossTotals(loss_sum=3.5, tokens=1, bytes=1),
    LossTotals(loss_sum=8e6, tokens=4_000_000, bytes=17_000_000),
)
EXTREME = (
    LossTotals(loss_sum=0.0, tokens=10, bytes=40),
    LossTotals(loss_sum=1e300, tokens=1, bytes=1),
    LossTotals(loss_sum=math.inf, tokens=10, bytes=40),
    LossTotals(loss_sum=math.nan, tokens=10, bytes=40),
)
EMPTY = (
    LossTotals(loss_sum=0.0, tokens=0, bytes=0),
    LossTotals(loss_sum=2.0, tokens=1, bytes=0),
)


def _answer(output: str, *references: str) -> Answer:
    return Answer("Question: where?", output, references, {"prompt": "Question: where?"})


LISTS: tuple[Sequence[Answer], ...] = (
    (_answer("Paris", "Paris"), _answer("the old ferry", "a ferry"), _answer("nobody knows that", "Rome")),
    (
        _answer("The boat left before dawn.", "It left before dawn.", "the boat left at dawn"),
        _answer("Naïve café 🙂", "naïve café"),
        _answer("", "42"),
        _answer("4 2", "42", "4 2"),
    ),
)


def is_a_number(subject: Subject) -> None:
    """A finite float of ordinary totals."""
    for totals in ORDINARY:
        found = _metric(subject)(totals)
        expect(
            isinstance(found, int | float) and not isinstance(found, bool),
            f"{totals} gives {found!r}, no number",
        )
        expect(math.isfinite(found), f"{totals} gives {found}, which is not finite")


def is_pure(subject: Subject) -> None:
    """The same totals give the same number, whatever was asked before."""
    metric = _metric(subject)
    first = [metric(totals) for totals in ORDINARY]
    again = [metric(totals) for totals in reversed(ORDINARY)][::-1]
    for totals, one, other in zip(ORDINARY, first, again, strict=True):
        same = one == other or (one != one and other != other)
        expect(same, f"{totals} gives {one}, and another time {other}")


def raises_nothing_at_the_extremes(subject: Subject) -> None:
    """A loss of 0, a huge one, and one that is no number are answered, by infinity or NaN if need be."""
    _expect_answers(subject, EXTREME)


def takes_empty_totals(subject: Subject) -> None:
    """Where there is no token or no byte to divide by, the answer is NaN and no error."""
    _expect_answers(subject, EMPTY)


def is_a_number_of_answers(subject: Subject) -> None:
    """A finite float of several answers, right and wrong, with one reference and with more."""
    for answers in LISTS:
        found = _metric_of_answers(subject)(answers)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        expect(is_number, f"{_shown(answers)} give {found!r}, no number")
        expect(math.isfinite(found), f"{_shown(answers)} give {found}, which is not finite")


def is_pure_of_answers(subject: Subject) -> None:
    """The same answers give the same number, whatever was asked before."""
    metric = _metric_of_answers(subject)
    first = [metric(answers) for answers in LISTS]
    again = [metric(answers) for answers in reversed(LISTS)][::-1]
    for answers, one, other in zip(LISTS, first, again, strict=True):
        expect(_same(one, other), f"{_shown(answers)} give {one}, and another time {other}")


def ignores_the_order(subject: Subject) -> None:
    """The answers in another order give the same number."""
    metric = _metric_of_answers(subject)
    for answers in LISTS:
        one, other = metric(answers), metric([*answers[1:], answers[0]])
        expect(_same(one, other), f"{_shown(answers)} give {one}, and in another order {other}")


def takes_one_answer(subject: Subject) -> None:
    """Each answer alone has a number, NaN if need be: a standard error may come of these."""
    for answer in (each for answers in LISTS for each in answers):
        _expect_number(subject, [answer])


def takes_answers_without_words(subject: Subject) -> None:
    """A model may write nothing, or nothing but blanks, to every question."""
    for output in ("", " \n"):
        _expect_number(subject, [_answer(output, "Paris"), _answer(output, "a ferry", "the boat")])


def _expect_number(subject: Subject, answers: Sequence[Answer]) -> None:
    try:
        float(_metric_of_answers(subject)(answers))
    except MissingDependencyError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        expect(False, f"{_shown(answers)} raise {told}; wanted: a float, NaN if need be")


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other) or math.isclose(one, other, rel_tol=1e-9)


def _shown(answers: Sequence[Answer]) -> str:
    return f"the answers {', '.join(repr(each.output) for each in answers)}"


def _metric_of_answers(subject: Subject) -> Callable[[Sequence[Answer]], float]:
    return cast(Callable[[Sequence[Answer]], float], subject.load())


def _expect_answers(subject: Subject, examples: tuple[LossTotals, ...]) -> None:
    for totals in examples:
        try:
            float(_metric(subject)(totals))
        except Exception as error:
            expect(False, f"{totals} raises {type(error).__name__}: {error}; wanted: a float, NaN if need be")


def _metric(subject: Subject) -> Callable[[LossTotals], float]:
    return cast(Callable[[LossTotals], float], subject.load())


def _of(what: Literal["totals", "answers"]) -> Callable[[Entry], bool]:
    return lambda entry: cast(MetricEntry, entry).of == what


CHECKS = (
    Check("is a finite number", is_a_number, _of("totals")),
    Check("depends on the totals alone", is_pure, _of("totals")),
    Check("raises nothing at the extremes", raises_nothing_at_the_extremes, _of("totals")),
    Check("takes empty totals", takes_empty_totals, _of("totals")),
    Check("is a finite number of answers", is_a_number_of_answers, _of("answers")),
    Check("depends on the answers alone", is_pure_of_answers, _of("answers")),
    Check("does not depend on their order", ignores_the_order, _of("answers")),
    Check("takes one answer", takes_one_answer, _of("answers")),
    Check("takes answers without words", takes_answers_without_words, _of("answers")),
)
