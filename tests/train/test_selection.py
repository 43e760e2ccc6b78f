"""Which evaluation is the best, and when patience is at its end."""

from __future__ import annotations

import math
from typing import Any

import pytest

from brahma.core.config import EvaluationSection
from brahma.train.progress import Progress
from brahma.train.selection import Selection


def take_all(
    values: list[float | None], *, higher: bool = False, **evaluation: Any
) -> tuple[Selection, Progress, list[bool]]:
    """Evaluations after steps 1, 2, 3, …; None: the metric was not measured."""
    progress = Progress()
    selection = Selection(EvaluationSection(**evaluation), progress)
    selection.higher_is_better = higher
    improved = []
    for value in values:
        progress.step += 1
        found = {} if value is None else {f"eval/{selection.metric}": value}
        improved.append(selection.take(found))
    return selection, progress, improved


def test_the_lowest_is_the_best_and_the_first_of_equals() -> None:
    _, progress, improved = take_all([3.0, 2.0, 2.5, 2.0])
    assert improved == [True, True, False, False]
    assert (progress.best_value, progress.best_step) == (2.0, 2)


def test_a_metric_that_rises_is_best_at_its_highest() -> None:
    _, progress, improved = take_all([0.25, 0.5, 0.25], higher=True, metric="t/acc")
    assert improved == [True, True, False]
    assert (progress.best_value, progress.best_step, progress.best_loss) == (0.5, 2, None)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("higher", [True, False])
def test_what_is_no_finite_number_is_never_the_best(odd: float, higher: bool) -> None:
    _, progress, improved = take_all([odd, 1.0, odd], higher=higher)
    assert improved == [False, True, False]
    assert progress.best_value == 1.0


def test_the_loss_of_the_best_is_kept_beside_another_metric() -> None:
    progress = Progress()
    selection = Selection(EvaluationSection(metric="t/acc"), progress)
    selection.higher_is_better = True
    selection.take({"eval/t/acc": 0.5, "eval/loss": 3.0})
    selection.take({"eval/t/acc": 0.25, "eval/loss": 2.0})
    assert progress.best_loss == 3.0
    selection.take({"eval/t/acc": 0.75, "eval/loss": math.inf})
    assert progress.best_loss is None


def test_patience_ends_after_so_many_evaluations_without_a_better_one() -> None:
    selection, progress, _ = take_all([3.0, 2.0, 2.5, 2.4], patience=3)
    assert not selection.gives_up
    progress.step += 1
    selection.take({"eval/loss": 2.1})
    assert selection.gives_up
    assert selection.reason == (
        "stopped at step 5: eval loss is not better after 3 evaluations; the best is 2 at step 2"
    )


def test_without_patience_it_never_gives_up() -> None:
    assert not take_all([1.0] * 100)[0].gives_up


def test_small_steps_add_up_to_an_improvement_that_counts() -> None:
    """None of them is 0.1, all together are: a run that creeps on is not stopped."""
    falling: list[float | None] = [3.0 - 0.06 * step for step in range(20)]
    selection, progress, improved = take_all(falling, patience=2, min_delta=0.1)
    assert not selection.gives_up
    assert all(improved)
    assert progress.best_step == 20


def test_an_improvement_below_min_delta_is_the_best_and_does_not_count() -> None:
    selection, progress, improved = take_all([3.0, 2.99, 2.98], patience=2, min_delta=0.1)
    assert improved == [True, True, True]
    assert selection.gives_up
    assert (
        "is not better by more than 0.1 after 2 evaluations; the best is 2.98 at step 3" in selection.reason
    )
    assert progress.best_value == 2.98


def test_an_evaluation_without_the_metric_says_nothing() -> None:
    selection, progress, improved = take_all([1.0, None, None, None], patience=2)
    assert improved == [True, False, False, False]
    assert not selection.gives_up
    assert progress.evaluations == 4


def test_a_metric_that_is_never_a_number_ends_patience_and_is_said() -> None:
    selection, _, _ = take_all([math.nan, math.nan], patience=2)
    assert selection.gives_up
    assert selection.reason.endswith("after 2 evaluations; it was never a number")


def test_the_progress_of_an_older_checkpoint_has_the_best_loss_for_its_best_value() -> None:
    progress = Progress()
    progress.load(
        {"step": 4, "tokens": 9, "window_loss": 1.0, "window_tokens": 2, "best_loss": 2.5, "best_step": 3}
    )
    assert (progress.best_value, progress.mark, progress.stale, progress.evaluations) == (2.5, 2.5, 0, 0)


def test_what_is_kept_is_what_is_loaded() -> None:
    _, progress, _ = take_all([3.0, 2.0, 2.5], patience=5)
    again = Progress()
    again.load(progress.to_dict())
    assert again.to_dict() == progress.to_dict()
