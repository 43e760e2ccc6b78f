"""What the first row is, told before anything is loaded where it is nothing that could be measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from brahma.core.errors import RowError
from brahma.data import Dataset
from brahma.data.dataset import raw_rows
from brahma.data.layouts import is_preference, layouts_of, unknown_layout
from brahma.data.rows import RawRow, place
from brahma.evaluation.custom.rows import CHOICE_ROW, CHOICES, REFERENCES

if TYPE_CHECKING:
    from brahma.data.dataset import Data

_ANSWERED = (
    'Let the model answer, metrics=["exact_match", "f1"]; or give the row an answer, whose loss is measured'
)


def check_first_row(data: Data, *, writes: bool) -> None:
    """Refuse a first row that fits no format, by all the formats there are.

    Args:
        writes: the model answers in its own words, so that a question without an answer is enough.

    Raises:
        RowError: it fits none, or is a question alone where the loss is measured.
        DataError: there is no such file, or no row.
    """
    if isinstance(data, Dataset):
        return  # it was read when it was made
    raw = next(raw_rows(data), None)
    if not isinstance(raw, RawRow) or isinstance(raw.value, str):
        return
    where = place(raw.source, raw.line)
    if _only_asks(raw.value):
        if writes:
            return
        why = "loss is measured of answers, and the row has none"
        raise RowError("the row is a question alone", where=where, why=why, hint=_ANSWERED)
    if layouts_of(raw.value) or is_preference(raw.value):
        return
    error = unknown_layout(raw.value, where=where)
    listed = _choices_under(raw.value)
    if listed is not None:
        error.hint = f'Rename "{listed}" to "{CHOICES}". A question with choices is {CHOICE_ROW}'
    else:
        error.hint = f"{error.hint}; a question with choices is {CHOICE_ROW}"
    raise error


def _only_asks(value: Mapping[str, Any]) -> bool:
    """Whether the row is a prompt or a conversation without an answer."""
    messages = value.get("messages")
    if isinstance(messages, list):
        roles = [turn.get("role") for turn in messages if isinstance(turn, dict)]
        return bool(roles) and "assistant" not in roles
    return "prompt" in value and not layouts_of(value) and not is_preference(value)


def _choices_under(value: Mapping[str, Any]) -> str | None:
    """The key of a list of texts that might be choices."""
    found = (
        key
        for key, listed in value.items()
        if key != REFERENCES and isinstance(listed, list) and len(listed) > 1
        if all(isinstance(text, str) for text in listed)
    )
    return next(found, None)
