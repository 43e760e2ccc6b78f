"""A question as the model reads it: token ids, through the chat template where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from brahma.core.errors import BrahmaError, ModelError
from brahma.evaluation.prompting import Messages, Prompt, context_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from brahma.evaluation.prompt_encoding import PromptEncoder

_LONGEST = 2048
"""Tokens, of a model that knows no limit."""


@dataclass(frozen=True)
class Asking:
    """How questions are put to a model.

    Attributes:
        chat_template: put a text as a user's message; conversations always go through the template. Which
            one: the tokenizer's own, its one of that name, or that of a file.
        system_instruction: a system message before each conversation that has none.
    """

    chat_template: bool | str = False
    system_instruction: str | None = None

    def put(self, prompt: Prompt) -> Prompt:
        """The prompt as the model is asked it."""
        if isinstance(prompt, str):
            return self._with_system(({"role": "user", "content": prompt},)) if self.chat_template else prompt
        return self._with_system(prompt)

    def _with_system(self, messages: Messages) -> Messages:
        if self.system_instruction is None or (messages and messages[0]["role"] == "system"):
            return messages
        return ({"role": "system", "content": self.system_instruction}, *messages)


class Reader:
    """Reads prompts for one model.

    Attributes:
        context: tokens that the model reads at most.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asking: Asking) -> None:
        self.context = context_of(model) or _LONGEST
        self.asking = asking
        self._tokenizer = tokenizer

    def ids(self, prompt: Prompt, where: str) -> list[int]:
        """Token ids of a question, up to where its answer begins.

        Raises:
            BrahmaError: it cannot be read, or there is no chat template; with the place of the row.
        """
        with _named(where):
            return self._encoder.encode(self.asking.put(prompt))

    def text(self, text: str) -> list[int]:
        """Token ids of a text by itself, with no special token in front."""
        ids = self._encoder.prompt(text)
        return ids if self._encoder.bos_id is None else ids[1:]

    def cut(self, ids: list[int], room: int) -> list[int]:
        """The end of a prompt that leaves room for so many tokens; a beginning-of-text token stays in front.

        Raises:
            ModelError: that leaves nothing of the prompt.
        """
        most = self.context - room
        front = ids[:1] if self._tokenizer.bos_token_id in ids[:1] else []
        if most <= len(front):
            raise ModelError(
                f"{room:,} new tokens leave no room for a prompt in the model's context of {self.context:,}",
                hint=f"Ask for fewer: at most {self.context - len(front) - 1:,}",
            )
        return ids if len(ids) <= most else [*front, *ids[len(ids) - most + len(front) :]]

    @cached_property
    def _encoder(self) -> PromptEncoder:
        from brahma.evaluation.prompt_encoding import PromptEncoder

        return PromptEncoder(self._tokenizer)


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Errors of the block get the place of the row."""
    try:
        yield
    except BrahmaError as error:
        error.where = where
        raise
