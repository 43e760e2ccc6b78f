"""The loss curve as a picture. matplotlib is imported on use and needs no display."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curve(
    path: Path,
    base: Run,
    tuned: Run,
    *,
    text: Mapping[str, float],
    zlib_bits_per_byte: float,
    pairs_before: Mapping[str, float],
    pairs_after: Mapping[str, float],
) -> None:
    """Draw both trainings side by side, with the held-out losses and zlib's.

    Args:
        text: `Results` on the held-out text; its bytes a token turn zlib's figure into nats a token.
        pairs_before, pairs_after: `Results` on the held-out pairs.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot: the user's own backend stays as it is
    left, right = figure.subplots(1, 2)
    _training(left, base, "Pre-training on the standard library's source")
    zlib_loss = zlib_bits_per_byte * math.log(2) * text["bytes"] / text["tokens"]
    left.axhline(
        zlib_loss, color="0.4", linestyle="--", label=f"zlib -9 ({zlib_bits_per_byte:.2f} bits/byte)"
    )
    label = f"held out ({text['bits_per_byte']:.2f} bits/byte)"
    left.axhline(text["loss"], color="tab:orange", label=label)
    _training(right, tuned, "Tuning on signatures and docstrings")
    right.axhline(pairs_before["loss"], color="0.4", linestyle="--", label="held out, before")
    right.axhline(pairs_after["loss"], color="tab:orange", label="held out, after")
    for axes in (left, right):
        axes.legend(frameon=False)
    figure.savefig(path)


def _training(axes: Axes, run: Run, title: str) -> None:
    rows: list[dict[str, Any]] = [row for row in run.metrics() if row.get("train/loss") is not None]
    axes.plot([r["step"] for r in rows], [r["train/loss"] for r in rows], color="tab:blue", label="training")
    axes.set(title=title, xlabel="step", ylabel="loss (nats per token)")
    axes.spines[["top", "right"]].set_visible(False)
