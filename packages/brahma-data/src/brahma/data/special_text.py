"""Special tokens that a text spells out: they are text there, never the tokens.

A document about chat templates, or a user's turn that says `<|assistant|>`, would otherwise end a turn or a
document where its author did not. Only what a template writes itself is read as special tokens. (Added
tokens that a vocabulary does not call special, such as runs of blanks or `<think>`, are words like others.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import RowError
from brahma.data.rows import Message
from brahma.data.templates import ChatTemplate, Rendered

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPELT, _MEANT = "\U0010ffff", "\U0010fffe"
"""Begin the stand-ins for special tokens in a content, and in a template. No text has noncharacters."""
_NUMBERS = 0x100000  # the private characters from here on number the special tokens


@dataclass(frozen=True)
class MarkedText:
    """A rendered conversation in which the template's special tokens are told from the contents.

    Attributes:
        rendered: as it reads, with the assistant's stretches.
        marked: the same with a stand-in for each special token of the template, as `guarded` takes it.
    """

    rendered: Rendered
    marked: str
    _ends: NDArray[np.int64]
    _shifts: NDArray[np.int64]

    def offsets(self, marked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Characters of `rendered.text` for those of `marked`, any shape."""
        return marked + self._shifts[np.searchsorted(self._ends, marked, side="right")]


class SpecialText:
    """Finds the texts of special tokens, and keeps them apart from the tokens.

    Args:
        texts: what the special tokens are written as, by number.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._openings = {text[:2] for text in texts}

    def count(self, text: str) -> int:
        """How many the text spells out. Fast where it spells none."""
        if not any(opening in text for opening in self._openings):
            return 0
        return sum(1 for _ in self._pattern.finditer(text))

    def render(self, template: ChatTemplate, messages: Sequence[Message], where: str) -> MarkedText:
        """Render a conversation whose contents spell out special tokens.

        Raises:
            RowError: a content has the two characters that are used to tell them apart.
            TemplateError: as `ChatTemplate.render`.
        """
        return self._marked(template.render(self._all_hidden(messages, where), where))

    def opening(self, template: ChatTemplate, messages: Sequence[Message]) -> MarkedText:
        """As `render`, up to where the next answer begins, as `ChatTemplate.opening`."""
        return self._marked(Rendered(template.opening(self._all_hidden(messages, None)), ()))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(filter(None, self.texts), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)))

    @cached_property
    def _numbers(self) -> dict[str, str]:
        return {text: chr(_NUMBERS + number) for number, text in enumerate(self.texts)}

    def _all_hidden(self, messages: Sequence[Message], where: str | None) -> list[Message]:
        if any(mark in message.content for message in messages for mark in (_SPELT, _MEANT)):
            raise RowError(
                "the conversation spells out a special token and holds the noncharacter U+10FFFE or U+10FFFF",
                where=where,
                why="Brahma uses these to tell the two kinds of special tokens apart",
                hint="Take the character out: it means nothing in any text",
            )
        return [replace(message, content=self._hidden(message.content)) for message in messages]

    def _hidden(self, content: str) -> str:
        return self._pattern.sub(lambda found: _SPELT + self._numbers[found.group()], content)

    def _marked(self, hidden: Rendered) -> MarkedText:
        joined = _Joined({edge for span in hidden.spans for edge in span})
        anything = re.compile(f"{_SPELT}.|{self._pattern.pattern}", re.DOTALL)
        done = 0
        for found in anything.finditer(hidden.text):
            joined.add(hidden.text[done : found.start()])
            mark = found.group()
            if mark[0] == _SPELT:
                joined.put(mark, text := self.texts[ord(mark[1]) - _NUMBERS], text)
            else:
                joined.put(mark, mark, _MEANT + self._numbers[mark])
            done = found.end()
        joined.add(hidden.text[done:])
        return joined.finish(hidden.spans)


class _Joined:
    """Builds both forms of a text side by side.

    Args:
        edges: characters of the hidden text whose places are wanted.
    """

    def __init__(self, edges: set[int]) -> None:
        self._edges = edges
        self._places: dict[int, int] = {}
        self._hidden = 0
        self._text, self._marked = "", ""
        self._ends: list[int] = []
        self._shifts = [0]

    def add(self, between: str) -> None:
        """Text that is the same in all forms."""
        end = self._hidden + len(between)
        moved = len(self._text) - self._hidden
        self._places |= {edge: edge + moved for edge in self._edges if self._hidden <= edge <= end}
        self._hidden = end
        self._text += between
        self._marked += between

    def put(self, hidden: str, text: str, marked: str) -> None:
        """What is written in different ways."""
        self._hidden += len(hidden)
        self._text += text
        self._marked += marked
        self._ends.append(len(self._marked))
        self._shifts.append(len(self._text) - len(self._marked))

    def finish(self, spans: Iterable[tuple[int, int]]) -> MarkedText:
        moved = tuple((self._places[start], self._places[stop]) for start, stop in spans)
        rendered = Rendered(self._text, moved)
        return MarkedText(
            rendered, self._marked, np.array(self._ends, np.int64), np.array(self._shifts, np.int64)
        )


def guarded(tokenizer: str, texts: Sequence[str]) -> Tokenizer:
    """A tokenizer that no text can make give a special token; a template's stand-ins (see `MarkedText`) do.

    Args:
        tokenizer: a `tokenizer.json`, as text.
        texts: its special tokens.
    """
    from tokenizers import Tokenizer

    names = {text: f"{_MEANT}{chr(_NUMBERS + number)}" for number, text in enumerate(texts)}
    parts = json.loads(tokenizer)
    for token in parts["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = parts["model"]
    model["vocab"] = _renamed(model["vocab"], names)
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    return Tokenizer.from_str(json.dumps(parts))


def _renamed(vocab: Any, names: dict[str, str]) -> Any:
    if isinstance(vocab, dict):
        return {names.get(token, token): number for token, number in vocab.items()}
    return [[names.get(token, token), score] for token, score in vocab]  # Unigram
