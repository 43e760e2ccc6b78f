"""What is wrong with an entry that a plugin brought: its types are a stranger's, and nothing checked them."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from brahma.core.entries import CommandEntry, Entry

_WORD = re.compile(r"\w[\w.+-]*")
_TARGET = re.compile(r"[^\W\d]\w*(\.\w+)*:\w+(\.\w+)*")
_MOST_WORDS = 2  # of a command's name


def entry_mistake(entry: Entry) -> str | None:
    """What is wrong with it, in one line; None for a good one.

    A name is a word that a configuration and a terminal take as it is; a command's has one or two.
    """
    entry_type: Any = type(entry)
    for field, kind in _fields(entry_type).items():
        if not _fits(getattr(entry, field), kind):
            return f"its {field} is {getattr(entry, field)!r}, of another type than the entry's"
    if not entry.name or not _TARGET.fullmatch(entry.target):
        return "name or target ('package.module:attribute') is missing"
    if entry.options is not None and not _TARGET.fullmatch(entry.options):
        return f"its options are {entry.options!r}, not 'package.module:Model'"
    if not entry.summary.isprintable():
        return f"its summary is {entry.summary!r}, not one line of plain text"
    return _name_mistake(entry)


def _name_mistake(entry: Entry) -> str | None:
    words = entry.name.split(" ") if isinstance(entry, CommandEntry) else [entry.name]
    if len(words) > _MOST_WORDS:
        return "a command's name has one or two words"
    if not all(map(_WORD.fullmatch, words)):
        return "a name is a word of letters, digits and . _ + -"
    return None


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """Field of a dataclass -> its annotation."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of an annotation, as far as those of entries go."""
    origin = get_origin(kind)
    if origin is Literal:
        return value in get_args(kind)
    if origin is UnionType:
        return any(_fits(value, each) for each in get_args(kind))
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(each, get_args(kind)[0]) for each in value)
    if kind is NoneType:
        return value is None
    if kind in (int, float):
        return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if isinstance(kind, type) and is_dataclass(kind):
        return isinstance(value, kind) and all(
            _fits(getattr(value, field), each) for field, each in _fields(kind).items()
        )
    return isinstance(value, kind)
