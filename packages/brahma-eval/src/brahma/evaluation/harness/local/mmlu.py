"""MMLU: one table a subject, or one file for all with a `subject` in each row (https://arxiv.org/abs/2009.03300)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from brahma.core.errors import DataError
from brahma.evaluation.harness.local.fields import Row, records, rows
from brahma.evaluation.harness.local.request import Request

EXAMPLE = "question,choice0,choice1,choice2,choice3,answer ⏎ What is 2 + 2?,2,3,4,5,2"
EXAMPLE_OBJECT = (
    '{"question": "What is 2 + 2?", "subject": "anatomy", "choices": ["2", "3", "4", "5"], "answer": 2}'
)
_CHOICES = 4
_COLUMNS = ("question", *(f"choice{i}" for i in range(_CHOICES)), "answer")


def read(file: Path, request: Request) -> Iterator[Mapping[str, object]]:
    """Rows `{question, subject, choices, answer}` of the subject that the request names.

    A table has six columns, question, four choices and the answer as a number from 0 on or as a letter, with
    a header or, as its authors give it, without one.

    Raises:
        RowError: not six cells; a field missing or of a wrong type; an answer that is none of the choices.
        DataError: a file for all subjects has none of this one.
    """
    if file.suffix.lower() == ".csv" and (found := _table(file, request)) is not None:
        yield from found
        return
    of_subject = False
    for row in rows(file, EXAMPLE_OBJECT):
        subject = row.values.get("subject", request.name)
        if subject != request.name:
            continue
        of_subject = True
        yield _made(row, row.texts("choices", _CHOICES), request.name)
    if not of_subject:
        raise DataError(
            f'no row has the subject "{request.name}"', where=str(file), hint=f"a row: {EXAMPLE_OBJECT}"
        )


def _table(file: Path, request: Request) -> Iterator[Mapping[str, object]] | None:
    """Rows of a table with a column a choice; None for one that has its choices in one column."""
    _, first = next(iter(records(file, EXAMPLE)))
    header = [cell.strip().lower() for cell in first]
    if "choices" in header:
        return None
    if request.name.lower() not in file.as_posix().lower():
        raise DataError(
            "this table does not say which subject it is of", where=str(file),
            why=f'its name must have "{request.name}" in it', hint=f"name it {request.name}_test.csv, …",
        )  # fmt: skip
    has_header = header[0] == "question" and header[-1] in ("answer", "target", "label")
    return _of_cells(file, request.name, has_header)


def _of_cells(file: Path, subject: str, has_header: bool) -> Iterator[Mapping[str, object]]:
    found = False
    for number, (where, cells) in enumerate(records(file, EXAMPLE)):
        row = Row(where, dict(zip(_COLUMNS, cells, strict=False)), EXAMPLE)
        if len(cells) != len(_COLUMNS):
            raise row.wrong("row", "six cells: question, four choices, answer", cells, f"it has {len(cells)}")
        if number == 0 and has_header:
            continue
        found = True
        yield _made(row, [row.text(name) for name in _COLUMNS[1:-1]], subject)
    if not found:
        raise DataError("this file has a header and no rows", where=str(file), hint=f"rows: {EXAMPLE}")


def _made(row: Row, choices: list[str], subject: str) -> Mapping[str, object]:
    return {
        "question": row.text("question"),
        "subject": subject,
        "choices": choices,
        "answer": row.index("answer", _CHOICES, letters=True),
    }
