"""Rows that a model is asked: questions with references, and questions with choices. Imports no torch.

| kind | keys |
|---|---|
| completion | `prompt`; `completion`, `references` or both |
| conversation | `messages` that end with the answer, or with the question and `references` beside it; also the layouts that are read as conversations |
| choices | `question` or `prompt`; `choices`, a list of texts; `answer`: a choice's number from 0, its letter, or its text |

Further keys are kept for scoring functions.
"""  # noqa: E501  # a table

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from brahma.core.errors import DataError, RowError
from brahma.core.suggest import nearest
from brahma.data import Dataset
from brahma.data.dataset import raw_rows
from brahma.data.layouts import layouts_of, type_name
from brahma.data.rows import BadRow, RawRow, Row, place
from brahma.evaluation.prompting import Prompt

if TYPE_CHECKING:
    from brahma.data.dataset import Data

REFERENCES = "references"
CHOICES = "choices"
_ASKED_BY = ("question", "prompt")
_PLACEHOLDER = "an answer"
_REFERENCE_HINT = 'Write right answers as "references": ["…", …]'
CHOICE_ROW = '{"question": "…", "choices": ["…", "…"], "answer": 0}'
_CHOICE_HINT = f"Write {CHOICE_ROW}"


@dataclass(frozen=True)
class Question:
    """What the model answers in its own words.

    Attributes:
        where: `file:line`.
        prompt: a text to go on from, or a conversation that ends with the user's turn.
        references: right answers; may be none, for scoring functions.
        example: the row.
    """

    where: str
    prompt: Prompt
    references: tuple[str, ...]
    example: Mapping[str, Any]


@dataclass(frozen=True)
class Choices:
    """What the model answers by the likeliest of some texts.

    Attributes:
        where: `file:line`.
        question: what stands before each choice.
        choices: two or more.
        right: index of the right one.
        example: the row.
    """

    where: str
    question: str
    choices: tuple[str, ...]
    right: int
    example: Mapping[str, Any]


_Asked = TypeVar("_Asked", Question, Choices)


def holds_choices(data: Data) -> bool:
    """Whether the first row asks for one of several choices.

    Raises:
        DataError: there is no such file, or no row.
    """
    if isinstance(data, Dataset):
        return False  # its rows are for training
    first = next(raw_rows(data), None)
    return isinstance(first, RawRow) and isinstance(first.value, dict) and CHOICES in first.value


def first_rows(data: Data, limit: int | None) -> Data:
    """The data without what is behind its first rows; None: all of it.

    Raises:
        DataError: as `Dataset.of`.
    """
    if limit is None:
        return data
    rows = tuple(islice(raw_rows(data), limit))
    if isinstance(data, Dataset):
        return Dataset((), data.options, template=data.template, rows=rows)
    return Dataset((), rows=rows)


def read_questions(data: Data, *, referenced: bool, limit: int | None = None) -> tuple[list[Question], int]:
    """The questions of the data, and how many rows its own policy skips.

    Args:
        referenced: each must have something to compare with.
        limit: rows, the first ones; None: all.

    Raises:
        DataError: no such file, or no row.
        RowError: a row that is no question, or has no answer to compare with.
    """
    return _read(data, lambda raw: _question(raw, referenced), limit)


def read_choices(data: Data, limit: int | None = None) -> list[Choices]:
    """The questions with choices of the data; of its first rows.

    Raises:
        DataError: as `read_questions`.
        RowError: a row lacks a key, or what stands there does not fit.
    """
    return _read(data, _choices, limit)[0]


def _read(data: Data, make: Callable[[RawRow], _Asked], limit: int | None) -> tuple[list[_Asked], int]:
    skips = isinstance(data, Dataset) and data.options.on_bad_row == "skip"
    found, skipped = [], 0
    for raw in islice(raw_rows(data), limit):
        try:
            if isinstance(raw, BadRow):
                raise raw.error
            found.append(make(raw))
        except RowError:
            if not skips:
                raise
            skipped += 1
    if not found:
        raise DataError(
            "there is nothing to evaluate on", why="no row can be used", hint="Give a row at least"
        )
    return found, skipped


def _question(raw: RawRow, referenced: bool) -> Question:
    where = place(raw.source, raw.line)
    if isinstance(raw.value, str) or (layouts_of(raw.value) == ["text"] and "prompt" not in raw.value):
        _fail(
            "the row is running text: it asks nothing, so there is no answer to score",
            where,
            'Write {"prompt": "…", "completion": "…"} or {"messages": […]}; of text there is the loss',
        )
    if CHOICES in raw.value and "completion" not in raw.value:
        _fail("the row has choices, and the first one had none", where, "Put them into files of their own")
    row, answered = _as_trained(raw.value, where)
    prompt, own = _parted(row)
    references = _references(raw.value, where)
    if answered:
        references = tuple(dict.fromkeys((own, *references)))
    if referenced and not references:
        _fail(
            "the row has no answer to compare with", where, f"{_wanted(row)}, or {_lowered(_REFERENCE_HINT)}"
        )
    return Question(where, prompt, references, raw.value)


def _as_trained(value: Mapping[str, Any], where: str) -> tuple[Row, bool]:
    """The row as training reads it, and whether it ends with an answer of its own."""
    given = dict(value)
    answered = True
    if "messages" in given:
        messages: object = given["messages"]
        last: object = messages[-1] if isinstance(messages, list) and messages else None
        if isinstance(messages, list) and isinstance(last, dict) and last.get("role") == "user":
            given["messages"] = [*messages, {"role": "assistant", "content": _PLACEHOLDER}]
            answered = False
    elif "prompt" in given and given.get("completion") is None:
        given["completion"] = _PLACEHOLDER
        answered = False
    try:
        row = Dataset.from_rows([given])[0]
    except DataError as error:
        raise RowError(error.message, where=where, why=error.why, hint=error.hint) from None
    if row.kind == "chat" and row.messages[-1].role != "assistant":  # of a layout with other keys
        answered = False
    return row, answered


def _parted(row: Row) -> tuple[Prompt, str]:
    """What is asked, and the answer behind it."""
    if row.kind == "completion":
        return row.prompt, row.completion
    turns = row.messages[:-1] if row.messages[-1].role == "assistant" else row.messages
    return tuple({"role": turn.role, "content": turn.content} for turn in turns), row.messages[-1].content


def _references(value: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if value.get(REFERENCES) is None:
        return ()
    given = value[REFERENCES]
    if not isinstance(given, list) or not given:
        found = "empty" if given == [] else type_name(given)
        _fail(f"{REFERENCES!r} is {found}, not a list of texts", where, _REFERENCE_HINT)
    return tuple(_text(text, f"reference {number}", where) for number, text in enumerate(given, 1))


def _wanted(row: Row) -> str:
    return 'Give it a "completion"' if row.kind == "completion" else "End it with the assistant's turn"


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:]


def _choices(raw: RawRow) -> Choices:
    where = place(raw.source, raw.line)
    if isinstance(raw.value, str):
        _fail("the row is running text, the first one had choices", where, _CHOICE_HINT)
    value = raw.value
    asked = [key for key in _ASKED_BY if key in value]
    if len(asked) != 1:
        both = "both 'question' and 'prompt'" if asked else f"no question ({_keys(value)})"
        _fail(f"the row has {both}", where, _near(value, _ASKED_BY) + _CHOICE_HINT)
    for key in (CHOICES, "answer"):
        if key not in value:
            _fail(f"the row has no {key!r} ({_keys(value)})", where, _near(value, (key,)) + _CHOICE_HINT)
    question = _text(value[asked[0]], repr(asked[0]), where)
    given = value[CHOICES]
    if not isinstance(given, list) or len(given) < 2:
        found = f"a list of {len(given)}" if isinstance(given, list) else type_name(given)
        _fail(f"'choices' is {found}, not a list of two texts or more", where, _CHOICE_HINT)
    choices = tuple(_text(text, f"choice {number}", where) for number, text in enumerate(given, 1))
    return Choices(where, question, choices, _right(value["answer"], choices, where), value)


def _right(answer: object, choices: tuple[str, ...], where: str) -> int:
    """The index that an answer means: a number from 0, a letter, or a choice's text."""
    if isinstance(answer, bool) or not isinstance(answer, int | str):
        _fail(f"'answer' is {type_name(answer)}, not a whole number, a letter or a text", where, _CHOICE_HINT)
    letters = ascii_uppercase[: len(choices)]
    if isinstance(answer, int):
        if not 0 <= answer < len(choices):
            hint = f"Choices are numbered from 0: the last one is {len(choices) - 1}"
            _fail(f"'answer' is {answer}, and there are {len(choices)} choices", where, hint)
        return answer
    meant = {index for index, choice in enumerate(choices) if choice == answer}
    if len(answer) == 1 and answer in letters:
        meant.add(letters.index(answer))
    if len(meant) > 1:
        _fail(f"'answer' {answer!r} means more than one choice", where, "Write its number, from 0")
    if not meant:
        hint = f"Write its number from 0, a letter of {letters}, or a choice's text as it stands there"
        _fail(f"'answer' {answer!r} is none of the {len(choices)} choices", where, hint)
    return meant.pop()


def _text(value: object, name: str, where: str) -> str:
    if not isinstance(value, str):
        _fail(f"{name} is {type_name(value)}, not a string", where, 'Write it as "…"')
    if not value.strip():
        _fail(f"{name} is empty", where, "Fill it in, or take the row out")
    return value


def _keys(value: Mapping[str, Any]) -> str:
    return f"keys found: {', '.join(map(str, value)) or 'none'}"


def _near(value: Mapping[str, Any], wanted: tuple[str, ...]) -> str:
    found = next((close for key in value if (close := nearest(str(key), wanted)) and close != key), None)
    return f"Did you mean {found!r}? " if found else ""


def _fail(message: str, where: str, hint: str) -> NoReturn:
    raise RowError(message, where=where, hint=hint)
