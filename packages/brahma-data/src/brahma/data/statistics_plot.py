"""What a corpus is like, as a picture: lengths by source, and what it is made of."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brahma.core.errors import DataError
from brahma.core.plot import new_figure, tidy
from brahma.core.sizes import size
from brahma.data.statistics import BINS, Lengths, SourceStats, Statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN = 8
"""Sources with a line of their own; the smaller ones are one line together."""
_BARS = 10
_PER_BAR = 12
"""Bins of `Lengths` in one bin of the drawing: three for each doubling."""
_LEAST = 0.0005  # shares that would be written as 0.0 % are left out
_LONGEST_NAME = 28


def plot_stats(found: Statistics) -> Figure:
    """Draw lengths of rows in logarithmic bins by source, sizes of sources, languages, and scripts or roles.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    figure = new_figure(11, 7.5)
    (above, beside), (left, right) = figure.subplots(2, 2, width_ratios=[3, 2], height_ratios=[3, 2])
    drawn = _largest(found.sources)
    colors = {source.path: f"C{number}" for number, source in enumerate(drawn)}
    _draw_lengths(above, drawn, found.total, colors)
    sizes = [(_name(source.path), source.bytes) for source in drawn]
    _draw_bars(beside, sizes, "text of each source", list(colors.values()), label=size)
    told = f"languages of {found.told:,} rows" if found.told < found.total.rows else "languages"
    _draw_bars(left, _shares(found.languages), told, label="{:.1%}".format)
    kind, counts = ("turns by role", found.total.roles) if found.total.roles else ("scripts", found.scripts)
    _draw_bars(right, _shares(counts), kind, label="{:.1%}".format)
    figure.suptitle(_headline(found), x=0.01, ha="left", fontweight="bold")
    return figure


def check_picture(path: Path) -> None:
    """Hold that a picture can be drawn there, before a corpus is read.

    Raises:
        DataError: its ending is that of no picture, or its folder is not there or may not be written.
        MissingDependencyError: matplotlib is not installed.
    """
    known = new_figure(1, 1).canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise DataError(
            "the picture's ending says no format", where=str(path), hint=f"Use one of: {', '.join(known)}"
        )
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise DataError(
            "the picture cannot be written",
            where=str(path),
            why=f"{path.parent} is no folder that may be written",
            hint="Name a file in another folder",
        )


def _headline(found: Statistics) -> str:
    total, about = found.total, "" if found.exact else "about "
    return (
        f"{total.rows:,} rows, {size(total.bytes)}; {about}{found.duplicates:.1%} repeat another row; "
        f"compresses {total.ratio:.1f} times"
    )


def _largest(sources: Sequence[SourceStats]) -> list[SourceStats]:
    """The sources, largest first; of many, the small ones added up."""
    ordered = sorted(sources, key=lambda source: -source.bytes)
    if len(ordered) <= _DRAWN:
        return ordered
    kept, rest = ordered[: _DRAWN - 1], ordered[_DRAWN - 1 :]
    return [*kept, sum(rest, SourceStats(f"{len(rest)} more"))]


def _draw_lengths(
    axes: Axes, sources: Sequence[SourceStats], total: SourceStats, colors: Mapping[str, str]
) -> None:
    """Rows by length, stacked: the outline is that of all."""
    in_tokens = total.tokens.count > 0
    every = [source.tokens if in_tokens else source.lengths for source in sources]
    overall = total.tokens if in_tokens else total.lengths
    numbers = [number // _PER_BAR for number in overall.bins]
    first, last = min(numbers), max(numbers)
    edges = [2 ** (number * _PER_BAR / BINS) for number in range(first, last + 2)]
    heights = [_heights(lengths, first, last) for lengths in every]
    axes.stackplot(
        edges,
        [[*each, each[-1]] for each in heights],
        step="post",
        labels=[_name(source.path) for source in sources],
        colors=[colors[source.path] for source in sources],
        linewidth=0,
    )
    axes.set_xscale("log")
    for share, style in ((0.5, "-"), (0.99, ":")):
        at = overall.percentile(share)
        axes.axvline(at, color="black", linewidth=1, linestyle=style)
        label = f" {'median' if share == 0.5 else '99 %'} {at:,}"
        axes.annotate(label, (at, 1), xycoords=("data", "axes fraction"), va="top", fontsize="small")
    axes.set_xlabel(f"{'tokens' if in_tokens else 'characters'} of a row")
    axes.set_ylabel("rows")
    axes.set_title("lengths of rows", loc="left")
    axes.margins(x=0)
    axes.set_axisbelow(True)
    tidy(axes)


def _heights(lengths: Lengths, first: int, last: int) -> list[int]:
    bars = Counter[int]()
    for number, count in lengths.bins.items():
        bars[number // _PER_BAR] += count
    return [bars[number] for number in range(first, last + 1)]


def _draw_bars(
    axes: Axes,
    values: Sequence[tuple[str, float]],
    title: str,
    colors: Sequence[str] = ("tab:gray",),
    *,
    label: Callable[[float], str],
) -> None:
    """A bar for each name, the first on top, with its value written behind."""
    shown = values[:_BARS]
    heights = [value for _, value in shown]
    bars = axes.barh(range(len(shown)), heights, color=list(colors), height=0.7)
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    axes.bar_label(bars, [label(value) for value in heights], padding=3, fontsize="small")
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_title(title, loc="left")
    axes.tick_params(axis="y", length=0, labelsize="small")
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _shares(counts: Counter[str]) -> list[tuple[str, float]]:
    shares = [(_cut(name), count / counts.total()) for name, count in counts.most_common()]
    return [(name, share) for name, share in shares if share >= _LEAST]


def _name(path: str) -> str:
    return _cut(Path(path).name)


def _cut(name: str) -> str:
    name = name.replace("$", r"\$")  # else matplotlib reads mathematics
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
