"""A table of tasks' figures that fits a terminal: where it is too wide, tasks become headings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from brahma.core.layout import aligned

_INDENT = "  "


def task_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    columns: int | None = None,
    *,
    right: Collection[int] = (),
) -> Iterator[str]:
    """The rows under their headers; a task stands before the first of its rows alone.

    Args:
        headers: the first one is that of the tasks.
        rows: the first cell of each is its task.
        columns: the width of the terminal; None where nothing has to fit.
        right: numbers of the columns that are flush right.
    """
    once = [
        [task if number == 0 else "", *row[1:]]
        for task, of_task in groupby(rows, key=lambda row: row[0])
        for number, row in enumerate(of_task)
    ]
    cells = _flush([list(headers), *once], right)
    lines = list(aligned(cells))
    if columns is None or max(map(len, lines)) <= columns:
        yield from lines
        return
    narrow = list(aligned([row[1:] for row in cells]))
    yield _INDENT + narrow[0]
    for row, line in zip(once, narrow[1:], strict=True):
        if row[0]:
            yield row[0]
        yield _INDENT + line


def _flush(cells: list[list[str]], right: Collection[int]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        [
            cell.rjust(width) if number in right else cell
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in cells
    ]
