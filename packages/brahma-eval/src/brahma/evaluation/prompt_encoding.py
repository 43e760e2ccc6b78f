"""From a prompt or a conversation to token ids, as in training, and the ids that end an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from brahma.core.errors import ConfigError, TemplateError
from brahma.data.encode import choose_template
from brahma.data.guarded_tokenizer import GuardedTokenizer
from brahma.data.rows import Message, Role
from brahma.data.templates import ChatTemplate
from brahma.evaluation.prompting import Messages, Prompt, require_template

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class PromptEncoder(GuardedTokenizer):
    """Prompts as token ids, read as training reads its rows: special tokens that a prompt spells are text.

    Args:
        tokenizer: the model's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(tokenizer)
        self._tokenizer = tokenizer

    def encode(self, prompt: Prompt) -> list[int]:
        """Token ids of a text to go on from, or of a conversation up to where its answer begins.

        A text has the BOS in front that the tokenizer adds, and no EOS; a conversation has what the chat
        template writes, and nothing more.

        Raises:
            ConfigError: the text is empty and the tokenizer has no start token, or it is not valid UTF-8.
            RowError: messages that spell a special token and hold the characters used to tell it apart.
            TemplateError: messages for a tokenizer without a chat template, or that it refuses.
        """
        texts = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
        if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
            raise ConfigError(  # a surrogate is how Python keeps a byte that it cannot read
                "the text is not valid UTF-8",
                why="it holds bytes that are no character",
                hint="Save or type it as UTF-8, for example `iconv -f latin1 -t utf-8`",
            )
        ids = self.prompt(prompt) if isinstance(prompt, str) else self._answering(prompt)
        if not ids:
            raise ConfigError(
                "the prompt is empty",
                why="this tokenizer puts no start token in front of a text",
                hint="Give at least one character",
            )
        return ids

    def _answering(self, messages: Messages) -> list[int]:
        template = _template(self._tokenizer)
        with _named_refusal():
            return self.opening(template, _said(messages))


def _template(tokenizer: PreTrainedTokenizerBase) -> ChatTemplate:
    require_template(tokenizer)
    return cast("ChatTemplate", choose_template(tokenizer))


def _said(messages: Messages) -> list[Message]:
    return [Message(cast("Role", message["role"]), message["content"]) for message in messages]


@contextmanager
def _named_refusal() -> Iterator[None]:
    """Say of a template that fails that it refuses the messages, which is nearly always why."""
    try:
        yield
    except TemplateError as error:
        raise TemplateError(
            "the chat template refuses these messages",
            why=str(error.__cause__ or error.why),
            hint="Roles alternate user, assistant; a system message comes first",
        ) from error


def stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, with_turns: bool) -> list[int]:
    """Ids that end a text: the tokenizer's and the model's ends, and a turn's end in a conversation."""
    saved = model.generation_config.eos_token_id if model.generation_config is not None else None
    found = [tokenizer.eos_token_id, *(saved if isinstance(saved, list) else [saved])]
    if with_turns:
        found.append(_end_of_turn(tokenizer))
    return sorted({int(token) for token in found if token is not None})


def _end_of_turn(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The special token that the template puts straight after an answer, if it does."""
    answer = "An answer."
    conversation = [{"role": "user", "content": "A question?"}, {"role": "assistant", "content": answer}]
    with _named_refusal():
        after = _template(tokenizer).text(_said(conversation)).rpartition(answer)[2]
    ids = tokenizer(after, add_special_tokens=False)["input_ids"]
    return int(ids[0]) if ids and ids[0] in tokenizer.all_special_ids else None
