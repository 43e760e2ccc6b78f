"""Transcripts: text in which each turn begins with its speaker's name and a colon.

    User: When is the lamp lit?
    Assistant: When the sun goes down.

A turn reaches to the next line that names a speaker. Who is known as what stands in `KNOWN`; the first name
of each role that a file uses is the one that counts in it, so that a line `Answer: 4` in what an assistant
says stays what it says. A new conversation begins

- after a line of only dashes, equals signs or asterisks (three or more);
- where the system speaks;
- after a blank line, when the user speaks and the first answer of the file follows its request without a
  blank line. (Where blank lines stand between all turns they say nothing.)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from brahma.core.errors import RowError
from brahma.data.conversion.forms import Talk, Turn
from brahma.data.rows import BadRow, Role, place

KNOWN: dict[str, Role] = {
    "system": "system",
    **dict.fromkeys(("user", "human", "question", "q", "instruction", "prompt"), "user"),
    **dict.fromkeys(
        ("assistant", "ai", "answer", "a", "response", "bot", "model", "gpt", "chatgpt", "completion"),
        "assistant",
    ),
}
"""Names of speakers, in any case, also as `### Name:`, `**Name:**` and with a number (`Q1:`)."""

Likeness = Literal["yes", "partly", "no"]

LOOKED_AT = 2_000
"""Lines in which a transcript must show a request and an answer to be recognised."""
_BORDER = re.compile(r"\s*(?:-{3,}|={3,}|\*{3,})\s*")
_HINT = "Mend the file, or let --on-bad-row skip leave such conversations out; --rule title takes it as prose"


def looks_like(lines: Iterable[str], speakers: Mapping[str, Role] | None = None) -> Likeness:
    """Whether text is a transcript, by its first lines.

    Returns:
        `yes` when the first line that is not blank names a speaker and both user and assistant speak;
        `partly` when both speak twice and the text begins otherwise; else `no`.
    """
    known, label = speakers or KNOWN, _label(speakers or KNOWN)
    said: Counter[Role] = Counter()
    begins = None
    for line in islice((line for line in lines if line.strip()), LOOKED_AT):
        match = label.fullmatch(line)
        begins = bool(match) if begins is None else begins
        if match:
            said[known[match["name"].lower()]] += 1
    least = min(said["user"], said["assistant"])
    if begins:
        return "yes" if least else "no"
    return "partly" if least > 1 else "no"


@dataclass(slots=True)
class Transcript:
    """Makes conversations of lines; one for a file or a document.

    Args:
        source: the file, for messages.
        speakers: names in lower case -> roles; None: those of `KNOWN`, one name for each role.

    Attributes:
        unheeded: lines that begin with another speaker's known name, which stay text; the first one's place.
    """

    source: Path
    speakers: Mapping[str, Role] | None = None
    unheeded: int = 0
    first_unheeded: str = ""
    _names: dict[Role, str] = field(default_factory=dict)
    _turns: list[_OpenTurn] = field(default_factory=list)
    _blank_separates: bool | None = None

    def conversations(self, lines: Iterable[tuple[int, str]]) -> Iterator[Talk | BadRow]:
        """The conversations of numbered lines, streamed; one that does not fit is a BadRow."""
        label = _label(self.speakers or KNOWN)
        for number, line in lines:
            match = label.fullmatch(line)
            role = self._role(match["name"].lower(), number) if match else None
            if match is None or role is None:
                self._goes_on(number, line)
                continue
            if self._begins_anew(role):
                yield from self._finished()
            self._turns.append(_OpenTurn(role, number, [match["text"]]))
        yield from self._finished()

    def _role(self, name: str, number: int) -> Role | None:
        """Whose name this is; None for another name of a role that has one already."""
        if self.speakers is not None:
            return self.speakers[name]
        role = KNOWN[name]
        if self._names.setdefault(role, name) == name:
            return role
        self.unheeded += 1
        self.first_unheeded = self.first_unheeded or place(self.source, number)
        return None

    def _goes_on(self, number: int, line: str) -> None:
        if self._turns:
            self._turns[-1].lines.append(line)
        elif line.strip() and not _BORDER.fullmatch(line):
            self._turns.append(_OpenTurn(None, number, [line]))

    def _begins_anew(self, role: Role) -> bool:
        """Whether a turn of this role is the first of a new conversation; takes the border line away."""
        if not self._turns:
            return False
        lines = self._turns[-1].lines
        had_blank = _drop_blank(lines)
        if self._blank_separates is None and role == "assistant":
            self._blank_separates = not had_blank
        if role == "assistant":
            return False
        if lines and _BORDER.fullmatch(lines[-1]):
            lines.pop()
            return True
        return role == "system" or (had_blank and bool(self._blank_separates))

    def _finished(self) -> Iterator[Talk | BadRow]:
        turns, self._turns = self._turns, []
        if not turns:
            return
        for turn in turns:
            _drop_blank(turn.lines)
        if len(turns[-1].lines) > 1 and _BORDER.fullmatch(turns[-1].lines[-1]):
            turns[-1].lines.pop()
        try:
            talk = tuple(Turn(role, turn.text) for role, turn in _checked(self.source, turns))
            yield Talk(source=self.source, line=turns[0].line, turns=talk)
        except RowError as error:
            yield BadRow(self.source, turns[0].line, 0, error)


@dataclass(slots=True)
class _OpenTurn:
    role: Role | None
    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


def _checked(source: Path, turns: list[_OpenTurn]) -> Iterator[tuple[Role, _OpenTurn]]:
    """The turns with their roles; raises RowError at the line of the first that is out of order or empty."""
    said: Role | None = None
    for turn in turns:
        where = place(source, turn.line)
        if turn.role is None:
            raise RowError("no speaker says this text", where=where, why=repr(turn.text[:60]), hint=_HINT)
        expected: Role = "assistant" if said == "user" else "user"
        if turn.role != expected and not (turn.role == "system" and said is None):
            raise RowError(f"the {turn.role} speaks where the {expected} should", where=where, hint=_HINT)
        if not turn.text:
            raise RowError(f"a turn of the {turn.role} is empty", where=where, hint=_HINT)
        said = turn.role
        yield turn.role, turn
    if all(turn.role != "assistant" for turn in turns):
        raise RowError("the request has no answer", where=place(source, turns[0].line), hint=_HINT)


def _drop_blank(lines: list[str]) -> bool:
    """Take blank lines off the end; whether there were any."""
    before = len(lines)
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    return len(lines) < before


def _label(names: Iterable[str]) -> re.Pattern[str]:
    """A line that begins with one of the names and a colon; groups `name` and `text`."""
    either = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.compile(
        rf"[ ]{{0,3}}(?:\#{{1,6}}[ ]+)?(?:\*\*)?(?P<name>{either})(?:[ ]?\d{{1,5}})?"
        rf"(?:\*\*)?[ ]?[:：](?:\*\*)?[ \t]*(?P<text>.*)",
        re.IGNORECASE | re.VERBOSE,
    )


def transcript_of(talk: Talk) -> str:
    """The conversation as text, `User: …` and `Assistant: …`, a line break between the turns.

    Raises:
        RowError: reading it would not give the same turns: a turn holds a line that looks like a
            speaker's, or begins or ends with blanks.
    """
    text = "\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in talk.turns)
    read = list(Transcript(talk.source).conversations(enumerate(text.split("\n"), 1)))
    said = [(turn.role, turn.content) for turn in talk.turns]
    again = [(turn.role, turn.content) for each in read if isinstance(each, Talk) for turn in each.turns]
    if len(read) == 1 and again == said:
        return text
    raise RowError(
        "as a transcript the conversation would be read otherwise than it was written",
        where=talk.where,
        why="a turn has a line that looks like a speaker's or a border, or blanks at its beginning or end",
        hint="--rule join puts the turns one after another, and loses who said what",
    )
