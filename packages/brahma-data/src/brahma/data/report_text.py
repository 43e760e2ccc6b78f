"""How the reports of all data tools read: what was done behind labels in one column, tables, examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from brahma.core.console import as_typed
from brahma.core.layout import hanging, table_lines

_COLUMN = 12
"""Characters of a label and the blanks behind it."""
_LISTED = 20
"""Skipped rows that are listed; the others are counted."""


def labelled(facts: Iterable[tuple[str, str]], columns: int | None = None) -> Iterator[str]:
    """A line for each label and what it says; an empty label goes on with the one above.

    Args:
        columns: the width of the terminal; None where nothing has to fit. So everywhere here.
    """
    for label, text in facts:
        head = label.ljust(_COLUMN)
        yield from [head + text] if columns is None else hanging(head, text, columns)


def numbers(
    headers: Sequence[str], rows: Iterable[Sequence[str]], columns: int | None = None
) -> Iterator[str]:
    """A table whose columns, but the first, are flush right."""
    cells = [list(headers), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells = [
        [row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in cells
    ]
    return table_lines(cells[0], cells[1:], columns)


def skipped_rows(skipped: Sequence[tuple[str, str]], columns: int | None = None) -> Iterator[str]:
    """The first rows that were left out, each with its reason.

    Args:
        skipped: `(file:line, reason)`.
    """
    for where, reason in skipped[:_LISTED]:
        yield from [f"  {where}: {reason}"] if columns is None else hanging(f"  {where}: ", reason, columns)
    if (more := len(skipped) - _LISTED) > 0:
        yield f"  … and {more:,} more"


def place(path: str | Path) -> str:
    """A path as a shell takes it, from here where it lies below."""
    path = Path(path)
    return as_typed(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def share(part: float, whole: float) -> str:
    """`12.5%`; `< 0.1%` where that would read as nothing, `–` of nothing."""
    if not whole:
        return "–"
    return "< 0.1%" if 0 < part / whole < 0.0005 else f"{part / whole:.1%}"
