"""What a tracker does: it takes every row that a run writes, quickly, and leaves it as it is."""

from __future__ import annotations

import copy
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from brahma.core.config import Config
from brahma.core.kit import Check, Subject, expect
from brahma.train.trackers import Row, Tracker

_TRAINED = {
    "train/loss": 4.25,
    "train/lr": 0.001,
    "train/grad_norm": 0.5,
    "train/tokens": 4096,
    "rate/tokens_per_second": 1234.5,
    "time/data": 0.25,
}
_EVALUATED = {"eval/loss": 4.5, "eval/perplexity": 90.0, "eval/bits_per_byte": 1.5, "eval/tokens": 512}
_LOST: dict[str, Any] = {"train/loss": None, "train/lr": 0.001, "nonfinite": {"train/loss": "nan"}}
_KINDS: tuple[dict[str, Any], ...] = (_TRAINED, _EVALUATED, _TRAINED | _EVALUATED, _LOST)

_QUICK = 0.05
"""Seconds that a row may take a tracker in the middle, on a machine that writes a row at once."""
_SLACK = 50
"""On a slower one: times that a row may be written and flushed meanwhile."""


def _row(step: int, values: dict[str, Any], attempt: int = 1) -> Row:
    """As `metrics.jsonl` has it."""
    return {"step": step, "attempt": attempt, "time": round(time.time(), 3), **values}


def _open(subject: Subject, folder: Path | None = None) -> Tracker:
    directory = (folder or subject.folder) / "runs" / "kit"
    directory.mkdir(parents=True, exist_ok=True)
    config = Config.model_validate(
        {
            "run_name": "kit",
            "model_config": {"preset": "nano"},
            "data_config": {"train": str(directory / "größe 数据.txt")},
            "output_dir": str(folder or subject.folder),
        }
    )
    tracker: Tracker = subject.load()(directory, config, subject.options)
    return tracker


def _each_row(subject: Subject, look: Callable[[Row, Row], None]) -> None:
    """Give a tracker rows of all kinds, and look at each and at what it was."""
    tracker = _open(subject)
    try:
        for step, values in enumerate(_KINDS, 1):
            row = _row(step, values)
            before = copy.deepcopy(row)
            tracker.log(step, row)
            look(row, before)
    finally:
        tracker.close()


def _takes_rows(subject: Subject) -> None:
    tracker = _open(subject)
    for step in (1, 2, 3):
        tracker.log(step, _row(step, _TRAINED))
    tracker.close()


def _takes_evaluations(subject: Subject) -> None:
    tracker = _open(subject)
    tracker.log(1, _row(1, _EVALUATED))
    tracker.log(2, _row(2, _TRAINED | _EVALUATED))
    tracker.close()


def _takes_what_is_no_number(subject: Subject) -> None:
    tracker = _open(subject)
    tracker.log(1, _row(1, _LOST))
    tracker.close()


def _leaves_rows_alone(subject: Subject) -> None:
    def look(row: Row, before: Row) -> None:
        expect(row == before, f"changes the row that all trackers share: {sorted(row)} from {sorted(before)}")

    _each_row(subject, look)


def _closes_without_rows(subject: Subject) -> None:
    _open(subject).close()


def _survives_odd_names(subject: Subject) -> None:
    tracker = _open(subject, subject.folder / "läufe und 数据")
    tracker.log(1, _row(1, _TRAINED | {"train/größe 数据": 3}))
    tracker.close()


def _goes_on(subject: Subject) -> None:
    for attempt, steps in ((1, (1, 2, 3)), (2, (3, 4))):
        tracker = _open(subject)
        for step in steps:
            tracker.log(step, _row(step, _TRAINED, attempt))
        tracker.close()


def _returns_quickly(subject: Subject) -> None:
    tracker = _open(subject)
    taken, written = [], []
    with (subject.folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for step in range(1, 21):
            row = _row(step, _TRAINED)
            written.append(_seconds(lambda row=row: _write(file, row)))  # type: ignore[misc]
            taken.append(_seconds(lambda step=step, row=row: tracker.log(step, row)))  # type: ignore[misc]
    tracker.close()
    middle, allowed = statistics.median(taken), max(_QUICK, _SLACK * statistics.median(written))
    expect(
        middle <= allowed,
        f"a row takes {1000 * middle:.0f} ms, in which the training waits; {1000 * allowed:.0f} are allowed",
    )


def _write(file: Any, row: Row) -> None:
    file.write(json.dumps(row) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _seconds(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _checks() -> Iterator[Check]:
    yield Check("takes rows", _takes_rows)
    yield Check("takes rows of evaluations", _takes_evaluations)
    yield Check("takes rows with values that are no number", _takes_what_is_no_number)
    yield Check("leaves the rows as they are", _leaves_rows_alone)
    yield Check("closes without a row", _closes_without_rows)
    yield Check("survives names that are not ASCII", _survives_odd_names)
    yield Check("goes on in a second attempt", _goes_on)
    yield Check("returns quickly", _returns_quickly)


CHECKS = tuple(_checks())
