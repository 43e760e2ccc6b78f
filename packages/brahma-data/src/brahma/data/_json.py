"""JSON objects, fast, and never with a key that stands twice.

orjson keeps the last of equal keys in silence, reads integers beyond 64 bits as floats, and refuses what
Python's json takes (NaN, half surrogates). So what it made is used when it is surely the same, and all else
is parsed by json, which also gives the reason of an error.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any

import orjson

_SPACED = re.compile(rb'"[ \t\n\r]+:')
_BIG = 2.0**63
_DEEPEST = 200
"""Objects and lists within each other at most: the libraries that write JSON stop at 254."""


class DuplicateKeyError(ValueError):
    """A key stands twice in one object."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the key {key!r} stands twice in an object")


def fast_object(data: bytes) -> dict[str, object] | None:
    """The object, or None where json has to look: no JSON, no object, perhaps a key that stands twice."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict:
        return None
    try:
        keys = _keys(value)
    except OverflowError:
        return None
    return value if keys == _most_pairs(data) else None


def slow_object(text: str) -> object:
    """What the text says, as Python's json reads it.

    Raises:
        json.JSONDecodeError, ValueError, RecursionError: json cannot read it, or nobody could write it again.
        DuplicateKeyError: a key stands twice in an object.
    """
    value = json.loads(text, object_pairs_hook=_unique, parse_float=finite)
    if _is_deep(value, _DEEPEST):
        raise ValueError(f"more than {_DEEPEST} objects and lists within each other")
    return value


def finite(text: str) -> float:
    """The number; never infinity in its place.

    Raises:
        ValueError: no float holds it.
    """
    number = float(text)
    if isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _is_deep(value: object, left: int) -> bool:
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(not left or _is_deep(each, left - 1) for each in within if isinstance(each, dict | list))


def key_twice(pairs: Sequence[tuple[str, Any]], found: Mapping[str, Any]) -> str | None:
    """A key that stands twice in the pairs of which the object was made."""
    if len(found) == len(pairs):
        return None
    return next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if (key := key_twice(pairs, found)) is not None:
        raise DuplicateKeyError(key)
    return found


def reason(error: json.JSONDecodeError) -> str:
    """What json found wrong, and in which column."""
    return f"{error.msg.removesuffix(' at')} at column {error.colno}"


def _most_pairs(data: bytes) -> int:
    """At least as many as the pairs of key and value in the JSON text.

    A key ends with a quote and a colon, white space may stand between. A quote after one backslash is within
    a text, and ends no key; after two it may. When the parsed objects have as many keys, none was lost.
    """
    count = data.count(b'":')
    if b"\\" in data:
        count += data.count(b'\\\\":') - data.count(b'\\":')
    return count + (len(_SPACED.findall(data)) if _may_be_spaced(data) else 0)


def _may_be_spaced(data: bytes) -> bool:
    return b'" ' in data or b'"\t' in data or b'"\r' in data or b'"\n' in data


def _keys(value: Any, left: int = _DEEPEST) -> int:
    """Keys of all objects within.

    Raises:
        OverflowError: a float that may have been an integer of many digits; too much within each other.
    """
    if not left:
        raise OverflowError
    if type(value) is dict:
        count = len(value)
        value = value.values()
    else:
        count = 0
    for each in value:
        kind = type(each)
        if kind is dict or kind is list:
            count += _keys(each, left - 1)
        elif kind is float and not -_BIG < each < _BIG:
            raise OverflowError
    return count
