"""A search as pictures: how it went, which parameters matter, and each parameter against the metric.

matplotlib is imported on use, through `brahma.core.plot`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import TYPE_CHECKING

from brahma.core.errors import BrahmaError, RunError
from brahma.core.plot import new_figure, save_figure, tidy
from brahma.core.progress import progress
from brahma.train.search.importance import at_rung, furthest_rung, importance
from brahma.train.search.leading import comparisons, leaders
from brahma.train.search.ranges import Numbers, Range, Values
from brahma.train.search.records import TrialRecord, best_trial
from brahma.train.search.storage import Definition, Study
from brahma.train.search.table import given_trial, rung_name, short, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)

PICTURES = ("history", "importance", "parameters")
"""Names of the files that are drawn."""

_BEST, _GIVEN, _OTHER = "tab:green", "tab:orange", "tab:blue"
_FAILED, _FAILED_MARK = "tab:red", "x"
_LOG_FROM = 20.0  # highest over lowest value from which on an axis is logarithmic
_FAR = 3.0  # how many times the spread of the better three quarters a value lies off to be cut off
_A_ROW = 3  # panels of parameters in a row


def draw_pictures(study: Study) -> tuple[Path, ...]:
    """Write `history.png`, `importance.png` and `parameters.png` into the study's folder; their paths.

    Raises:
        RunError: no trial has reached a rung yet, or a file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    definition, trials = study.definition, study.trials()
    if definition is None or not any(trial.values for trial in trials):
        raise RunError(
            "nothing to plot: no trial was compared yet",
            where=str(study.folder),
            hint="wait for the first rung",
        )
    figures = [
        plot(study.name, trials, definition) for plot in (plot_history, plot_importance, plot_parameters)
    ]
    paths = picture_paths(study.folder)
    return tuple(save_figure(figure, path) for figure, path in zip(figures, paths, strict=True))


def picture_paths(folder: Path) -> tuple[Path, ...]:
    """Where the pictures of a study are, or would be."""
    return tuple(folder / f"{name}.png" for name in PICTURES)


def try_to_draw(study: Study) -> None:
    """As `draw_pictures`; what keeps it from that is logged, as a search is not worth less for it."""
    try:
        with progress("drawing"):
            draw_pictures(study)
    except BrahmaError as error:
        _log.warning("no pictures of the search: %s", error)


def plot_history(name: str, trials: Sequence[TrialRecord], definition: Definition) -> Figure:
    """Above: the best value by the tokens that all trials had taken. Below: each trial's values.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(8, 7.2)
    above, below = figure.subplots(2, 1)
    _draw_progress(above, trials, definition)
    above.set_title(f"search {name}: {len(trials)} trials", loc="left", fontweight="bold")
    _draw_trials(below, trials, definition)
    values = [value for trial in trials for value in trial.values]
    for axes in (above, below):
        _scale_values(axes, values, definition)
        axes.set_ylabel(definition.metric)
        tidy(axes)
    return figure


def _draw_progress(axes: Axes, trials: Sequence[TrialRecord], definition: Definition) -> None:
    """Every comparison as a dot, a shade a rung; the best so far as a line."""
    reached = comparisons(trials)
    rungs = len(definition.divisors)
    for rung in range(rungs):
        dots = [(spent, trials[number].values[rung]) for spent, number, at in reached if at == rung]
        if dots:
            axes.scatter(
                [spent for spent, _ in dots],
                [value for _, value in dots],
                s=26,
                color=_OTHER,
                alpha=0.25 + 0.75 * rung / max(1, rungs - 1),
                label=rung_name(definition, rung),
                zorder=3,
            )
    led = leaders(trials, higher_is_better=definition.higher_is_better)
    spent, best = [each for each, _ in led], [value for _, value in led]
    axes.step(spent, best, where="post", color=_BEST, label="best so far, of the furthest rung", zorder=2)
    axes.set_xlabel("tokens of all trials")
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.legend(frameon=False, fontsize="small")


def _draw_trials(axes: Axes, trials: Sequence[TrialRecord], definition: Definition) -> None:
    """Each trial from rung to rung, by its own tokens."""
    best = best_trial(trials, higher_is_better=definition.higher_is_better)
    given = given_trial(trials, definition)
    for trial in trials:
        color, width, label, front = "tab:gray", 0.8, None, 2
        if trial is given:
            color, width, label, front = _GIVEN, 1.8, "the configuration as given", 3
        if trial is best:
            both = ", the configuration as given" if trial is given else ""
            color, width, label, front = _BEST, 2.2, f"best: trial {trial.number}{both}", 4
        if trial.values:
            tokens = trial.tokens[: len(trial.values)]
            axes.plot(
                tokens, trial.values, marker="o", markersize=3.5, color=color, linewidth=width,
                alpha=1.0 if label else 0.6, label=label, zorder=front,
            )  # fmt: skip
    axes.set_xlabel("tokens of a trial")
    if len(definition.divisors) > 1:
        axes.set_xscale("log")
        lengths = [trial.tokens for trial in trials if len(trial.tokens) == len(definition.divisors)]
        axes.set_xticks([median(each) for each in zip(*lengths, strict=True)])
        axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.legend(frameon=False, fontsize="small")


def plot_importance(name: str, trials: Sequence[TrialRecord], definition: Definition) -> Figure:
    """A bar a parameter; or why nothing can be said.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    found = importance(trials, definition)
    figure = new_figure(8, 1.8 + 0.42 * max(2, len(found.shares)))
    axes = figure.subplots()
    axes.set_title(f"search {name}: what matters", loc="left", fontweight="bold")
    if found.why:
        axes.text(0.5, 0.5, fill(found.why, 80), ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return figure
    names = list(found.shares)[::-1]
    shares = [found.shares[each] for each in names]
    bars = axes.barh(short_names(names), shares, color=_OTHER, height=0.6)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4)
    axes.set_xlim(0, max(shares) * 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(
        f"share in what the best third of {found.trials} trials has in common\n"
        f"(PED-ANOVA; compared {rung_name(definition, found.rung)})",
        fontsize="small",
    )
    tidy(axes)
    axes.grid(visible=False, axis="y")
    return figure


def plot_parameters(name: str, trials: Sequence[TrialRecord], definition: Definition) -> Figure:
    """Each parameter against the metric, at the furthest rung that enough trials have reached.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    rung = furthest_rung(trials, min(5, len(at_rung(trials, 0))))
    reached = at_rung(trials, rung)
    count = len(definition.space)
    rows, columns = -(-count // _A_ROW), min(count, _A_ROW)
    figure = new_figure(max(5.0, 3.2 * columns), 0.6 + 2.9 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    title = f"search {name}: {definition.metric} of {len(reached)} trials, {rung_name(definition, rung)}"
    figure.suptitle(title, x=0.02, ha="left", fontweight="bold", fontsize="medium")
    failed = [trial for trial in trials if trial.reason]
    marked = _marked(reached, trials, definition)
    for axes in panels.flat[count:]:
        axes.set_axis_off()
    for axes, label, key in zip(
        panels.flat, short_names(list(definition.space)), definition.space, strict=False
    ):
        _draw_parameter(axes, key, reached, rung, definition.space[key], marked)
        _draw_failed(axes, [_place(trial.params[key], definition.space[key]) for trial in failed])
        axes.set_xlabel(label)
    _explain(figure, marked, failed=len(failed))
    for axes in panels[:, 0]:
        axes.set_ylabel(definition.metric)
    _scale_values(panels[0, 0], [trial.values[rung] for trial in reached], definition)
    return figure


def _marked(
    reached: Sequence[TrialRecord], trials: Sequence[TrialRecord], definition: Definition
) -> dict[int, tuple[str, str]]:
    """Number -> colour and name of the trials that stand out."""
    given = given_trial(trials, definition)
    best = best_trial(trials, higher_is_better=definition.higher_is_better)
    found = {}
    if given is not None:
        found[given.number] = _GIVEN, "the configuration as given"
    if best is not None:
        both = ", the configuration as given" if best is given else ""
        found[best.number] = _BEST, f"best: trial {best.number}{both}"
    return {trial.number: found[trial.number] for trial in reached if trial.number in found}


def _explain(figure: Figure, marked: Mapping[int, tuple[str, str]], *, failed: int) -> None:
    """A legend under the panels."""
    from matplotlib.lines import Line2D

    kinds = [("o", color, name) for color, name in marked.values()]
    if failed:
        kinds.append((_FAILED_MARK, _FAILED, f"{failed} failed, of no value"))
    if not kinds:
        return
    handles = [
        Line2D([], [], linestyle="", marker=mark, color=color, label=name) for mark, color, name in kinds
    ]
    figure.legend(
        handles=handles, loc="outside lower right", ncols=len(kinds), frameon=False, fontsize="small"
    )


def _draw_failed(axes: Axes, places: Sequence[float]) -> None:
    """Trials that came to no value, at the upper edge."""
    heights = [0.98] * len(places)
    axes.scatter(
        places, heights, marker=_FAILED_MARK, s=30, color=_FAILED, transform=axes.get_xaxis_transform()
    )


def _draw_parameter(
    axes: Axes,
    name: str,
    trials: Sequence[TrialRecord],
    rung: int,
    span: Range,
    marked: Mapping[int, tuple[str, str]],
) -> None:
    for trial in trials:
        stands_out = trial.number in marked
        axes.scatter(
            [_place(trial.params[name], span)],
            [trial.values[rung]],
            color=marked[trial.number][0] if stands_out else _OTHER,
            s=40 if stands_out else 24,
            alpha=0.9 if stands_out else 0.6,
            zorder=3 if stands_out else 2,
        )
    _scale_parameter(axes, span)
    tidy(axes)


def _place(value: object, span: Range) -> float:
    """Where a value stands: numbers as they are, choices by their place in the list."""
    if isinstance(span, Values):
        return next(
            place for place, each in enumerate(span.values) if type(each) is type(value) and each == value
        )
    assert isinstance(value, int | float)
    return float(value)


def _scale_parameter(axes: Axes, span: Range) -> None:
    if isinstance(span, Values):
        labels = ["null" if value is None else str(value) for value in span.values]
        long = sum(map(len, labels)) > 24
        axes.set_xticks(
            range(len(labels)), labels, rotation=30 if long else 0, ha="right" if long else "center"
        )
        axes.set_xlim(-0.5, len(labels) - 0.5)
        return
    assert isinstance(span, Numbers)
    if span.log:
        axes.set_xscale("log")
        room = (span.high / span.low) ** 0.04
        axes.set_xlim(span.low / room, span.high * room)
        if span.high / span.low < 10:  # a decade has no tick of its own in it
            axes.set_xticks([span.low, math.sqrt(span.low * span.high), span.high])
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
            axes.set_xticks([], minor=True)
        return
    room = (span.high - span.low) * 0.05
    axes.set_xlim(span.low - room, span.high + room)
    axes.locator_params(axis="x", nbins=5, integer=span.whole)


def _scale_values(axes: Axes, values: Sequence[float], definition: Definition) -> None:
    """Logarithmic where values lie far apart; a few far off on the worse side are cut off, and counted."""
    if not values:
        return
    if not definition.higher_is_better and min(values) > 0 and max(values) / min(values) >= _LOG_FROM:
        axes.set_yscale("log")
        return
    ordered = sorted(values, reverse=definition.higher_is_better)
    best, most = ordered[0], ordered[int(0.75 * (len(ordered) - 1))]
    spread = abs(most - best)
    limit = most + math.copysign(_FAR * spread, most - best) if spread else None
    if limit is None:
        return
    far = [value for value in values if (value < limit if definition.higher_is_better else value > limit)]
    if not far:
        return
    room = 0.05 * abs(limit - best)
    if definition.higher_is_better:
        axes.set_ylim(limit, best + room)
    else:
        axes.set_ylim(best - room, limit)
    side = "below" if definition.higher_is_better else "above"
    axes.text(
        0.99, 0.02 if definition.higher_is_better else 0.98, f"{len(far)} further {side}",
        transform=axes.transAxes, ha="right", va="bottom" if definition.higher_is_better else "top",
        fontsize="small", color="tab:gray",
    )  # fmt: skip
