"""The error tree: what a terminal shows, and errors that cross process borders."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from brahma.core import errors
from brahma.core.errors import BrahmaError, ConfigError, RowError

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BrahmaError)]


def test_an_error_says_what_where_why_and_what_next() -> None:
    error = BrahmaError("a row is bad", where="chat.jsonl:3", why="no messages", hint="add one")
    assert str(error) == "chat.jsonl:3: a row is bad\n  cause: no messages\n\nhint: add one"


def test_what_is_unknown_is_left_out() -> None:
    assert str(BrahmaError("a row is bad")) == "a row is bad"


def test_mistakes_of_a_configuration_are_listed_together() -> None:
    problems = [
        ConfigError("lr: unknown", where="a.json:1", hint="x"),
        ConfigError("bs: unknown", where="a.json:2"),
    ]
    text = str(ConfigError("2 mistakes", where="a.json", problems=problems))
    assert text == "a.json: 2 mistakes\n\n  a.json:1: lr: unknown\n    hint: x\n\n  a.json:2: bs: unknown"


@pytest.mark.parametrize("kind", ALL)
def test_every_error_crosses_a_process_border_whole(kind: type[BrahmaError]) -> None:
    error = kind("a row is bad", where="chat.jsonl:3", why="no messages", hint="add one")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert (copy.message, copy.where, copy.why, copy.hint, copy.args) == (
        error.message,
        error.where,
        error.why,
        error.hint,
        error.args,
    )


def test_problems_cross_a_process_border_too() -> None:
    error = ConfigError("1 mistake", problems=[RowError("a row is bad", where="chat.jsonl:3")])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_tree_in_the_module_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, str] = {}
    parents: list[str] = []
    for bars, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+Error)\b", errors.__doc__ or "", re.M):
        depth = len(bars) // 4
        parents[depth:] = [name]
        drawn[name] = parents[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in ALL if kind.__base__}
