"""What a row says, in no layout: running text, a talk, or a pair; and what must not be lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brahma.data.layouts import Layout
from brahma.data.rows import Role, place

OWN_KEYS: Mapping[Layout, frozenset[str]] = {
    "text": frozenset({"text"}),
    "chat": frozenset({"messages"}),
    "completion": frozenset({"prompt", "completion"}),
    "instruct": frozenset({"instruction", "input", "output", "system", "history"}),
    "sharegpt": frozenset({"conversations", "system"}),
}
"""The keys of each layout, optional ones included; all others are a row's other keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What all three share.

    Attributes:
        source: the file.
        line: 1-based line on which it starts.
        other: the row's other keys, which belong to no layout.
    """

    source: Path
    line: int
    other: Mapping[str, object] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """`file:line`."""
        return place(self.source, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Form):
    """A document."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Form):
    """What is given, and what is learnt."""

    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says; `other` are the further keys of its message."""

    role: Role
    content: str
    other: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk(Form):
    """A conversation: `system` at most once and first, then `user` and `assistant` in turn."""

    turns: tuple[Turn, ...]

    @property
    def system(self) -> Turn | None:
        """The first turn, if it is the system's."""
        return self.turns[0] if self.turns[0].role == "system" else None

    @property
    def said(self) -> tuple[Turn, ...]:
        """The turns of user and assistant."""
        return self.turns[1:] if self.system else self.turns

    @property
    def exchanges(self) -> tuple[tuple[Turn, Turn], ...]:
        """`(request, answer)` of each; raises `WouldLoseError` when the last request has no answer."""
        if self.said[-1].role != "assistant":
            raise WouldLoseError(
                "a last request without an answer", "Take the rows out, or choose chat or sharegpt"
            )
        return tuple(zip(self.said[::2], self.said[1::2], strict=True))


class WouldLoseError(Exception):
    """A row has something that its new layout cannot carry.

    Args:
        what: the same words for every row that has it.
        hint: what to say for it to be left out, put elsewhere, or kept.
    """

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        super().__init__(what)
