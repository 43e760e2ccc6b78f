"""What in `search` makes no sense: ranges that are none, and contradictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from brahma.core.config.problems import Mistake
from brahma.core.config.schema import got
from brahma.core.config.sections import Config

_RANGE_KEYS = ("low", "high", "log", "step")
_EXAMPLE = 'for example {"low": 1e-5, "high": 1e-3, "log": true}, or a list of values'


def search_mistakes(config: Config) -> Iterator[Mistake]:
    """Ranges, and where the study is kept. Which parameters there are is known to who searches."""
    search = config.search
    if search is None:
        return
    for name, given in (search.parameters or {}).items():
        if (mistake := range_mistake(given)) is not None:
            yield Mistake((f"search.parameters.{name}",), *mistake)
    if search.storage != "journal" and "://" not in search.storage and not search.storage.startswith("/"):
        hint = f'"journal", "./{search.storage}" for a file, or a URL such as sqlite:////data/study.db'
        yield Mistake(("search.storage",), f'"{search.storage}" is no path and no URL', hint)


def range_mistake(given: Any) -> tuple[str, str] | None:
    """What is wrong with a range, and a hint; None when nothing is."""
    match given:
        case None:
            return None
        case list():
            return _list_mistake(given)
        case dict():
            return _numbers_mistake(given)
    return f"expected a range, got {got(given)}", _EXAMPLE


def _list_mistake(values: list[Any]) -> tuple[str, str] | None:
    for value in values:
        if not (value is None or isinstance(value, bool | int | str | float)):
            return f"a value of the list is {got(value)}", "numbers, names, true, false or null"
        if isinstance(value, float) and not math.isfinite(value):
            return f"a value of the list is {got(value)}", "finite numbers"
    if not values:
        return "has no values", "name two or more, or leave it out"
    keys = [(type(value) is bool, value) for value in values]
    if double := next((value for value, key in zip(values, keys, strict=True) if keys.count(key) > 1), None):
        return f"has {double!r} twice", "name each value once"
    return None


def _numbers_mistake(given: Mapping[str, Any]) -> tuple[str, str] | None:
    if unknown := next((key for key in given if key not in _RANGE_KEYS), None):
        return f"has an unknown key {unknown!r}", f"its keys are {', '.join(_RANGE_KEYS)}"
    for key in ("low", "high"):
        if not _is_number(given.get(key)):
            return f"needs {key}, a number; it is {got(given.get(key))}", _EXAMPLE
    low, high, step = given["low"], given["high"], given.get("step")
    if low >= high:
        return f"low {low:g} is not below high {high:g}", "swap them, or remove the parameter"
    if not isinstance(given.get("log", False), bool):
        return f"log is {got(given['log'])}", "true or false"
    if given.get("log") and low <= 0:
        return f"low {low:g} is not above 0, which a logarithmic range needs", "a small number above 0"
    if step is not None and (not _is_number(step) or not 0 < step <= high - low):
        return f"step {step!r} does not lie in the range", "a number above 0, at most high - low"
    if step is not None and given.get("log"):
        return "has both log and step", "remove one of the two"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
