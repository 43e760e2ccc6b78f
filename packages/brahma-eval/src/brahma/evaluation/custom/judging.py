"""The user's own scoring function: loaded by name, asked of each example, and allowed to fail on some."""

from __future__ import annotations

import logging
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from numbers import Real
from typing import Any, TypeAlias, cast

from brahma.core.errors import ConfigError
from brahma.core.plugins import check_stop
from brahma.core.suggest import suggestion

Score: TypeAlias = Callable[[dict[str, Any], str], float | bool | Mapping[str, float]]
"""`score(example, output)`: the row as a dictionary, and what the model wrote."""
SCORE = "score"
"""What the figure is called when the function returns a single number."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An example that the scoring function failed on.

    Attributes:
        where: the example, `file:line`.
        message: what it raised and in which line of it, or what it returned instead of numbers.
    """

    where: str
    message: str


@dataclass(frozen=True)
class Judged:
    """What a scoring function said.

    Attributes:
        scores: of each example its figures by name; None where the function failed.
        failures: of these, in the order of the examples.
    """

    scores: tuple[Mapping[str, float] | None, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Case:
    """One call: the row, what the model wrote, and the row's place."""

    where: str
    example: Mapping[str, Any]
    output: str


def judge(score: Score, cases: Sequence[Case], *, taken: Sequence[str] = ()) -> Judged:
    """Ask the function of every example; one that it fails on does not stop the others.

    Args:
        taken: names of other figures, which its own must not have.

    Raises:
        ConfigError: it fails on every example, or calls a figure as another one is called.
    """
    scores: list[Mapping[str, float] | None] = []
    failures: list[Failure] = []
    names: tuple[str, ...] = ()
    for case in cases:
        found = _asked(score, case)
        if not isinstance(found, str):
            names = names or tuple(found)
            if set(found) != set(names):
                found = f"it returned {_listed(found)}, and {_listed(names)} before"
        if isinstance(found, str):
            failures.append(Failure(case.where, found))
            scores.append(None)
        else:
            scores.append(found)
    if len(failures) == len(cases):
        raise _all_failed(score, failures)
    if doubled := sorted(set(names) & set(taken)):
        raise ConfigError(
            f"the scoring function calls a figure {doubled[0]!r}, and so is another one called",
            where=_name(score),
            hint="Give it another name in what it returns",
        )
    if failures:
        first = failures[0]
        _log.warning(
            "the scoring function failed on %d of %d examples; the first: %s: %s",
            *(len(failures), len(cases), first.where, first.message),
        )
    return Judged(tuple(scores), tuple(failures))


def load_score(text: str) -> Score:
    """The function that `module:function` names; modules in the working directory are found as well.

    Raises:
        ConfigError: no such module or function, or the module fails when it is imported.
    """
    module_name, _, name = text.partition(":")
    if not module_name or not name or module_name.endswith(".py"):
        raise ConfigError(
            f"{text!r} names no function",
            where="--score",
            hint="Write module:function, such as my_scores:polite for `polite` in my_scores.py",
        )
    if os.getcwd() not in sys.path:  # as `python -m` has it
        sys.path.insert(0, os.getcwd())
    try:
        module = import_module(module_name)
    except BaseException as error:  # the user's code
        check_stop(error)
        raise ConfigError(
            f"the module {module_name!r} of the scoring function cannot be imported",
            where="--score",
            why=_told(error),
            hint="Modules are looked for in the working directory and among what is installed",
        ) from error
    score = getattr(module, name, None)
    if not callable(score):
        offered = [each for each, value in vars(module).items() if callable(value) and each[0] != "_"]
        raise ConfigError(
            f"{module_name} has no function {name!r}",
            where="--score",
            hint=suggestion(name, offered, nothing=f"Define {name}(example, output) in it"),
        )
    return cast(Score, score)


def _asked(score: Score, case: Case) -> Mapping[str, float] | str:
    """What the function says of one example; a text where it failed."""
    try:
        found = score(deepcopy(dict(case.example)), case.output)
    except BaseException as error:  # the user's code
        check_stop(error)
        return _told(error) + _line_of(error)
    given = found if isinstance(found, Mapping) else {SCORE: found}
    numbers = {str(name): _number(value) for name, value in given.items()}
    if not numbers:
        return "it returned no figure"
    for name, number in numbers.items():
        if number is None:
            called = f"{name!r}: " if isinstance(found, Mapping) else ""
            return f"it returned {called}{_shown(given[name])}, which is no finite number"
    return cast("dict[str, float]", numbers)


def _number(value: object) -> float | None:
    """A number or truth value of Python, numpy or torch as a float; None of anything else."""
    if not isinstance(value, Real) and not isinstance(value, str) and hasattr(value, "item"):
        try:
            value = value.item()
        except (RuntimeError, TypeError, ValueError):  # more than one element
            return None
    try:
        return float(value) if isinstance(value, Real) and math.isfinite(value) else None
    except OverflowError:  # a whole number beyond what a float holds
        return None


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _listed(names: object) -> str:
    return ", ".join(map(str, cast("Sequence[str]", names)))


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _line_of(error: BaseException) -> str:
    """The line of the user's function in which it happened, ` (my_scores.py:12)`; nothing when not in it."""
    calls = traceback.extract_tb(error.__traceback__)[1:]  # the first one is ours
    return f" ({os.path.basename(calls[0].filename)}:{calls[0].lineno})" if calls else ""


def _name(score: Score) -> str:
    return f"{getattr(score, '__module__', '')}:{getattr(score, '__qualname__', type(score).__name__)}"


def _all_failed(score: Score, failures: Sequence[Failure]) -> ConfigError:
    first = failures[0]
    return ConfigError(
        f"the scoring function failed on every example ({len(failures):,})",
        where=_name(score),
        why=f"{first.where}: {first.message}",
        hint="It is called with the row as a dictionary and the model's text, and returns a number, a truth "
        "value, or a dictionary of numbers",
    )
