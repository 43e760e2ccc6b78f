"""Requests as conversations: which template, checked before any task is loaded, and what it makes of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.error_text import first_line
from brahma.core.errors import TemplateError
from brahma.core.suggest import suggestion

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_WITHOUT = "Leave --chat-template out, or give a template in a file: --chat-template=FILE.jinja"

_log = logging.getLogger(__name__)


class HarnessChat:
    """A tokenizer's chat template, as lm-eval uses it.

    Args:
        tokenizer: the model's.
        template: True for its own one; the name of one of its own, where it has several; or a file of one.
        where: the model, for errors.

    Attributes:
        text: the template itself.
        name: of the tokenizer, as lm-eval has it.

    Raises:
        TemplateError: the tokenizer has none, none of that name, or it cannot be read; with what to do.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        template: bool | str | Path = True,
        *,
        where: str | None = None,
    ) -> None:
        self._tokenizer, self._where = tokenizer, where or str(tokenizer.name_or_path) or None
        self.text = _text_of(tokenizer, template, self._where)
        self.name = str(tokenizer.name_or_path).replace("/", "__")
        self.render([{"role": "user", "content": "A question?"}])  # a template that is none is told at once

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool = True) -> str:
        """A conversation as text, up to where the model is to go on.

        A system message that the template refuses is left out, as lm-eval does.

        Args:
            add_generation_prompt: with the opening of the assistant's turn; else the last message is the
                beginning of the assistant's own.

        Raises:
            TemplateError: the template refuses the messages.
        """
        import jinja2

        given = [dict(message) for message in messages]
        try:
            return self._rendered(given, add_generation_prompt)
        except jinja2.exceptions.TemplateError as error:
            without = [message for message in given if message["role"] != "system"]
            if len(without) == len(given):
                raise self._refused(error) from error
        _log.warning("the chat template takes no system message; it is left out")
        try:
            return self._rendered(without, add_generation_prompt)
        except jinja2.exceptions.TemplateError as error:
            raise self._refused(error) from error

    def _rendered(self, messages: list[dict[str, str]], add_generation_prompt: bool) -> str:
        written: Any = self._tokenizer.apply_chat_template(
            messages,
            chat_template=self.text,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
        return str(written)

    def _refused(self, error: Exception) -> TemplateError:
        import jinja2

        torn = isinstance(error, jinja2.exceptions.TemplateSyntaxError)
        return TemplateError(
            "the chat template is no Jinja" if torn else "the chat template refuses the messages of a task",
            where=self._where,
            why=first_line(error),
            hint=_WITHOUT,
        )


def _text_of(tokenizer: PreTrainedTokenizerBase, template: bool | str | Path, where: str | None) -> str:
    own: Any = tokenizer.chat_template
    if not isinstance(template, bool):
        if isinstance(own, dict) and str(template) in own:
            return str(own[str(template)])
        return _read(Path(template), own)
    if not own:
        raise TemplateError(
            "this model's tokenizer has no chat template",
            where=where,
            why="it was not tuned on conversations, so there is no form to put questions into",
            hint=_WITHOUT,
        )
    if isinstance(own, dict):
        if "default" not in own:
            raise TemplateError(
                "this model has several chat templates, and none of them is its default",
                where=where,
                why=f"there are: {', '.join(sorted(own))}",
                hint=f"Name one, such as --chat-template={min(own)}",
            )
        return str(own["default"])
    return str(own)


def _read(path: Path, own: Any) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = sorted(own) if isinstance(own, dict) else []
        known = suggestion(str(path), names, nothing="Name a file that holds a Jinja template")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TemplateError(
            "the chat template cannot be read", where=str(path), why=reason, hint=known
        ) from error
