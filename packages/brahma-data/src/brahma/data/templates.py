"""Chat templates: ours, and rendering a conversation with the stretches of it that are trained.

Rendered by transformers' own sandboxed Jinja environment: training sees the text that serving will see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brahma.core.errors import TemplateError
from brahma.data.rows import Message

ROLE_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>")

DEFAULT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}"
    "{{ message['content'] + eos_token }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""Ours: a role's mark, the text as it stands, the end token; not a character that is not the user's."""

_GENERATION_BLOCK = re.compile(r"\{%-?\s*generation\s*-?%\}")  # as transformers looks for it


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as the model sees it.

    Attributes:
        text: the rendered conversation, special tokens included.
        spans: `[start, stop)` in characters of `text`: what the assistant says, one for each turn.
    """

    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ChatTemplate:
    """A Jinja chat template and what it may refer to.

    Attributes:
        source: the Jinja text.
        name: what errors call it.
        tokens: `bos_token`, `eos_token`, … as the template sees them.
    """

    source: str
    name: str
    tokens: Mapping[str, object] = field(default_factory=dict)

    @property
    def has_generation_block(self) -> bool:
        """Whether the template itself marks what the assistant says, by `{% generation %}`."""
        return _GENERATION_BLOCK.search(self.source) is not None

    def render(self, messages: Sequence[Message], where: str | None = None) -> Rendered:
        """The conversation's text, and where the assistant speaks in it.

        The template's own `{% generation %}` blocks tell; without them, rendering each prefix of the
        conversation does: a turn is what rendering it adds to the text before it, generation prompt included.

        Args:
            messages: the conversation.
            where: the row, for errors.

        Raises:
            TemplateError: the template is no Jinja, refuses the conversation, or rewrites earlier turns.
        """
        if self.has_generation_block:
            text, spans = self._jinja(messages, where, mark=True)
            return Rendered(text, tuple((start, stop) for start, stop in spans))
        text, _ = self._jinja(messages, where)
        turns = [number for number, message in enumerate(messages) if message.role == "assistant"]
        return Rendered(text, tuple(self._turn(messages, number, text, where) for number in turns))

    def text(self, messages: Sequence[Message]) -> str:
        """The conversation's text alone.

        Raises:
            TemplateError: the template is no Jinja, or refuses the conversation.
        """
        return self._jinja(messages, None)[0]

    def opening(self, messages: Sequence[Message]) -> str:
        """The conversation's text up to where its next answer begins: what a model is given to answer.

        Raises:
            TemplateError: as `text`.
        """
        return self._jinja(messages, None, prompt=True)[0]

    def _turn(
        self, messages: Sequence[Message], number: int, text: str, where: str | None
    ) -> tuple[int, int]:
        before, _ = self._jinja(messages[:number], where, prompt=True)
        after, _ = self._jinja(messages[: number + 1], where)
        if not (text.startswith(after) and after.startswith(before)):
            raise TemplateError(
                f"{self.name} cannot be supervised",
                where=where,
                why=f"what it renders up to message {number + 1} is no prefix of the whole conversation",
                hint="Mark the assistant's text in the template with {% generation %} … {% endgeneration %}",
            )
        return len(before), len(after)

    def _jinja(
        self, messages: Sequence[Message], where: str | None, *, prompt: bool = False, mark: bool = False
    ) -> tuple[str, list[tuple[int, int]]]:
        from transformers.utils import chat_template_utils

        render: Any = chat_template_utils.render_jinja_template  # its annotations are not right
        chat = [{"role": message.role, "content": message.content} for message in messages]
        try:
            texts, spans = render(
                [chat],
                chat_template=self.source,
                return_assistant_tokens_mask=mark,
                add_generation_prompt=prompt,
                **self.tokens,
            )
        except Exception as error:  # the template is a user's program: it may raise anything
            raise TemplateError(
                f"{self.name} fails",
                where=where,
                why=f"{type(error).__name__}: {error}",
                hint="Correct the template or the row",
            ) from error
        return texts[0], spans[0] if mark else []


def load_template(template: str | Path) -> tuple[str, str]:
    """A template's Jinja text and name.

    Args:
        template: a file, or the Jinja text itself (a string with a `{`).

    Raises:
        TemplateError: the file cannot be read.
    """
    if isinstance(template, str) and "{" in template:
        return template, "the chat template"
    try:
        return Path(template).read_text("utf-8"), f"the chat template {template}"
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(
            "the chat template cannot be read",
            where=str(template),
            why=str(error),
            hint="Give the path of a Jinja file as data_config.template",
        ) from error
