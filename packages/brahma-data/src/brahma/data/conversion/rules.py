"""Rules by which running text becomes requests and answers, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal

from brahma.core.errors import RowError
from brahma.data.conversion.forms import Pair, Running, Talk, Turn

Rule = Literal["auto", "transcript", "title", "continue", "prompt", "join"]
RULES: dict[Rule, str] = {
    "transcript": "each turn begins with its speaker's name: `User: …`, `Assistant: …`",
    "title": "the first paragraph of a document asks, the rest answers",
    "continue": "each paragraph asks to be continued, the next one answers",
    "prompt": "the text of --prompt asks, the document answers",
    "join": "turns, prompt and completion, or documents stand one after another as one text",
}
"""What `--rule` can say; `auto` is `transcript` where the first line names a speaker, `continue` for a plain
text file of several paragraphs that is one document, else `title`."""
_CONTINUE = "Continue this text:\n\n"

_GAP = re.compile(r"\n[ \t]*\n\s*")


def by_title(document: Running) -> Talk:
    """The first paragraph asks, the rest answers; of a document of one paragraph, the first line asks.

    Raises:
        RowError: there is one line alone.
    """
    text = document.text.strip()
    title, _, body = text.partition("\n")
    if gap := _GAP.search(text):
        title, body = text[: gap.start()], text[gap.end() :]
    if not body.strip():
        raise RowError(
            "a document of one line has no title to ask with",
            where=document.where,
            hint='Give a request to all of them: --prompt "Write a sentence."; '
            "or say what a document is: --text-document file, blank_line or line",
        )
    return _exchange(document, title.strip(), body.strip())


def by_continuation(document: Running) -> Iterator[Talk]:
    """A conversation for each paragraph but the first, which the one before it asks for.

    Raises:
        RowError: there is one paragraph alone.
    """
    paragraphs = [each.strip() for each in _GAP.split(document.text.strip())]
    if len(paragraphs) < 2:
        raise RowError(
            "a document of one paragraph has none to continue with",
            where=document.where,
            hint='Give a request to all documents, --prompt "Write a text.", or let the first line ask: '
            "--rule title",
        )
    for before, after in pairwise(paragraphs):
        yield _exchange(document, _CONTINUE + before, after)


def has_paragraphs(lines: Iterable[str]) -> bool:
    """Whether there are three paragraphs or more: of two, the first is a title to the other."""
    return len(_GAP.split("\n".join(lines).strip())) > 2


def by_prompt(document: Running, prompt: str) -> Talk:
    """The prompt asks, the whole document answers."""
    return _exchange(document, prompt, document.text)


def _exchange(document: Running, request: str, answer: str) -> Talk:
    turns = (Turn("user", request), Turn("assistant", answer))
    return Talk(source=document.source, line=document.line, other=document.other, turns=turns)


def joined(form: Talk | Pair) -> str:
    """The texts one after another: a blank line between turns, nothing between prompt and completion."""
    if isinstance(form, Pair):
        return form.prompt + form.completion
    return "\n\n".join(turn.content for turn in form.turns)
