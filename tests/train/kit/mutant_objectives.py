"""An objective that does all it should, and others that each do one thing wrong."""

from __future__ import annotations

import itertools
import math
from typing import Any

from brahma.core.errors import RunError
from brahma.core.runs import Run


def losses(run: Run) -> list[float]:
    return [float(row["train/loss"]) for row in run.metrics() if row.get("train/loss") is not None]


def right(run: Run, options: None) -> float:
    return losses(run)[-1] if losses(run) else math.nan


def that_says_what_is_missing(run: Run, options: None) -> float:
    if not losses(run):
        raise RunError("the run has no loss yet")
    return losses(run)[-1]


def as_text(run: Run, options: None) -> Any:
    return str(right(run, options)) if losses(run) else math.nan


def of_no_finite_number(run: Run, options: None) -> float:
    return math.inf


calls = itertools.count()


def that_counts(run: Run, options: None) -> float:
    return float(next(calls))


def of_the_place(run: Run, options: None) -> float:
    return float(len(str(run.directory)))


def that_writes(run: Run, options: None) -> float:
    (run.directory / "objective.txt").write_text("seen")
    return right(run, options)


def that_wants_rows(run: Run, options: None) -> float:
    return losses(run)[-1]
