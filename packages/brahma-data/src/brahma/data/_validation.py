"""What a row's keys say it is, and whether it holds what that needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn, cast, get_args

from brahma.core.errors import RowError
from brahma.core.suggest import nearest
from brahma.data.layouts import KEYS, KINDS, Layout, texts_of, type_name
from brahma.data.rows import Message, RawRow, Role, Row, place

_TOOLS = ("tools", "functions")
_TOOL_CALLS = ("tool_calls", "function_call")
_TOOL_ROLES = ("tool", "function", "ipython", "observation", "function_call", "function_response")
_WEIGHTS = ("weight", "train")
"""Keys that would change what is trained on: passing over them in silence would train on the wrong thing."""
_NO_TOOLS = "Calls of tools are not supported yet: take the row out, or set on_bad_row to skip"
_EMPTY: tuple[object, ...] = (None, [], {}, "", "[]")
"""What stands under a key for nothing, in tables above all."""
_SPEAKERS: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
"""Who speaks in a ShareGPT turn."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ROLE_NAMES: dict[str, Role] = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "developer": "system",
}


def parse_row(raw: RawRow, layout: Layout) -> Row:
    """The row as an example of that layout. Keys beyond those of its layout are left out.

    Raises:
        RowError: something is missing, empty, of the wrong type, or in the wrong order; tools are used.
    """
    where, kind = place(raw.source, raw.line), KINDS[layout]
    if kind == "text":
        text = raw.value if isinstance(raw.value, str) else _string(raw.value, "text", where)
        if not text.strip():
            _fail("the text is empty", where, "Take the row out, or set on_bad_row to skip")
        return Row(kind, raw.source, raw.line, raw.offset, text=text)
    value = cast("dict[str, object]", raw.value)
    if value.get("label") is False:  # Kahneman-Tversky optimisation: https://arxiv.org/abs/2402.01306
        message = "the row is marked as a bad answer ('label' is false), as in preference data"
        _fail(message, where, "Take the row out, or set on_bad_row to skip; the others are good to train on")
    if kind == "chat":
        return Row(kind, raw.source, raw.line, raw.offset, messages=_conversation(value, layout, where))
    prompt, completion = (_string(value, key, where) for key in KEYS["completion"])
    if not completion.strip():
        _fail("the completion is empty", where, "There is nothing to learn from it: take the row out")
    return Row(kind, raw.source, raw.line, raw.offset, prompt=prompt, completion=completion)


def _fail(message: str, where: str, hint: str) -> NoReturn:
    raise RowError(message, where=where, hint=hint)


def _string(value: Mapping[str, object], key: str, where: str) -> str:
    text = value[key]
    if not isinstance(text, str):
        _fail(f"{key!r} is {type_name(text)}, not a string", where, f'Write it as {{"{key}": "…"}}')
    _check_surrogates(text, repr(key), where)
    return text


def _check_surrogates(text: str, name: str, where: str) -> None:
    if not text.isascii() and _SURROGATE.search(text):
        hint = "Correct the \\ud… escapes: they come in pairs"
        _fail(f"{name} holds half of a surrogate pair", where, hint)


def _conversation(value: Mapping[str, object], layout: Layout, where: str) -> tuple[Message, ...]:
    for key in _TOOLS:
        if value.get(key) not in _EMPTY:
            _fail(f"the row has {key!r}", where, _NO_TOOLS)
    if layout == "instruct":
        return _instruct(value, where)
    key = KEYS[layout][0]
    turns = value[key]
    if not isinstance(turns, list):
        _fail(f"{key!r} is {type_name(turns)}, not a list", where, 'Write [{"role": …, "content": …}, …]')
    if layout == "sharegpt":
        turns = [_named_role(turn) for turn in turns]
    before = _system(value, where) if layout == "sharegpt" else ()
    messages = tuple(_message(each, number, where) for number, each in enumerate(turns, 1))
    _check_order((*before, *messages), where, first=1 - len(before))
    return (*before, *messages)


def _named_role(turn: object) -> object:
    """A ShareGPT turn as a message; one that is none stays, to be named."""
    if not isinstance(turn, dict) or "from" not in turn or "value" not in turn:
        return turn
    speaker = turn["from"]
    role = _SPEAKERS.get(speaker, speaker) if isinstance(speaker, str) else speaker
    return {**turn, "role": role, "content": turn["value"]}


def _system(value: Mapping[str, object], where: str) -> tuple[Message, ...]:
    """The `system` beside the turns, if there is one."""
    return (Message("system", _string(value, "system", where)),) if value.get("system") else ()


def _instruct(value: Mapping[str, object], where: str) -> tuple[Message, ...]:
    """Alpaca: earlier turns, then instruction and input, a line each, as the question; the output answers."""
    for text in texts_of(value, "instruct", where=where):
        _check_surrogates(text, "a text", where)
    question = "\n".join(str(value[key]) for key in ("instruction", "input") if value.get(key))
    pairs = [*cast("list[list[str]]", value.get("history") or []), [question, str(value["output"])]]
    messages = list(_system(value, where))
    for number, pair in enumerate(pairs, 1):
        is_last = number == len(pairs)
        if len(pair) != 2:
            _fail(f"history {number} has {len(pair)} texts, not 2", where, 'Write ["question", "answer"]')
        if not pair[1].strip():
            named = "the output" if is_last else f"the answer in history {number}"
            _fail(f"{named} is empty", where, "There is nothing to learn from it: take the row out")
        messages += [Message("user", pair[0]), Message("assistant", pair[1])]
    if not question.strip():
        _fail("the instruction is empty", where, "Take the row out, or fill it in")
    return tuple(messages)


def _message(value: object, number: int, where: str) -> Message:
    if not isinstance(value, dict):
        _fail(f"message {number} is {type_name(value)}", where, 'Write {"role": "user", "content": "…"}')
    for key in (*_TOOL_CALLS, *_WEIGHTS):
        if value.get(key) not in _EMPTY:
            hint = (
                _NO_TOOLS if key in _TOOL_CALLS else "This key is not supported yet: take it or the row out"
            )
            _fail(f"message {number} has {key!r}", where, hint)
    if value.get("role", value.get("from")) in _TOOL_ROLES:
        _fail(f"message {number} is of the role {value.get('role', value.get('from'))!r}", where, _NO_TOOLS)
    for key in ("role", "content"):
        if key not in value:
            keys = ", ".join(map(str, value)) or "none"
            _fail(f"message {number} has no {key!r} (keys found: {keys})", where, "Add it")
    role, content = value["role"], _content(value, number, where)
    if role not in get_args(Role):
        known = _ROLE_NAMES.get(str(role)) or nearest(str(role), get_args(Role))
        hint = f"Did you mean {known!r}? " if known else ""
        _fail(
            f"message {number} has the unknown role {role!r}", where, hint + "Roles: system, user, assistant"
        )
    if role == "assistant" and not content.strip():
        _fail(
            f"message {number}, an assistant's turn, is empty",
            where,
            "Take the row out, or fill in the answer",
        )
    return Message(role, content)


def _content(value: dict[str, object], number: int, where: str) -> str:
    try:
        return _string(value, "content", where)
    except RowError as error:
        raise RowError(f"message {number}: {error.message}", where=where, hint=error.hint) from None


def _check_order(messages: tuple[Message, ...], where: str, *, first: int) -> None:
    """`system` at most once and first; then `user` and `assistant` in turn, `user` first.

    Args:
        first: number of the first message, for errors.
    """
    expected = "user"
    for number, message in enumerate(messages, first):
        if message.role == "system" and number == first:
            continue
        if message.role != expected:
            hint = f"The role here must be {expected!r}: system first, then user and assistant in turn"
            _fail(f"message {number} is out of order: role {message.role!r}", where, hint)
        expected = "assistant" if expected == "user" else "user"
    if not any(message.role == "assistant" for message in messages):
        _fail(
            "the conversation has no assistant's turn",
            where,
            "There is nothing to learn from it: take it out",
        )
