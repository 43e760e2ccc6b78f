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
_ASKING = ("question", "query", "problem", "input", "instruction")
_ANSWERING = ("answer", "response", "reply", "solution", "output", "target")


def layouts_of(value: Value) -> list[Layout]:
    """Every layout whose keys the row has. Of several, those count whose keys are not null."""
    if isinstance(value, str):
        return ["text"]
    found = [layout for layout, keys in KEYS.items() if all(key in value for key in keys)]
    if len(found) < 2:
        return found
    filled = [layout for layout in found if all(value[key] is not None for key in KEYS[layout])]
    return filled or found


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
    """What to say about a row that has the keys of no layout."""
    keys = [str(key) for key in value]
    known = [key for group in KEYS.values() for key in group]
    found = f"keys found: {', '.join(keys)}" if keys else "the row is empty"
    hint = _EXPECTED
    if "chosen" in keys or "rejected" in keys:
        hint = f"This looks like preference data, which a later version will read. {_EXPECTED}"
    elif pair := _pair_in(keys):
        hint = (
            f'Rename "{pair[0]}" to "prompt" and "{pair[1]}" to "completion" '
            f"(docs/how-to/prepare-data.md has the lines for it). {_EXPECTED}"
        )
    elif close := next((near for key in keys if (near := nearest(key, known)) and near != key), None):
        hint = f"Did you mean {close!r}? {_EXPECTED}"
    return RowError("the row fits no known format", where=where, why=found, hint=hint)


def type_name(value: object) -> str:
    """What JSON calls the type of a parsed value."""
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null", bool: "a boolean"}
    return names.get(type(value), "a number")


def _pair_in(keys: Sequence[str]) -> tuple[str, str] | None:
    """The keys of a question and its answer, as they are often called."""
    asking = next((key for key in _ASKING if key in keys), None)
    answering = next((key for key in _ANSWERING if key in keys), None)
    return (asking, answering) if asking and answering else None


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
