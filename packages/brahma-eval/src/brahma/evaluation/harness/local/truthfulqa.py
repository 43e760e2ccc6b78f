"""TruthfulQA: the authors' table of questions, or the rows of its two tasks (https://arxiv.org/abs/2109.07958)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from brahma.core.errors import DataError, RowError
from brahma.evaluation.harness.local.fields import Row, empty, records, rows
from brahma.evaluation.harness.local.request import Request

EXAMPLE = (
    "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source ⏎ Adversarial,Science,"
    "Is the Moon made of cheese?,No,No; The Moon is rock,Yes; It is cheddar,https://…"
)
EXAMPLE_CHOICE = (
    '{"question": "…?", "mc1_targets": {"choices": ["No.", "Yes."], "labels": [1, 0]}, '
    '"mc2_targets": {"choices": ["No.", "It is rock.", "Yes."], "labels": [1, 1, 0]}}'
)
EXAMPLE_GENERATION = (
    '{"question": "…?", "best_answer": "No", "correct_answers": ["No"], "incorrect_answers": ["Yes"]}'
)
_BEST, _CORRECT, _INCORRECT = "Best Answer", "Correct Answers", "Incorrect Answers"
_QUESTION = "Question"


def read(file: Path, request: Request) -> Iterator[Mapping[str, object]]:
    """Rows of the configuration `multiple_choice` or `generation`, from the table or from rows as the hub's.

    Raises:
        RowError: a question without a best answer; a field missing or of a wrong type.
        DataError: a table without the columns; a file of the other configuration.
    """
    is_choice = request.name == "multiple_choice"
    if file.suffix.lower() == ".csv":
        table = _table(file)
        yield from map(_choices, table) if is_choice else map(_answers, table)
    elif file.stem.lower() == "mc_task":
        yield from _mc_task(file)
    else:
        for row in rows(file, EXAMPLE_CHOICE if is_choice else EXAMPLE_GENERATION):
            yield _hub_choices(row) if is_choice else _hub_answers(row)


def _table(file: Path) -> Iterator[Row]:
    """Rows of the table; as on the hub, without those that have no references."""
    lines = iter(records(file, EXAMPLE))
    _, header = next(lines)
    missing = [name for name in (_QUESTION, _BEST, _CORRECT, _INCORRECT) if name not in header]
    if missing:
        raise DataError(
            f"this table has no column {', '.join(map(repr, missing))}", where=f"{file}:1",
            why=f"it has {', '.join(header)}", hint=f"a table: {EXAMPLE}",
        )  # fmt: skip
    found = False
    for where, cells in lines:
        found = True
        row = Row(where, dict(zip(header, cells, strict=False)), EXAMPLE)
        if len(cells) != len(header):
            raise row.wrong("row", f"{len(header)} cells as the header", cells, f"it has {len(cells)}")
        if row.text(_CORRECT) and row.text(_INCORRECT):
            yield row
    if not found:
        raise empty(file, EXAMPLE)


def _choices(row: Row) -> Mapping[str, object]:
    """As the authors score them: mc1 the best against the incorrect, mc2 the correct against these."""
    best = closed(row.text(_BEST, empty=False))
    correct, incorrect = _split(row, _CORRECT), _split(row, _INCORRECT)
    return {
        "question": row.text(_QUESTION, empty=False),
        "mc1_targets": _labelled([best], incorrect),
        "mc2_targets": _labelled(correct, incorrect),
    }


def _answers(row: Row) -> Mapping[str, object]:
    """As the hub has them: parted at semicolons, no full stop added; the task does that itself."""
    return {
        "type": str(row.values.get("Type", "")),
        "category": str(row.values.get("Category", "")),
        "question": row.text(_QUESTION, empty=False),
        "best_answer": row.text(_BEST),
        "correct_answers": [each.strip() for each in row.text(_CORRECT).strip().split(";")],
        "incorrect_answers": [each.strip() for each in row.text(_INCORRECT).strip().split(";")],
        "source": str(row.values.get("Source", "")),
    }


def closed(answer: str) -> str:
    """An answer as the authors show it to a model: with a full stop."""
    answer = answer.strip()
    return answer if answer.endswith(".") else f"{answer}."


def _split(row: Row, name: str) -> list[str]:
    answers = [closed(each) for each in row.text(name).split(";") if each.strip()]
    if not answers:
        raise row.wrong(name, "answers with semicolons between them", row.text(name))
    return answers


def _labelled(right: Iterable[str], wrong: Iterable[str]) -> Mapping[str, list[str] | list[int]]:
    """Each choice once; one that is right and wrong is right. The right ones come first."""
    labels = dict.fromkeys(right, 1)
    labels = {**labels, **{each: 0 for each in wrong if each not in labels}}
    return {"choices": list(labels), "labels": list(labels.values())}


def _mc_task(file: Path) -> Iterator[Mapping[str, object]]:
    """The authors' `mc_task.json`: each choice a key, its label the value."""
    for row in rows(file, EXAMPLE_CHOICE):
        made: dict[str, object] = {"question": row.text("question", empty=False)}
        for name in ("mc1_targets", "mc2_targets"):
            targets = row.values.get(name)
            if not isinstance(targets, dict) or not targets:
                raise row.wrong(name, "an object of choices and labels", targets)
            made[name] = {"choices": list(targets), "labels": list(targets.values())}
        yield _hub_choices(Row(row.where, made, row.example))


def _hub_choices(row: Row) -> Mapping[str, object]:
    made: dict[str, object] = {"question": row.text("question", empty=False)}
    for name in ("mc1_targets", "mc2_targets"):
        targets = row.values.get(name)
        if not isinstance(targets, dict):
            raise _of_other_configuration(row, name)
        inner = Row(row.where, {f"{name}.{key}": value for key, value in targets.items()}, row.example)
        choices = inner.texts(f"{name}.choices")
        labels = inner.values.get(f"{name}.labels")
        if not isinstance(labels, list) or len(labels) != len(choices) or set(labels) - {0, 1}:
            raise inner.wrong(f"{name}.labels", f"{len(choices)} labels, each 0 or 1", labels)
        if name == "mc1_targets" and (labels[0] != 1 or sum(labels) != 1):
            raise inner.wrong(f"{name}.labels", "1 for the first choice and 0 for all others", labels)
        made[name] = {"choices": choices, "labels": [int(each) for each in labels]}
    return made


def _hub_answers(row: Row) -> Mapping[str, object]:
    return {
        "type": str(row.values.get("type") or ""),
        "category": str(row.values.get("category") or ""),
        "question": row.text("question", empty=False),
        "best_answer": row.text("best_answer"),
        "correct_answers": row.texts("correct_answers"),
        "incorrect_answers": row.texts("incorrect_answers"),
        "source": str(row.values.get("source") or ""),
    }


def _of_other_configuration(row: Row, name: str) -> RowError:
    if name in row.values:
        return row.wrong(name, 'an object with "choices" and "labels"', row.values[name])
    return row.missing(name)
