"""What a search may optimise beside metrics, from rows that are known."""

from __future__ import annotations

import json
import math
from pathlib import Path

from brahma.core.runs import Run
from brahma.train.search.objectives import tokens_per_second


def run_of(folder: Path, *rates: tuple[int, float | None]) -> Run:
    """A run whose rows have these attempts and rates."""
    rows = [
        {"step": step, "attempt": attempt, "rate/tokens_per_second": rate}
        for step, (attempt, rate) in enumerate(rates, 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Run(folder)


def test_the_rate_is_the_median_of_the_last_attempt(tmp_path: Path) -> None:
    run = run_of(tmp_path, (1, 900.0), (1, 800.0), (2, 10.0), (2, None), (2, 300.0), (2, 200.0))
    assert tokens_per_second(run, None) == 200.0


def test_a_run_without_rates_has_none(tmp_path: Path) -> None:
    assert math.isnan(tokens_per_second(run_of(tmp_path, (1, None)), None))
