"""The curves of a run as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.errors import RunError

if TYPE_CHECKING:
    from brahma.core.runs import Run

_SMOOTHED_FROM = 50  # rows from which on the loss is drawn as a running mean over its own faint trace


def plot_run(run: Run, path: Path) -> Path:
    """Draw loss (training and evaluation) and learning rate by step, and return `path`.

    Args:
        run: reads its `metrics.jsonl`.
        path: where to; the ending chooses the format (png, svg, pdf, …).

    Raises:
        RunError: the run has no logged loss yet, the format is unknown, or `path` cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # not pyplot: the user's own backend stays as it is

    rows = run.metrics()
    if not _column(rows, "train/loss")[0]:
        raise RunError(
            "nothing to plot: no loss is logged yet",
            where=run.name,
            hint="wait for the first logged step (training_config.logging_steps)",
        )
    figure = Figure(figsize=(8, 5), dpi=144, layout="constrained")
    supported = FigureCanvasAgg(figure).get_supported_filetypes()
    if path.suffix[1:].lower() not in supported:
        raise RunError(
            f"cannot draw a {path.suffix or 'file without an ending'}",
            where=str(path),
            hint=f"use one of: {', '.join(sorted(supported))}",
        )
    _draw(figure, run.name, rows)
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        figure.savefig(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(
            "the plot cannot be written",
            where=str(path),
            why=error.strerror,
            hint="choose a folder that exists, where this user may write and there is room",
        ) from error
    return path


def _draw(figure: Any, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    loss, rate = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _draw_loss(loss, rows)
    loss.set_title(name, loc="left", fontweight="bold")
    loss.set_ylabel("loss (nats per token)")
    loss.legend(frameon=False)
    rate.plot(*_column(rows, "train/lr"), color="tab:gray")
    rate.set_ylabel("lr")
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    rate.set_ylim(bottom=0)
    rate.set_xlabel("step")
    for axes in (loss, rate):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    _add_tokens(loss, rows)


def _draw_loss(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    steps, losses = _column(rows, "train/loss")
    smooth = len(steps) >= _SMOOTHED_FROM
    axes.plot(
        steps, losses, color="tab:blue", alpha=0.3 if smooth else 1.0, label=None if smooth else "training"
    )
    if smooth:
        axes.plot(
            steps, _running_mean(losses, len(losses) // 25), color="tab:blue", label="training (running mean)"
        )
    steps, losses = _column(rows, "eval/loss")
    if steps:
        axes.plot(
            steps,
            losses,
            "o-",
            color="tab:orange",
            markersize=4,
            label=f"evaluation, {losses[-1]:.3f} at the end",
        )


def _add_tokens(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """A second scale on top: tokens trained on, as far as they are proportional to steps."""
    steps, tokens = _column(rows, "train/tokens")
    if not steps or not tokens[-1]:
        return
    per_step = tokens[-1] / steps[-1]
    unit, name = next(((u, n) for u, n in ((1e9, "B"), (1e6, "M"), (1e3, "k")) if tokens[-1] >= u), (1, ""))
    scale = axes.secondary_xaxis(
        "top", functions=(lambda x: x * per_step / unit, lambda x: x * unit / per_step)
    )
    scale.set_xlabel(f"tokens ({name})" if name else "tokens")


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Steps and values of the rows that have `key`. No finite number: a gap."""
    found = [(row["step"], row[key]) for row in rows if key in row]
    return [step for step, _ in found], [float("nan") if value is None else value for _, value in found]


def _running_mean(values: Sequence[float], window: int) -> list[float]:
    """The mean of each value and up to `window` / 2 to either side, as many on both; gaps are left out."""
    means = []
    for i in range(len(values)):
        half = min(max(1, window // 2), i, len(values) - 1 - i)  # one-sided, the ends would be off the curve
        near = [v for v in values[i - half : i + half + 1] if v == v]
        means.append(sum(near) / len(near) if near else float("nan"))
    return means
