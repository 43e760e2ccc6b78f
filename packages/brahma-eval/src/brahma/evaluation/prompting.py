"""What a prompt is, and the room that it leaves for an answer. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from brahma.core.errors import ModelError, TemplateError
from brahma.evaluation.sampling import DEFAULT_NEW_TOKENS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Messages: TypeAlias = Sequence[Mapping[str, str]]
"""`[{"role": "user", "content": "…"}, …]`."""
Prompt: TypeAlias = str | Messages
"""Text to go on from, or a conversation to answer."""


def require_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer that cannot write a conversation.

    Raises:
        TemplateError: it has no chat template.
    """
    if not tokenizer.chat_template:
        raise TemplateError(
            "this model's tokenizer has no chat template",
            where=str(tokenizer.name_or_path) or None,
            why="it was not tuned on conversations, so there is no form to put messages into",
            hint='Let it go on from a text: `brahma generate MODEL --prompt "…"`; or take a model that was '
            "tuned on conversations",
        )


def context_of(model: PreTrainedModel) -> int | None:
    """Positions that the model has, prompt and answer together; None: as many as one likes."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(context) if context else None


def budget(context: int | None, prompt: int, asked: int | None) -> int:
    """New tokens to write after a prompt of so many tokens.

    Raises:
        ModelError: the prompt and the new tokens are longer than the model's context.
    """
    if context is None:
        return DEFAULT_NEW_TOKENS if asked is None else asked
    left = context - prompt
    if left < (asked or 1):
        new = "a new one" if asked is None else f"{asked:,} new ones"
        raise ModelError(
            f"{prompt:,} tokens of prompt leave no room for {new} in the model's context of {context:,}",
            hint=f"Ask for at most {left:,} new tokens" if left > 0 else "Shorten the prompt",
        )
    return min(DEFAULT_NEW_TOKENS, left) if asked is None else asked
