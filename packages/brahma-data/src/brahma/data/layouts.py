"""Layouts: which keys of a row hold its texts, and the same row with other texts.

| layout | keys |
|---|---|
| `text` | `text`; or the row is a plain string |
| `chat` | `messages`, a list of `role` and `content` |
| `completion` | `prompt`, `completion` |
| `instruct` | `instruction`, `output`; also `input`, `system`, `history` (Alpaca) |
| `sharegpt` | `conversations`, a list of `from` and `value` or of `role` and `content`; also `system` |
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from brahma.core.errors import RowError
from brahma.core.suggest import nearest
from brahma.data.rows import Kind

Layout = Literal["text", "chat", "completion", "instruct", "sharegpt"]
Value: TypeAlias = "str | Mapping[str, object]"
"""What a reader yields as a row: plain text, or a JSON object."""
_Path = tuple[str | int, ...]

KEYS: Mapping[Layout, tuple[str, ...]] = {
    "text": ("text",),
    "chat": ("messages",),
    "completion": ("prompt", "completion"),
    "instruct": ("instruction", "output"),
    "sharegpt": ("conversations",),
}
"""The keys that a row of the layout must have."""

LAYOUT_OF_FORMAT: Mapping[str, Layout] = {**{layout: layout for layout in KEYS}, "jsonl": "text"}
"""What a `format` other than `auto` says of the rows."""

_KEY_SETS: Mapping[Layout, frozenset[str]] = {layout: frozenset(keys) for layout, keys in KEYS.items()}

KINDS: Mapping[Layout, Kind] = {
    "text": "text",
    "chat": "chat",
    "completion": "completion",
    "instruct": "chat",
    "sharegpt": "chat",
}
"""What a row of the layout is when it is trained on."""

_EXPECTED = (
    'Expected {"text"}, {"messages"}, {"prompt", "completion"}, '  # one line in an error
    '{"instruction", "output"} or {"conversations"}'
)
_PREFERENCE = ("chosen", "rejected")
"""A row with both holds preferences, whatever stands beside them."""
_ASKING = ("prompt", "question", "query", "problem", "input", "instruction")
_ANSWERING = ("completion", "answer", "response", "reply", "solution", "output", "target")
_RUNNING = ("content", "body", "document", "article", "passage")


def layouts_of(value: Value) -> list[Layout]:
    """Every layout whose keys the row has, but none for preferences. Of several, those that are not null."""
    if isinstance(value, str):
        return ["text"]
    if is_preference(value):
        return []
    keys = value.keys()
    found = [layout for layout, needed in _KEY_SETS.items() if keys >= needed]
    if len(found) < 2:
        return found
    filled = [layout for layout in found if all(value[key] is not None for key in KEYS[layout])]
    return filled or found


def is_preference(value: Value) -> bool:
    """Whether the row holds a better and a worse answer: one that trains on the rest of it trains on half."""
    chosen, rejected = _PREFERENCE
    return not isinstance(value, str) and value.get(chosen) is not None and value.get(rejected) is not None


def layout_of(value: Value, *, where: str | None = None) -> Layout:
    """The layout of a row.

    Args:
        where: its place, for errors.

    Raises:
        RowError: the row has the keys of no layout, or those of several.
    """
    found = layouts_of(value)
    if not found:
        raise unknown_layout(cast("Mapping[str, object]", value), where=where)
    if len(found) > 1:
        raise RowError(
            f"the row fits more than one format: {', '.join(found)}",
            where=where,
            hint=f"Say which one is meant, for example {found[-1]}, or take the keys of the others out",
        )
    return found[0]


def texts_of(value: Value, layout: Layout, *, where: str | None = None) -> tuple[str, ...]:
    """The row's pieces of text, in the order in which they are read. Empty optional ones are left out.

    Raises:
        RowError: a key is missing, or what it holds is no text.
    """
    if isinstance(value, str):
        return (value,)
    if layout == "text" and type(text := value.get("text")) is str:  # most rows: at a third of the time
        return (text,)
    return tuple(_get(value, path, where) for path in _paths(value, layout, where))


def with_texts(value: Value, layout: Layout, texts: Sequence[str]) -> str | dict[str, object]:
    """The same row, all its other keys included, with other texts; the given row is not changed.

    Args:
        texts: as many as `texts_of` gives, in its order.

    Raises:
        ValueError: not so many.
        RowError: as `texts_of`.
    """
    if isinstance(value, str):
        (text,) = texts
        return text
    result: dict[str, object] = _copied(value)
    for path, text in zip(_paths(value, layout, None), texts, strict=True):
        holder: Any = result
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = text
    return result


def unknown_layout(value: Mapping[str, object], *, where: str | None = None) -> RowError:
    """What to say about a row that has the keys of no layout, or preferences."""
    keys = [str(key) for key in value]
    found = f"keys found: {', '.join(keys)}" if keys else "the row is empty"
    if is_preference(value):
        return _preference(value, found, where)
    names = _new_names(keys)
    if not names:
        hint = f"{_EXPECTED}; `brahma data convert` renames keys with --map OLD=NEW"
        return RowError("the row fits no known format", where=where, why=found, hint=hint)
    close = next((new for old, new in names.items() if nearest(old, [new])), None)
    asked = f"Did you mean {close!r}? " if close else ""
    renames = " and ".join(f'"{old}" to "{new}"' for old, new in names.items())
    hint = f"{asked}Rename {renames}: {_renaming(names, where)}"
    return RowError("the row fits no known format", where=where, why=found, hint=hint)


def _preference(value: Mapping[str, object], found: str, where: str | None) -> RowError:
    """Preferences are refused by name; of pairs, the better answers can be had."""
    hint = "Take the row out: no method of this version learns from preference data"
    if "prompt" in value and "completion" not in value and isinstance(value["chosen"], str):
        better = f"{_renaming({'chosen': 'completion'}, where)} --drop-keys rejected"
        hint = f"No method of this version learns from preference data. The better answers alone: {better}"
    message = "the row holds preference data, 'chosen' and 'rejected'"
    return RowError(message, where=where, why=found, hint=hint)


def _new_names(keys: Sequence[str]) -> dict[str, str]:
    """How the keys would have to be called, by what they are often called elsewhere; empty: no idea."""
    if pair := _pair_in(keys):
        return {old: new for old, new in zip(pair, KEYS["completion"], strict=True) if old != new}
    known = [key for group in KEYS.values() for key in group]
    close = {key: near for key in keys if (near := nearest(key, known)) and near != key and near not in keys}
    if close:
        return close
    running = _named(keys, _RUNNING)
    return {running: "text"} if running else {}


def _renaming(names: Mapping[str, str], where: str | None) -> str:
    """The command that renames keys in the file of the row."""
    source = (where or "").rpartition(":")[0]
    of = shlex.quote(source) if source and not source.startswith("<") else "FILE"
    pairs = shlex.quote(",".join(f"{old}={new}" for old, new in names.items()))
    return f"brahma data convert {of} --output renamed.jsonl --map {pairs}"


def type_name(value: object) -> str:
    """What JSON calls the type of a parsed value."""
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null", bool: "a boolean"}
    return names.get(type(value), "a number")


def _pair_in(keys: Sequence[str]) -> tuple[str, str] | None:
    """The keys of a question and its answer, as they are often called."""
    asking, answering = _named(keys, _ASKING), _named(keys, _ANSWERING)
    return (asking, answering) if asking and answering else None


def _named(keys: Sequence[str], names: Sequence[str]) -> str | None:
    """The key that is one of the names, or whose last word is: `Best Answer` is an `answer`."""
    called = {re.split(r"[\W_]+", key.casefold())[-1]: key for key in reversed(keys)}
    called |= {key.casefold(): key for key in reversed(keys)}
    return next((called[name] for name in names if name in called), None)


def _paths(value: Mapping[str, object], layout: Layout, where: str | None) -> Iterator[_Path]:
    """Where each piece of text stands."""
    if layout == "chat":
        yield from _turns(value, "messages", where)
        return
    if layout in ("instruct", "sharegpt") and value.get("system"):
        yield ("system",)
    if layout == "sharegpt":
        yield from _turns(value, "conversations", where)
        return
    if layout == "instruct":
        for number, pair in enumerate(_list(value.get("history") or [], "history", where)):
            _list(pair, f"history {number + 1}", where)
            yield from (("history", number, side) for side in (0, 1))
    for key in ("instruction", "input", "output") if layout == "instruct" else KEYS[layout]:
        if key != "input" or value.get(key):
            yield (key,)


def _turns(value: Mapping[str, object], key: str, where: str | None) -> Iterator[_Path]:
    for number, turn in enumerate(_list(value.get(key), key, where)):
        is_sharegpt = key == "conversations" and isinstance(turn, dict) and "value" in turn
        yield (key, number, "value" if is_sharegpt else "content")


def _list(value: object, name: str, where: str | None) -> list[object]:
    if not isinstance(value, list | tuple):
        raise RowError(
            f"{name!r} is {type_name(value)}, not a list", where=where, hint=f'Write it as "{name}": […]'
        )
    return list(value)


def _get(value: object, path: _Path, where: str | None) -> str:
    try:
        for step in path:
            value = value[step]  # type: ignore[index]  # what cannot be indexed is named below
    except (KeyError, IndexError, TypeError):
        raise RowError(f"the row has no {_shown(path)}", where=where, hint=_EXPECTED) from None
    if not isinstance(value, str):
        raise RowError(
            f"{_shown(path)} is {type_name(value)}, not a string", where=where, hint='Write it as "…"'
        )
    return value


def _copied(value: object) -> Any:
    """The value in containers of its own."""
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list | tuple) else value


def _shown(path: _Path) -> str:
    """`messages 2 content`, counted from 1."""
    return " ".join(f"{step + 1}" if isinstance(step, int) else repr(step) for step in path)
