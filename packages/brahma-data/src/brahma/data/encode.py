"""`Encoder`: rows become token ids and supervision masks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import RowError, TemplateError, TokenizerError
from brahma.data.masks import supervise
from brahma.data.rows import EncodedDocument, Row
from brahma.data.templates import DEFAULT_TEMPLATE, ROLE_TOKENS, ChatTemplate, load_template
from brahma.data.tokenizer import require_fast

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

_PIECE = 1 << 18
"""Characters of running text that are tokenised in one call, about."""
_BORDER = re.compile(r"(?<=\S\n)(?=\S)")
"""Where text can be cut without changing its tokens: behind a lone line end, between words."""


class Encoder:
    """Turns rows into tokens. It holds no transformers object: workers receive it by pickle.

    - Running text: `[bos] text [eos]`, all of it supervised but the first token, which nothing predicts.
    - Completion: `[bos] prompt completion [eos]`; the completion and eos are supervised. The tokens of the
      prompt are those of the prompt alone, so that a model that is given the prompt is in the state that it
      was trained in: where tokenising both together would merge across the border, they are tokenised apart.
    - Chat: the template's text, tokenised as it stands; see `masks`.

    bos is added where the tokenizer itself adds it, and eos always, each only if the text does not have it
    already. Special tokens that are spelt out in a row are recognised, as everywhere in transformers.

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
        require_fast(tokenizer)
        if tokenizer.eos_token_id is None:
            raise TokenizerError(
                "the tokenizer has no end token",
                why="the model would never learn to stop",
                hint='Set "eos_token" in its tokenizer_config.json',
            )
        self.eos_id = int(tokenizer.eos_token_id)
        self._bos_token_id = tokenizer.bos_token_id
        added = tokenizer("a")["input_ids"]
        self.bos_id = self._bos_token_id if added[:1] == [self._bos_token_id] else None
        self.vocab_size = max(tokenizer.get_vocab().values()) + 1
        self._json = _plain_json(tokenizer)
        self._special = _special_ids(tokenizer)
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

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the tokenizer, its special tokens and the template."""
        template = self._template and (self._template.source, dict(self._template.tokens))
        parts = [self._json, self.bos_id, self._bos_token_id, self.eos_id, self._special, template]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _backend(self) -> Tokenizer:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self._json)

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
        return self._backend.pre_tokenizer is not None and self._encode("one\ntwo").ids == apart

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_backend"}

    def _encode(self, text: str) -> Encoding:
        return self._backend.encode(text, add_special_tokens=False)

    def _text(self, text: str) -> EncodedDocument:
        pieces = _pieces(text) if len(text) > _PIECE and self._cuttable else [text]
        unpredicted = 0
        parts: list[NDArray[np.int32]] = []
        for piece in pieces:
            encoding = self._encode(piece)
            if not parts and self.bos_id is None and encoding.offsets:
                unpredicted = len(piece[: encoding.offsets[0][1]].encode())
            parts.append(np.array(encoding.ids, np.int32))
        ids, has_bos = self._framed(np.concatenate(parts))
        mask = np.ones(len(ids), np.uint8)
        return self._document(ids, mask, len(text.encode()) - unpredicted, 0, has_bos)

    def _completion(self, prompt: str, completion: str) -> EncodedDocument:
        head = self._encode(prompt).ids if prompt else []
        whole = self._encode(prompt + completion).ids
        if whole[: len(head)] != head:
            whole = head + self._encode(completion).ids
        ids, has_bos = self._framed(np.array(whole, np.int32))
        prompt_length = len(head) - (
            has_bos and head[:1] == [self.bos_id]
        )  # a bos that the prompt spells out
        mask = np.ones(len(ids), np.uint8)
        mask[: has_bos + prompt_length] = 0
        return self._document(ids, mask, len(completion.encode()), prompt_length, has_bos)

    def _chat(self, row: Row) -> EncodedDocument:
        template = self._required_template(row.where)
        rendered = template.render(row.messages, row.where)
        encoding = self._encode(rendered.text)
        ids = np.array(encoding.ids, np.int32)
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        has_bos = self._bos_token_id is not None and ids[:1].tolist() == [self._bos_token_id]
        if has_bos and ids[1:2].tolist() == [self._bos_token_id]:
            raise TemplateError(
                f"{template.name} begins the text twice (two bos tokens)",
                where=row.where,
                hint="Take one of the two out of the template",
            )
        found = supervise(rendered, offsets, self._is_special[ids], template=template.name, where=row.where)
        prompt_length = max(0, int(found.mask.argmax()) - has_bos)
        return self._document(ids, found.mask, found.num_bytes, prompt_length, has_bos)

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
        front = [self.bos_id] if self.bos_id is not None and ids[:1].tolist() != [self.bos_id] else []
        back = [self.eos_id] if ids[-1:].tolist() != [self.eos_id] else []
        framed = np.concatenate([np.array(front, np.int32), ids, np.array(back, np.int32)])
        return framed, self.bos_id is not None

    def _document(
        self,
        ids: NDArray[np.int32],
        mask: NDArray[np.uint8],
        num_bytes: int,
        prompt_length: int,
        has_bos: bool,
    ) -> EncodedDocument:
        mask[0] = 0  # nothing comes before the first token to predict it from
        special = int(self._is_special[ids].sum())
        return EncodedDocument(ids, mask, num_bytes, special, prompt_length, has_bos)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of at least `_PIECE` characters, cut where its tokens stay the same."""
    start = 0
    while border := _BORDER.search(text, start + _PIECE):
        yield text[start : border.start()]
        start = border.start()
    yield text[start:]


def _plain_json(tokenizer: PreTrainedTokenizerBase) -> str:
    """The tokenizer as JSON, without what would change ids or offsets: it adds nothing, cuts nothing.

    (The post-processors of byte-level tokenizers trim blanks off the offsets, which would hide a token that
    reaches over a border.)
    """
    plain = json.loads(tokenizer.backend_tokenizer.to_str())
    plain |= {"post_processor": None, "truncation": None, "padding": None}
    return json.dumps(plain, ensure_ascii=False)


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
