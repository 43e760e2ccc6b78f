"""From a row as it stands in its file to what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from brahma.core.errors import RowError
from brahma.core.suggest import suggestion
from brahma.data.conversion.forms import OWN_KEYS, Form, Pair, Running, Talk, Turn
from brahma.data.conversion.options import ALL_KEYS, Options
from brahma.data.conversion.ways import Notes
from brahma.data.layouts import Layout
from brahma.data.rows import RawRow, Row, place


def _turn_keys(turn: Mapping[str, Any]) -> frozenset[str]:
    """The keys that say who speaks and what; ShareGPT has two ways."""
    return frozenset({"from", "value"} if "from" in turn and "value" in turn else {"role", "content"})


def renamed(raw: RawRow, names: Mapping[str, str]) -> RawRow:
    """The row with its keys called as `names` says.

    Raises:
        RowError: it has no such key, or has the new one already.
    """
    if not names:
        return raw
    where = place(raw.source, raw.line)
    if isinstance(raw.value, str):
        raise RowError("plain text has no keys to rename", where=where, hint="Leave --map out")
    value = raw.value
    for old, new in names.items():
        if old not in value:
            hint = suggestion(old, value, nothing="the row is empty")
            raise RowError(f"the row has no {old!r} to rename", where=where, hint=hint)
        if new in value and new not in names:
            raise RowError(
                f"the row has {new!r} already",
                where=where,
                hint=f"--map {new}=old_{new} puts it out of the way",
            )
    return replace(raw, value={names.get(key, key): each for key, each in value.items()})


def selected(value: Mapping[str, Any], layout: Layout, options: Options, notes: Notes) -> dict[str, Any]:
    """The row without the other keys that the user does not want; those of its messages too."""
    kept = _kept(value, OWN_KEYS[layout], options, notes)
    turns = next((key for key in ("messages", "conversations") if key in OWN_KEYS[layout]), None)
    if turns is not None and (options.drop_keys or options.keep_keys is not None):
        kept[turns] = [_kept(turn, _turn_keys(turn), options, notes) for turn in kept[turns]]
    return kept


def _kept(value: Mapping[str, Any], own: frozenset[str], options: Options, notes: Notes) -> dict[str, Any]:
    dropped = [key for key in value if key not in own and _is_unwanted(key, options)]
    for key in dropped:
        notes[f"key {key!r} left out"] += 1
    return {key: each for key, each in value.items() if key not in dropped}


def _is_unwanted(key: str, options: Options) -> bool:
    if options.keep_keys is not None:
        return key not in options.keep_keys
    return ALL_KEYS in options.drop_keys or key in options.drop_keys


def form_of(row: Row, value: str | Mapping[str, Any], layout: Layout, notes: Notes) -> Form:
    """What a valid row says.

    Args:
        row: as `parse_row` made it of the value.
        notes: counted up where `input` is put below its instruction.
    """
    if isinstance(value, str):
        return Running(source=row.source, line=row.line, text=value)
    other = {key: each for key, each in value.items() if key not in OWN_KEYS[layout]}
    if layout == "text":
        return Running(source=row.source, line=row.line, other=other, text=row.text)
    if layout == "completion":
        return Pair(
            source=row.source, line=row.line, other=other, prompt=row.prompt, completion=row.completion
        )
    if layout == "instruct" and value.get("input"):
        notes["input put below its instruction"] += 1
    return Talk(source=row.source, line=row.line, other=other, turns=_turns(row, value, layout))


def _turns(row: Row, value: Mapping[str, Any], layout: Layout) -> tuple[Turn, ...]:
    if layout == "instruct":
        return tuple(Turn(message.role, message.content) for message in row.messages)
    given = cast("list[dict[str, object]]", value["messages" if layout == "chat" else "conversations"])
    extra = [{key: turn[key] for key in turn.keys() - _turn_keys(turn)} for turn in given]
    extra = [{}] * (len(row.messages) - len(given)) + extra  # a key `system` became the first turn
    return tuple(
        Turn(message.role, message.content, other) for message, other in zip(row.messages, extra, strict=True)
    )
