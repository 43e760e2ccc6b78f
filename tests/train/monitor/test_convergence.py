"""What does not converge is named once, with its numbers and the next step."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from brahma.train.monitor import Convergence, Notice, check_amount, check_schedule
from tests.train.small_run import train

GUESS = math.log(8192)


def convergence(**changes: Any) -> Convergence:
    values = {"total_steps": 400, "warmup_steps": 10, "vocab_size": 8192, "max_grad_norm": 1.0} | changes
    return Convergence(**values)


def said(losses: Iterable[float], norm: float = 0.5, **changes: Any) -> list[Notice]:
    """Notices over a run that logs each tenth step."""
    seen = convergence(**changes)
    return [n for row, loss in enumerate(losses, 1) for n in seen.logged(10 * row, loss, norm)]


def falling(rows: int = 40, noise: float = 0.05) -> list[float]:
    numbers = random.Random(1)
    return [3 + 6 * math.exp(-row / 8) + noise * numbers.gauss(0, 1) for row in range(rows)]


def test_a_run_that_learns_is_left_alone() -> None:
    assert said(falling()) == []


def test_a_run_that_diverges_is_named_at_once_and_once() -> None:
    (notice,) = said([9.0, 8.8, 12, 15, 14, 16, 15, 17, 16, 18])
    assert "step 70: the loss is 15" in notice.message
    assert "began at 9: the training has diverged" in notice.message
    assert "a tenth of this lr" in notice.hint


def test_a_model_that_still_guesses_is_named_with_the_loss_of_guessing() -> None:
    (notice,) = said([GUESS + 0.01 * (row % 3) for row in range(40)])
    assert "ln of the vocabulary is 9.011" in notice.message
    assert "learnt nothing" in notice.message
    assert "brahma data inspect" in notice.hint


def test_a_flat_loss_is_named_in_the_middle_of_the_run() -> None:
    (notice,) = said([2.5 + 0.001 * (row % 2) for row in range(40)])
    assert notice.message.startswith("step 200: the loss is flat: 2.5 at the start")
    assert "lr 3 to 10 times higher" in notice.hint


def test_a_short_run_is_not_called_flat() -> None:
    assert said([2.5] * 4, total_steps=40) == []


def test_the_first_rows_after_a_resume_in_the_second_half_are_not_called_flat() -> None:
    watch = convergence(total_steps=122, warmup_steps=20)
    losses = [5.123, 4.802, 4.600, 4.480, 4.317, 4.273, 4.267]
    assert [watch.logged(50 + 10 * row, loss, 1.0) for row, loss in enumerate(losses)] == [[]] * len(losses)


def test_gradients_that_are_always_clipped_are_named_once() -> None:
    (notice,) = said(falling(70), norm=20.0, total_steps=700)
    assert "every gradient of the last 50 rows was clipped" in notice.message
    assert "norm is 20, max_grad_norm 1" in notice.message
    assert "a lower lr" in notice.hint


@pytest.mark.parametrize("change", [{"max_grad_norm": 0.0}, {"max_grad_norm": 10.0}])
def test_clipping_that_is_off_or_slight_is_no_news(change: dict[str, float]) -> None:
    assert said(falling(70), norm=20.0, total_steps=700, **change) == []


def evaluated(evaluations: list[float], losses: list[float], **changes: Any) -> list[Notice]:
    seen, found = convergence(**changes), []
    for step, (loss, train_loss) in enumerate(zip(evaluations, losses, strict=True), 1):
        for near in range(5):
            seen.logged(100 * step - near, train_loss, 0.5)
        found += seen.evaluated(100 * step, loss)
    return found


def test_overfitting_names_the_best_checkpoint_once() -> None:
    (notice,) = evaluated([3.0, 2.5, 2.6, 2.7, 2.8], [3.0, 2.4, 2.0, 1.6, 1.2])
    assert "risen from 2.5 at step 200 to 2.7" in notice.message
    assert "training loss fell from 2.4 to 1.6" in notice.message
    assert "checkpoint-200" in notice.hint


def test_a_checkpoint_that_may_be_gone_is_not_recommended() -> None:
    (notice,) = evaluated([3.0, 2.5, 2.6, 2.7, 2.8], [3.0, 2.4, 2.0, 1.6, 1.2], keeps_best=False)
    assert notice.hint == "next time fewer epochs, more data, or a lower lr"


def test_a_jump_of_the_evaluation_is_named_at_once() -> None:
    assert len(evaluated([2.5, 3.0], [2.4, 2.0])) == 1


def test_an_evaluation_that_wavers_or_rises_with_the_training_loss_is_no_overfitting() -> None:
    assert evaluated([2.5, 2.51, 2.49, 2.5], [2.4, 2.3, 2.2, 2.1]) == []
    assert evaluated([2.5, 2.7, 2.9], [2.4, 2.6, 2.8]) == []


def test_the_default_lr_of_a_new_model_is_no_news() -> None:
    assert check_schedule(3e-4, 0, new_model=True) == []
    assert check_schedule(1e-5, 0, new_model=False) == []
    assert check_schedule(1e-2, 100, new_model=True) == []
    assert check_schedule(3e-4, 0, new_model=False, adapters=True) == []


def test_a_large_lr_without_warm_up_is_named() -> None:
    (new,) = check_schedule(3e-3, 0, new_model=True)
    assert "lr 0.003" in new.message
    assert "warmup_steps" in new.hint
    (trained,) = check_schedule(3e-4, 0, new_model=False)
    assert "forget what it knows" in trained.message
    assert "5e-6 to 1e-5" in trained.hint
    (adapters,) = check_schedule(1e-2, 0, new_model=False, adapters=True)
    assert "high for adapters" in adapters.message
    assert "1e-4 to 5e-4" in adapters.hint


def amount(**changes: Any) -> list[Notice]:
    values = {
        "parameters": 10**7,
        "tokens": 10**8,
        "epochs": 1.0,
        "new_model": True,
        "limited": False,
    } | changes
    return check_amount(**values)


def test_too_few_tokens_for_a_new_model_are_named() -> None:
    assert amount() == []
    (notice,) = amount(tokens=10**5)
    assert "10,000,000 parameters will see 100,000 tokens" in notice.message
    assert "base_model" in notice.hint
    assert amount(tokens=10**5, new_model=False) == []
    assert amount(tokens=10**5, limited=True) == []


def test_many_epochs_are_named() -> None:
    (notice,) = amount(epochs=40.0)
    assert "seen 40 times" in notice.message
    assert amount(epochs=5.0) == []


def warnings(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


def test_a_real_run_with_an_lr_of_10_is_said_to_diverge(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, lr=10.0, warmup_steps=0, max_steps=20, logging_steps=1, save_steps=100)
    assert "lr 10 from the first step, without a warm-up" in warnings(caplog)
    assert "the training has diverged" in warnings(caplog)


def test_a_real_run_with_an_lr_of_nothing_is_said_to_guess(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, lr=1e-9, warmup_steps=0, max_steps=60, logging_steps=2, save_steps=100)
    assert "the model has learnt nothing" in warnings(caplog)
    assert "diverged" not in warnings(caplog)


def test_a_real_run_over_few_rows_is_said_to_learn_by_heart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = train(
        tmp_path,
        lr=2e-2,
        max_steps=160,
        logging_steps=2,
        save_steps=1000,
        evaluation_strategy="steps",
        eval_steps=10,
        data=None,
        validation=0.5,
    )
    assert "the model learns its data by heart" in warnings(caplog)
    assert "will be seen" in warnings(caplog)
    step = int(warnings(caplog).partition("use checkpoint-")[2].split(",")[0])
    assert run.best.name == f"checkpoint-{step}"


def test_a_real_run_that_learns_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path, max_steps=60, logging_steps=2, save_steps=100)
    assert warnings(caplog) == ""
