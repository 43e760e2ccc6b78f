"""Any data set in the task's own columns: a file a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from brahma.evaluation.harness.local.fields import Row, rows
from brahma.evaluation.harness.local.request import Request

_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def example_of(request: Request) -> str:
    """A row with the columns that the task's templates read."""
    named = ", ".join(f'"{field}": …' for field in request.fields)
    return f"{{{named}}}" if named else f"an object with the columns of {request.data_set}"


def read_columns(file: Path, request: Request) -> Iterator[Mapping[str, object]]:
    """Rows as they stand, each with all columns; a column of digits in a table of text becomes numbers.

    Raises:
        RowError: a column of the first row, or one that the task's templates read, is missing; one of the
            latter is null; a value has another type than those above.
    """
    found = list(rows(file, example_of(request)))
    needed = dict.fromkeys((*request.fields, *found[0].values))
    for row in found:
        for field in needed:
            if field not in row.values:
                raise row.missing(field)
            if field in request.fields and row.values[field] is None:
                raise row.wrong(field, "something", None)
    columns = list(dict.fromkeys(name for row in found for name in row.values))
    if file.suffix.lower() in (".csv", ".tsv"):
        found = _with_numbers(found, columns)
    _check_types(found, columns)
    for row in found:
        yield {name: row.values.get(name) for name in columns}


def _with_numbers(found: Sequence[Row], columns: Sequence[str]) -> list[Row]:
    """A table's cells are text: a column in which all are numbers becomes numbers."""
    typed: dict[str, list[object]] = {}
    for name in columns:
        cells = [row.values.get(name) for row in found]
        for convert in (int, float):
            with suppress(TypeError, ValueError):
                typed[name] = [convert(str(cell)) for cell in cells]
                break
    return [
        Row(row.where, {**row.values, **{name: values[i] for name, values in typed.items()}}, row.example)
        for i, row in enumerate(found)
    ]


def _check_types(found: Sequence[Row], columns: Sequence[str]) -> None:
    for name in columns:
        first: str | None = None
        for row in found:
            value = row.values.get(name)
            kind = _KINDS.get(type(value))
            if value is None or kind is None:
                continue
            first = first or kind
            if kind != first:
                raise row.wrong(name, f"{first}, as in the rows before", value)
