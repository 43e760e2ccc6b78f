"""`Encoder`: rows become token ids and supervision masks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import RowError, TemplateError, TokenizerError
from brahma.data.fast_encoding import FastEncoding, NotConvertibleError, convert, disagreement
from brahma.data.guarded_tokenizer import GuardedTokenizer
from brahma.data.masks import supervise
from brahma.data.rows import EncodedDocument, Row
from brahma.data.templates import DEFAULT_TEMPLATE, ROLE_TOKENS, ChatTemplate, load_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PIECE = 1 << 18
"""Characters of running text that are tokenised in one call, about."""
_BEGINNING = 64
"""Characters of a text whose first token is mostly that of the whole text."""
_BORDER = re.compile(r"(?<=\S\n)(?=\S)")
"""Where text can be cut without changing its tokens: behind a lone line end, between words."""


class Encoder(GuardedTokenizer):
    """Turns rows into tokens. It holds no transformers object: workers receive it by pickle.

    - Running text: `[bos] text [eos]`, all of it supervised but the first token, which nothing predicts.
    - Completion: `[bos] prompt completion [eos]`; the completion and eos are supervised. The tokens of the
      prompt are those of the prompt alone, so that a model that is given the prompt is in the state that it
      was trained in: where tokenising both together would merge across the border, they are tokenised apart.
    - Chat: the template's text, tokenised as it stands; see `masks`.

    bos is added where the tokenizer itself adds it, and eos always. Special tokens that are spelt out in a
    row are text: only the template's own become tokens (see `special_text`); `num_spelt` counts them.

    Attributes:
        fingerprint: changes whenever ids or masks could; a key for caches.
        vocab_size: the greatest id + 1.
        bos_id: the token put in front, or None.
        eos_id: the token put behind.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: str | Path | None = None) -> None:
        """Take what is needed from a fast tokenizer.

        Args:
            tokenizer: the tokenizer.
            template: a Jinja file or text; absent: the tokenizer's own, else ours if it has its tokens.

        Raises:
            TokenizerError: not a fast tokenizer; no end token.
            TemplateError: the template cannot be read.
        """
        super().__init__(tokenizer)
        if tokenizer.eos_token_id is None:
            raise TokenizerError(
                "the tokenizer has no end token",
                why="the model would never learn to stop",
                hint='Set "eos_token" in its tokenizer_config.json',
            )
        self.eos_id = int(tokenizer.eos_token_id)
        self.vocab_size = max(tokenizer.get_vocab().values()) + 1
        self._special = _special_ids(tokenizer)
        self._fast: FastEncoding | None = None
        self._template = choose_template(tokenizer, template)

    def encode(self, row: Row) -> EncodedDocument:
        """Tokens and mask of one row.

        Raises:
            RowError: no token of it is supervised.
            TemplateError: the conversation cannot be rendered or supervised.
        """
        if row.kind == "text":
            document = self._text(row.text)
        elif row.kind == "completion":
            document = self._completion(row.prompt, row.completion)
        else:
            document = self._chat(row)
        if not document.mask.any():
            raise RowError(
                "the row has no supervised token",
                where=row.where,
                why="nothing in it is predicted from something before it",
                hint="Take the row out, or set on_bad_row to skip",
            )
        return document

    def num_tokens(self, text: str) -> int:
        """Tokens of a text by itself, no special ones."""
        return sum(len(self._ids(piece)) for piece in self._cut(text))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the tokenizer, its special tokens and the template."""
        template = self._template and (self._template.source, dict(self._template.tokens))
        parts = [self._json, self.bos_id, self._bos_token_id, self.eos_id, self._special, template]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def hasten(self, texts: Iterable[str]) -> str | None:
        """Encode running text and completions with tiktoken from now on, if it gives the very same ids.

        Args:
            texts: some of what will be encoded, to compare on.

        Returns:
            Why it does not, and tokenizers stays in use; None if it does.
        """
        try:
            fast = convert(self._json)
        except NotConvertibleError as error:
            return str(error)
        if odd := disagreement(fast, self._text_backend, texts):
            return f"it gives other ids for {odd}"
        self._fast = fast
        return None

    @cached_property
    def _is_special(self) -> NDArray[np.bool_]:
        """`[vocab_size]`, by id."""
        table = np.zeros(self.vocab_size, np.bool_)
        table[self._special] = True
        return table

    @cached_property
    def _cuttable(self) -> bool:
        """Whether long text may be tokenised in pieces: the tokenizer puts nothing in front of a piece."""
        apart = [*self._encode("one\n").ids, *self._encode("two").ids]
        return self._text_backend.pre_tokenizer is not None and self._encode("one\ntwo").ids == apart

    def _ids(self, text: str) -> NDArray[np.int32]:
        fast = self._fast.encode(text) if self._fast is not None else None
        return fast if fast is not None else np.array(self._encode(text).ids, np.int32)

    def _text(self, text: str) -> EncodedDocument:
        ids, has_bos = self._framed(np.concatenate([self._ids(piece) for piece in self._cut(text)]))
        unpredicted = 0 if has_bos else self._first_bytes(text, ids)
        mask = np.ones(len(ids), np.uint8)
        num_bytes = len(text.encode()) - unpredicted
        return self._document(ids, mask, num_bytes, 0, has_bos, self._spelt.count(text))

    def _cut(self, text: str) -> Iterable[str]:
        return _pieces(text) if len(text) > _PIECE and self._cuttable else [text]

    def _first_bytes(self, text: str, ids: NDArray[np.int32]) -> int:
        """UTF-8 bytes of the characters that the first token touches."""
        size = _BEGINNING
        while True:
            encoding = self._encode(text[:size])
            if size >= len(text) or encoding.ids[:1] == ids[:1].tolist():
                return len(text[: encoding.offsets[0][1]].encode()) if encoding.ids else 0
            size *= 2

    def _completion(self, prompt: str, completion: str) -> EncodedDocument:
        head = self._ids(prompt) if prompt else np.empty(0, np.int32)
        whole = self._ids(prompt + completion)
        if not np.array_equal(whole[: len(head)], head):
            whole = np.concatenate([head, self._ids(completion)])
        ids, has_bos = self._framed(whole)
        mask = np.ones(len(ids), np.uint8)
        mask[: has_bos + len(head)] = 0
        spelt = self._spelt.count(prompt) + self._spelt.count(completion)
        return self._document(ids, mask, len(completion.encode()), len(head), has_bos, spelt)

    def _chat(self, row: Row) -> EncodedDocument:
        template = self._required_template(row.where)
        said = self._conversation(template, row.messages, row.where)
        ids = said.ids
        has_bos = self._bos_token_id is not None and ids[:1].tolist() == [self._bos_token_id]
        if has_bos and ids[1:2].tolist() == [self._bos_token_id]:
            raise TemplateError(
                f"{template.name} begins the text twice (two bos tokens)",
                where=row.where,
                hint="Take one of the two out of the template",
            )
        found = supervise(
            said.rendered, said.offsets, self._is_special[ids], template=template.name, where=row.where
        )
        prompt_length = max(0, int(found.mask.argmax()) - has_bos)
        return self._document(ids, found.mask, found.num_bytes, prompt_length, has_bos, said.num_spelt)

    def _required_template(self, where: str) -> ChatTemplate:
        if self._template is None:
            raise TemplateError(
                "the tokenizer has no chat template",
                where=where,
                why=f"ours needs the tokens {', '.join(ROLE_TOKENS)}, which it lacks",
                hint="Give a Jinja file as data_config.template",
            )
        return self._template

    def _framed(self, ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], bool]:
        """The ids between bos and eos, and whether there is a bos."""
        front = [] if self.bos_id is None else [self.bos_id]
        back = [] if ids[-1:].tolist() == [self.eos_id] else [self.eos_id]  # eos may be a token of text
        framed = np.concatenate([np.array(front, np.int32), ids, np.array(back, np.int32)])
        return framed, self.bos_id is not None

    def _document(
        self,
        ids: NDArray[np.int32],
        mask: NDArray[np.uint8],
        num_bytes: int,
        prompt_length: int,
        has_bos: bool,
        spelt: int,
    ) -> EncodedDocument:
        mask[0] = 0  # nothing comes before the first token to predict it from
        special = int(self._is_special[ids].sum())
        return EncodedDocument(ids, mask, num_bytes, special, prompt_length, has_bos, spelt)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of at least `_PIECE` characters, cut where its tokens stay the same."""
    start = 0
    while border := _BORDER.search(text, start + _PIECE):
        yield text[start : border.start()]
        start = border.start()
    yield text[start:]


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids that stand for no text: eos and all added tokens but runs of blanks."""
    added = tokenizer.added_tokens_decoder.items()
    return sorted({tokenizer.eos_token_id, *(number for number, token in added if token.content.strip())})


def choose_template(
    tokenizer: PreTrainedTokenizerBase, template: str | Path | None = None
) -> ChatTemplate | None:
    """The template that conversations are rendered with: the given one, the tokenizer's, or ours if it fits.

    Raises:
        TemplateError: the given one cannot be read.
    """
    tokens: dict[str, object] = dict(tokenizer.special_tokens_map)
    if template is not None:
        source, name = load_template(template)
        return ChatTemplate(source, name, tokens)
    if tokenizer.chat_template is not None:
        return ChatTemplate(tokenizer.get_chat_template(), "the tokenizer's chat template", tokens)
    if set(ROLE_TOKENS) <= set(tokenizer.get_vocab()):
        return ChatTemplate(DEFAULT_TEMPLATE, "the default chat template", tokens)
    return None
