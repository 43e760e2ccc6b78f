"""A tokenizer for which special tokens are what a template writes, and nothing that a text spells out.

Training (`encode`) and serving (`brahma.evaluation.prompting`) both read text through it, so that a prompt
has the ids that its row was trained with, and nobody writes a turn of somebody else's by typing its mark.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brahma.data.rows import Message
from brahma.data.special_text import SpecialText, guarded
from brahma.data.templates import ChatTemplate, Rendered
from brahma.data.tokenizer import require_fast

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, eq=False)
class Conversation:
    """A conversation as tokens.

    Attributes:
        rendered: its text, and where the assistant speaks in it.
        ids: int32 `[n]`.
        offsets: int64 `[n, 2]`, the characters of `rendered.text` that a token stands for.
        num_spelt: special tokens that its messages spell out, which are text in `ids`.
    """

    rendered: Rendered
    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    num_spelt: int


class GuardedTokenizer:
    """Reads texts, and conversations with a template. Holds no transformers object: it can be pickled.

    Attributes:
        bos_id: the token that the tokenizer puts in front of a text, or None.

    Raises:
        TokenizerError: it is not a fast tokenizer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        require_fast(tokenizer)
        self._bos_token_id = tokenizer.bos_token_id
        added = tokenizer("a")["input_ids"]
        self.bos_id = self._bos_token_id if added[:1] == [self._bos_token_id] else None
        self._json = _plain_json(tokenizer)
        self._spelt = SpecialText(_special_texts(tokenizer))

    def prompt(self, text: str) -> list[int]:
        """Ids of a text to go on from: bos, if the tokenizer adds it, and the text's; no eos."""
        return [*([] if self.bos_id is None else [self.bos_id]), *self._encode(text).ids]

    def opening(self, template: ChatTemplate, messages: Sequence[Message]) -> list[int]:
        """Ids of a conversation up to where its next answer begins.

        Raises:
            RowError, TemplateError: as `SpecialText.render`.
        """
        if self._count(messages):
            text = self._spelt.opening(template, messages)
            return list(self._marked_backend.encode(text.marked, add_special_tokens=False).ids)
        return list(self._backend.encode(template.opening(messages), add_special_tokens=False).ids)

    @cached_property
    def _backend(self) -> Tokenizer:
        """Reads a template's special tokens; its text must spell out no others."""
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self._json)

    @cached_property
    def _marked_backend(self) -> Tokenizer:
        """Reads the stand-ins of a template's special tokens, and no others."""
        return guarded(self._json, self._spelt.texts)

    @cached_property
    def _text_backend(self) -> Tokenizer:
        """Reads no special token."""
        backend = guarded(self._json, self._spelt.texts)
        backend.encode_special_tokens = True
        return backend

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if not key.endswith("_backend")}

    def _encode(self, text: str) -> Encoding:
        return self._text_backend.encode(text, add_special_tokens=False)

    def _conversation(self, template: ChatTemplate, messages: Sequence[Message], where: str) -> Conversation:
        if spelt := self._count(messages):
            text = self._spelt.render(template, messages, where)
            encoding = self._marked_backend.encode(text.marked, add_special_tokens=False)
            rendered, offsets = text.rendered, text.offsets(_offsets(encoding))
        else:
            rendered = template.render(messages, where)
            encoding = self._backend.encode(rendered.text, add_special_tokens=False)
            offsets = _offsets(encoding)
        return Conversation(rendered, np.array(encoding.ids, np.int32), offsets, spelt)

    def _count(self, messages: Sequence[Message]) -> int:
        return sum(self._spelt.count(message.content) for message in messages)


def _offsets(encoding: Encoding) -> NDArray[np.int64]:
    return np.array(encoding.offsets, np.int64).reshape(-1, 2)


def _plain_json(tokenizer: PreTrainedTokenizerBase) -> str:
    """The tokenizer as JSON, without what would change ids or offsets: it adds nothing, cuts nothing.

    (The post-processors of byte-level tokenizers trim blanks off the offsets, which would hide a token that
    reaches over a border.)
    """
    plain = json.loads(tokenizer.backend_tokenizer.to_str())
    plain |= {"post_processor": None, "truncation": None, "padding": None}
    return json.dumps(plain, ensure_ascii=False)


def _special_texts(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """What the vocabulary calls its special tokens."""
    return [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
