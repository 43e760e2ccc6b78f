"""What a search shows while it works: lines, or a table that stays in place."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from brahma.core.pace import Work
from brahma.train.search import events
from brahma.train.search.display import open_search_display
from brahma.train.search.live import LiveSearch
from brahma.train.search.plain import PlainSearch
from tests.clock import Clock
from tests.train.monitor.test_live import Paper
from tests.train.search.stored_search import Stored, four_trials

PARAMS = {"lr": 3e-3, "lora_config.r": 8}


def begun(stored: Stored) -> events.SearchBegun:
    return events.SearchBegun(
        name="mine",
        folder=stored.study.folder,
        space={"lr": "0.0001 to 0.01, logarithmic", "lora_config.r": "4, 8, 16"},
        metric="loss",
        higher_is_better=False,
        rungs=("1/9", "1/3", "the end"),
        trials=9,
        max_tokens=None,
        known=4,
    )


def going(stored: Stored, columns: int = 80, height: int = 30) -> tuple[LiveSearch, Paper, Clock]:
    """A fifth trial is in training, at its fifth step."""
    paper, clock = Paper(columns), Clock()
    live = LiveSearch(paper, lambda: height, clock)
    live.tell(begun(stored))
    number = stored.add(3e-3, 8, waiting=True)
    live.tell(events.TrialStarted(number, PARAMS, "mine-trial-4", 10))
    live.begin("mine-trial-4", 0, 90)
    for step in range(1, 6):
        clock.seconds += 1.0
        live.step(step)
    live.row({"step": 5, "train/loss": 5.25, "rate/tokens_per_second": 1234.0})
    return live, paper, clock


def test_a_line_is_said_of_each_thing_that_happens(tmp_path: Path) -> None:
    stream = io.StringIO()
    plain = PlainSearch(stream, Clock())
    plain.tell(begun(Stored(tmp_path)))
    for event in (
        events.TrialStarted(4, PARAMS, "mine-trial-4", 10),
        events.RungReached(4, 0, 10, 1_000, 4.25),
        events.Promoted(4, 1, 10, 30),
        events.TrialFinished(4, 90, 9_000, 3.5),
        events.TrialFailed(5, PARAMS, "the loss is nan"),
        events.TrialResumed(6, PARAMS, "mine-trial-6", 20),
        events.Waiting(),
        events.BudgetSpent(900, 1_000),
        events.Exhausted(3),
    ):
        plain.tell(event)
    assert stream.getvalue().splitlines() == [
        "search mine: the lowest loss of 9 trials; 4 are stored already",
        "  lr: 0.0001 to 0.01, logarithmic",
        "  lora_config.r: 4, 8, 16",
        "  compared after 1/9, 1/3, the end of a trial's length",
        "trial 4: lr 0.003, lora_config.r 8, to step 10",
        "trial 4: loss 4.25 at step 10, 1,000 tokens",
        "trial 4 is promoted: from step 10 to 30",
        "trial 4 is finished: loss 3.5 at step 90, 9,000 tokens",
        "trial 5 is given up: the loss is nan (lr 0.003, lora_config.r 8)",
        "trial 6 goes on from step 20: lr 0.003, lora_config.r 8",
        "waiting for the trials of other processes",
        "the token budget is spent: 900 of 1,000; what is left pays no further step",
        "all values of the space were tried, in 3 trials",
    ]


def test_in_lines_a_long_trial_says_now_and_then_where_it_is_and_nothing_else(tmp_path: Path) -> None:
    stream, clock = io.StringIO(), Clock()
    plain = PlainSearch(stream, clock)
    plain.tell(begun(Stored(tmp_path)))
    plain.tell(events.TrialStarted(0, PARAMS, "mine-trial-0", 200))
    before = len(stream.getvalue())
    plain.begin("mine-trial-0", 0, 900)
    plain.note("training in bf16: chosen automatically", warning=False)
    for step in range(1, 101):
        clock.seconds += 1.0
        plain.step(step)
        plain.row({"step": step, "train/loss": 5.0})
    plain.saved("checkpoint-100", None)
    plain.end()
    [line] = stream.getvalue()[before:].splitlines()
    assert line.startswith("trial 0: step 60, loss 5.0")
    assert line.endswith("ETA 2m 20s")


def test_a_warning_that_each_trial_gives_is_said_once(tmp_path: Path) -> None:
    stream = io.StringIO()
    plain = PlainSearch(stream, Clock())
    for lr in ("0.1", "0.25"):
        plain.note(f"lr {lr} from the first step", warning=True)
    plain.note("SIGINT heard: saving", warning=False)
    assert stream.getvalue().splitlines() == ["warning: lr 0.1 from the first step", "SIGINT heard: saving"]


def test_what_is_warned_of_between_trials_is_said_by_the_display() -> None:
    stream = io.StringIO()
    with open_search_display(stream):
        for _ in range(2):
            logging.getLogger("brahma.data").warning("harbour.txt spells out special tokens")
    assert stream.getvalue() == "warning: harbour.txt spells out special tokens\n"


def test_the_table_has_the_best_first_and_the_trial_in_hand_runs(tmp_path: Path) -> None:
    live, paper, _ = going(four_trials(tmp_path))
    head, headers, *rows, moving = [line.plain for line in live.draw()]
    assert head.startswith("search mine  ━")
    assert "5 of 9 trials  14k of 21k tokens  best 3.9  ETA " in head
    assert headers.split() == ["trial", "state", "step", "loss", "tokens", "lr", "r"]
    assert [row.split()[:2] for row in rows] == [
        ["*2", "finished"], ["0", "paused"], ["3", "paused"], ["4", "running"], ["1", "failed"],
    ]  # fmt: skip
    assert "5/90" in rows[3]
    assert rows[4].endswith("the loss is nan at step 2")
    assert moving.startswith("trial 4  ━")
    assert "step 5 to 10" in moving
    assert paper.kept[0] == "search mine: the lowest loss of 9 trials; 4 are stored already"


def test_what_was_stopped_stays_as_a_table_in_which_it_is_interrupted(tmp_path: Path) -> None:
    live, paper, _ = going(four_trials(tmp_path))
    live.close()
    assert any(line.split()[:2] == ["4", "interrupted"] for line in paper.kept)
    assert "ETA" not in paper.kept[4]
    assert live.draw() == []


def test_a_trial_that_fails_is_told_above_the_table_and_one_that_goes_on_is_not(tmp_path: Path) -> None:
    live, paper, _ = going(four_trials(tmp_path))
    before = len(paper.kept)
    live.tell(events.RungReached(4, 0, 10, 1_000, 4.25))
    live.tell(events.TrialFailed(4, PARAMS, "the loss is nan"))
    assert paper.kept[before:] == ["trial 4 is given up: the loss is nan (lr 0.003, lora_config.r 8)"]


def test_other_work_takes_the_moving_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    live, paper, _ = going(four_trials(tmp_path))
    before = list(paper.kept)
    work = Work("evaluating", 100, "packs")
    live.task_begins(work)
    assert live.draw()[-1].plain.startswith("evaluating")
    live.task_ends(work, "done")
    assert live.draw()[-1].plain.startswith("trial 4")
    assert paper.kept == before


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_screen(tmp_path: Path, columns: int) -> None:
    live, _, _ = going(four_trials(tmp_path), columns)
    assert max(line.cell_len for line in live.draw()) <= columns


def test_a_low_screen_shows_the_best_and_the_one_in_training(tmp_path: Path) -> None:
    live, _, _ = going(four_trials(tmp_path), height=9)
    _, _, *rows, _ = [line.plain for line in live.draw()]
    assert [row.split()[0] for row in rows] == ["*2", "0", "4", "…"]
    assert rows[-1] == "  … and 2 more"


def test_at_the_end_no_time_is_left(tmp_path: Path) -> None:
    stored = four_trials(tmp_path)
    paper = Paper(100)
    live = LiveSearch(paper, lambda: 30, Clock())
    live.tell(events.SearchBegun(**{**vars(begun(stored)), "trials": 1}))
    assert "ETA" not in live.draw()[0].plain
