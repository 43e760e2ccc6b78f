"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from brahma.core.sizes import size

ORDER = (
    "loss", "eval loss", "rate", "MFU", "lr", "grad norm", "mem", "GPU mem", "CPU", "GPU", "saved", "best",
)  # fmt: skip
"""Figures as the live display has them, the most wanted first."""

_BARS = "▁▂▃▄▅▆▇█"


def figures(row: Mapping[str, Any]) -> dict[str, str]:
    """What a display shows of a row, as text, by name and in this order; what is absent is left out."""
    formats: dict[str, tuple[str, Callable[[Any], str]]] = {
        "loss": ("train/loss", lambda v: f"{v:.3f}"),
        "eval loss": ("eval/loss", lambda v: f"{v:.3f}"),
        "lr": ("train/lr", lambda v: f"{v:.1e}"),
        "grad norm": ("train/grad_norm", lambda v: f"{v:.2f}"),
        "rate": ("rate/tokens_per_second", lambda v: f"{v:,.0f} tok/s"),
        "MFU": ("rate/mfu", lambda v: f"{100 * v:.0f} %"),
        "mem": ("memory/rss_bytes", size),
        "GPU mem": ("memory/device_bytes", size),
        "CPU": ("system/cpu_percent", lambda v: f"{v:.0f} %"),
        "GPU": ("system/gpu_percent", lambda v: f"{v:.0f} %"),
    }
    nonfinite = row.get("nonfinite", {})
    shown: dict[str, str] = {}
    for name, (key, text) in formats.items():
        if row.get(key) is not None:
            shown[name] = text(row[key])
        elif key in nonfinite:
            shown[name] = nonfinite[key]
    return shown


def task_figures(row: Mapping[str, Any]) -> dict[str, str]:
    """The figures of tasks in a row, as text: `eval/hellaswag/acc` is called `hellaswag acc`."""
    keys = [key for key in row if key.startswith("eval/") and key.count("/") > 1]
    return {
        key.removeprefix("eval/").replace("/", " "): f"{row[key]:.3f}" for key in keys if row[key] is not None
    }


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` as bars between their lowest and highest, at most `width` characters, newest right."""
    if not values or width < 1:
        return ""
    edges = [round(i * len(values) / min(width, len(values))) for i in range(min(width, len(values)) + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, span = min(means), max(means) - min(means)
    return "".join(_BARS[int((m - low) / span * (len(_BARS) - 1) + 0.5)] if span else _BARS[0] for m in means)
