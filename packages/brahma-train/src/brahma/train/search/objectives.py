"""What a search may optimise beside metrics."""

from __future__ import annotations

import math
from statistics import median

from brahma.core.runs import Run

_RATE = "rate/tokens_per_second"


def tokens_per_second(run: Run, options: None) -> float:
    """Tokens trained on in a second: the median of what the run's last attempt logged; NaN of none."""
    rows = [row for row in run.metrics() if row.get(_RATE) is not None]
    rates = [float(row[_RATE]) for row in rows if row.get("attempt") == rows[-1].get("attempt")]
    return median(rates) if rates else math.nan
