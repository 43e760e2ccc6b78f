"""Loss curves drawn with characters, by plotext: braille where the encoding has it, else ASCII."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

from brahma.core.console import has_colour
from brahma.core.curves import Curve
from brahma.core.extras import needs

_COLOURS = (33, 208, 35, 170, 37, 136)
"""Of the 256 that no theme redefines; each can be seen on black and on white."""
_SYMBOLS = "*+x#@%"
_LEAST_WIDTH = 30
_LARGEST = 1e300  # beyond, sums and differences are not finite
_ASCII = str.maketrans("─│┌┐└┘├┤┬┴┼", "-|+++++++++")
Point = tuple[int, float]


@dataclass(frozen=True)
class Line:
    """A curve and its name in the legend.

    Attributes:
        dots: single points instead of a line.
    """

    label: str
    curve: Curve
    dots: bool = False


@dataclass(frozen=True)
class Style:
    """What the stream that is drawn on can show.

    Attributes:
        width: columns; fewer than 30 are taken as 30.
        colour: whether it takes escape sequences.
        braille: whether its encoding has braille and box characters; else ASCII alone is used.
    """

    width: int = 80
    colour: bool = False
    braille: bool = True

    @classmethod
    def of(cls, stream: TextIO, width: int) -> Style:
        try:
            "⣿─".encode(stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return cls(width, has_colour(stream), braille=False)
        return cls(width, has_colour(stream))


def draw_lines(lines: Sequence[Line], style: Style, *, height: int = 14, title: str = "loss by step") -> str:
    """A legend, and below it the curves over each other; an empty text when there is nothing to draw.

    Args:
        lines: a long one is drawn as its running mean.
        height: rows of the drawing, its scales included.
        title: what is drawn, by what.

    Raises:
        MissingDependencyError: plotext is not installed.
    """
    width = max(style.width, _LEAST_WIDTH)
    drawn = [(line, list(_finite(line.curve, width))) for line in lines]
    drawn = [(line, points) for line, points in drawn if points]
    if not drawn:
        return ""
    with needs("brahma-core[plot]", "a curve in the terminal"):
        import plotext  # type: ignore[import-untyped]
    plotext.terminal.limit(False, False)  # a pipe has no size of its own
    figure = plotext.figure.clear().plot_size(width, height).theme("simple").legend(False)
    marks = _marks([line for line, _ in drawn], style)
    for number, (line, points) in enumerate(drawn):
        mark = plotext.marker(marks[number], plotext.pixel(foreground=_colour(number)))
        figure.draw(figure.signal(*map(list, zip(*points, strict=True)), marker=mark).lines(not line.dots))
    _set_scales(figure, [point for _, points in drawn for point in points], width, height)
    text: str = figure.build().string(colorless=not style.colour)
    figure.clear()
    rows = (text if style.braille else text.translate(_ASCII)).splitlines()
    legend = _legend([line for line, _ in drawn], marks, style)
    return "\n".join([f"{title}:  {legend}", *(row.rstrip() for row in rows)])


def _finite(curve: Curve, width: int) -> Iterator[Point]:
    """The points to draw: no more than can be told apart, without gaps."""
    thin = curve.smoothed().thinned(2 * width)
    return (each for each in zip(thin.steps, thin.values, strict=True) if abs(each[1]) < _LARGEST)


def _marks(lines: Sequence[Line], style: Style) -> list[str]:
    """What each is drawn with: braille as long as colour tells the lines apart, else one character each."""
    braille = style.braille and (style.colour or sum(not line.dots for line in lines) == 1)
    symbols = ("braille" if braille else _SYMBOLS[number % len(_SYMBOLS)] for number in range(len(lines)))
    return ["o" if line.dots else symbol for line, symbol in zip(lines, symbols, strict=True)]


def _colour(number: int) -> int:
    return _COLOURS[number % len(_COLOURS)]


def _legend(lines: Sequence[Line], marks: Sequence[str], style: Style) -> str:
    texts = (
        f"{'⠶' if mark == 'braille' else mark} {line.label}" for line, mark in zip(lines, marks, strict=True)
    )
    coloured = (
        click.style(text, fg=_colour(number)) if style.colour else text for number, text in enumerate(texts)
    )
    return "   ".join(coloured)


def _set_scales(figure: Any, points: Sequence[Point], width: int, height: int) -> None:
    """Ticks at round numbers, on the left and below only."""
    steps, losses = zip(*points, strict=True)
    figure.axes(False, axis="x", side="upper").axes(False, axis="y", side="right")
    below, left = figure.ruler("x", "lower"), figure.ruler("y", "left")
    ticks = _round_ticks(min(steps), max(steps), max(2, width // 12), least=1)
    below.ticks(ticks, [f"{tick:.0f}" for tick in ticks])
    left.ticks(_round_ticks(min(losses), max(losses), max(2, height // 2)))
    for ruler, values in ((below, steps), (left, losses)):  # else what lies beyond the ticks is cut off
        room = (max(values) == min(values)) * (abs(max(values)) or 1.0)
        ruler.lim(min(values) - room, max(values) + room)


def _round_ticks(low: float, high: float, count: int, least: float = 0.0) -> list[float]:
    """At most about `count` multiples of 1, 2 or 5 times a power of ten, `least` apart, from low to high."""
    rough = max((high - low) / count, least) or abs(high) / 10 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    apart = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9)
    return [index * apart for index in range(first, last + 1)] or [low]
