"""Byte-level BPE by tiktoken instead of tokenizers: the same ids, several times as fast.

tiktoken (https://github.com/openai/tiktoken) knows one rank for each token and merges whatever two
neighbours spell a token; tokenizers merges only the pairs in its list, in the order of the list. A vocabulary
is converted only where both come to the same, and that is proved for the vocabulary, not guessed:

- Ranks are the order of the merges, ids are looked up behind them, so ids may be in any order.
- Wherever tiktoken could merge a pair x, y that is no merge, tokenizers stops at x, y when it encodes the
  bytes of that very token alone (what stands around cannot touch them before: else x and y would not be
  there). So each token is encoded alone once, and none may end as two.
- A piece that is a token as a whole is that token in tiktoken; so tokenizers must come to it as well, or be
  told to do the same (`ignore_merges`).

What remains is the regular expression, which two engines read: `disagreement` compares ids on real text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tiktoken import Encoding
    from tokenizers import Tokenizer

ODD_TEXTS = (
    "", " ", "\n", "  \n\n\t  x", " " * 300, "\n" * 300, "a" * 300, "-" * 300, "\r\n\r\nx\r",
    "1234567890 12,5 ٣٤ ½ Ⅷ", "don't I'LL we'Re 'S ’s", "你好，世界。日本語のテキスト 한국어",
    "🙂\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 é e\u0301 ﬁ",
    "\x00\x01\x1b\x7f\x85\u200b\u2028\ufeff", "\u00a0\u2003x\u3000y \u180e \x1c\x1f",
    "naïve_café(x)=>{return[1]};\tאב العربية हिन्दी ไทย", "\ufffd\U0010fffd\ue000",
)  # fmt: skip
"""Texts on which regular expressions and normalisers are known to differ."""

_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
"""The pieces of tokenizers' `ByteLevel`, found with less backtracking."""


_BLANK = 100_000
"""Blanks in a row; the stack of tiktoken's engine overflows between 400,000 and a million of them."""


class NotConvertibleError(ValueError):
    """tiktoken would not give the same ids; the text says why."""


@dataclass(frozen=True)
class FastEncoding:
    """A vocabulary as tiktoken takes it. Travels by pickle.

    Attributes:
        pattern: what pieces a text is split into.
        ranks: each token's bytes and the order in which it is merged.
        ids: int32 `[ranks]`, the id of each rank.
        recognised: texts that the tokenizer finds before it splits; a text with one is not encoded here.
        nfc: whether the tokenizer composes characters first; a text that this changes is not encoded here.
    """

    pattern: str
    ranks: Mapping[bytes, int]
    ids: NDArray[np.int32]
    recognised: tuple[str, ...] = ()
    nfc: bool = False

    def encode(self, text: str) -> NDArray[np.int32] | None:
        """The text's ids; special tokens are never recognised. None where tokenizers must be asked."""
        if any(known in text for known in self.recognised) or _has_long_blank(text):
            return None
        if self.nfc and _composing_changes(text):
            return None
        ranks = self._core.encode_ordinary(text)
        found = np.array(ranks, np.int32)
        if int(self._lengths[found].sum()) != len(text.encode()):  # the expression left something out
            return None
        return self.ids[found]

    def __getstate__(self) -> dict[str, Any]:
        fields = ("pattern", "ranks", "ids", "recognised", "nfc")
        return {name: self.__dict__[name] for name in fields}

    @cached_property
    def _core(self) -> Encoding:
        import tiktoken

        return tiktoken.Encoding(
            "corpus", pat_str=self.pattern, mergeable_ranks=dict(self.ranks), special_tokens={}
        )

    @cached_property
    def _lengths(self) -> NDArray[np.int32]:
        return np.array([len(token) for token in self.ranks], np.int32)


def convert(tokenizer: str) -> FastEncoding:
    """The vocabulary of a `tokenizer.json` for tiktoken.

    Args:
        tokenizer: the JSON.

    Raises:
        NotConvertibleError: the ids would not be the same for every text.
    """
    parts = json.loads(tokenizer)
    model = parts["model"]
    _require_plain_bpe(model)
    pattern = _pattern(parts["pre_tokenizer"])
    added = [token for token in parts["added_tokens"] if not token["special"]]
    nfc = _composes(parts["normalizer"])
    if nfc and any(token["normalized"] for token in added):
        raise NotConvertibleError("it looks for added tokens in the normalised text")
    symbols = _ranked(model)
    _require_same_merging(parts, symbols)
    spelt = _bytes_of_symbols()
    ranks = {bytes(spelt[character] for character in symbol): rank for rank, symbol in enumerate(symbols)}
    ids = np.array([model["vocab"][symbol] for symbol in symbols], np.int32)
    return FastEncoding(pattern, ranks, ids, tuple(token["content"] for token in added), nfc)


def disagreement(fast: FastEncoding, backend: Tokenizer, texts: Iterable[str]) -> str | None:
    """The first text, shortened, for which both give different ids; None when there is none.

    Args:
        fast: the conversion of `backend`.
        backend: with `encode_special_tokens` set, so that special tokens are text to it as well.
        texts: some of what will be encoded; `ODD_TEXTS` are compared too.
    """
    for text in (*ODD_TEXTS, *texts):
        ids = fast.encode(text)
        if ids is not None and ids.tolist() != backend.encode(text, add_special_tokens=False).ids:
            return repr(text[:60])
    return None


def _require_plain_bpe(model: Mapping[str, Any]) -> None:
    if model["type"] != "BPE":
        raise NotConvertibleError(f"its model is {model['type']}, not BPE")
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"):
        if model.get(option):
            raise NotConvertibleError(f"its BPE has {option}")


def _pattern(pre_tokenizer: Mapping[str, Any] | None) -> str:
    """The regular expression of its pieces."""
    steps = [pre_tokenizer or {"type": "absent"}]
    if steps[0]["type"] == "Sequence":
        steps = steps[0]["pretokenizers"]
    *splits, last = steps
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        raise NotConvertibleError(f"its pre-tokenizer is {', '.join(step['type'] for step in steps)}")
    if not splits and last.get("use_regex", True):
        return _GPT2
    if len(splits) != 1 or last.get("use_regex", True) or splits[0]["type"] != "Split":
        raise NotConvertibleError("it splits text more than once")
    split = splits[0]
    if split["behavior"] != "Isolated" or split["invert"] or "Regex" not in split["pattern"]:
        raise NotConvertibleError("it splits text by something other than matches of a regular expression")
    return str(split["pattern"]["Regex"])


def _composes(normalizer: Mapping[str, Any] | None) -> bool:
    if normalizer is None:
        return False
    if normalizer["type"] == "Sequence" and len(normalizer["normalizers"]) == 1:
        return _composes(normalizer["normalizers"][0])
    if normalizer["type"] != "NFC":
        raise NotConvertibleError(f"its normaliser is {normalizer['type']}")
    return True


def _ranked(model: Mapping[str, Any]) -> dict[str, None]:
    """Its tokens in the order in which they are merged, the 256 bytes first."""
    symbols = dict.fromkeys(_bytes_of_symbols())
    if not symbols.keys() <= model["vocab"].keys():
        raise NotConvertibleError("it has no token for some bytes")
    before = None
    for merge in model["merges"]:
        merged = "".join(merge.split(" ") if isinstance(merge, str) else merge)
        if merged != before and merged in symbols:
            raise NotConvertibleError(f"it has merges of different ranks for {merged!r}")
        symbols[merged] = None
        before = merged
    if model.get("ignore_merges") and len(symbols) < len(model["vocab"]):
        raise NotConvertibleError("it has tokens that no merge makes")
    return symbols


def _require_same_merging(parts: Mapping[str, Any], symbols: Iterable[str]) -> None:
    """Hold what the module's text says of each token encoded alone."""
    from tokenizers import Tokenizer

    whole_pieces = bool(parts["model"].get("ignore_merges"))
    bare = {**parts, "added_tokens": [], "post_processor": None, "normalizer": None}
    bare["model"] = {**parts["model"], "ignore_merges": False}
    model = Tokenizer.from_str(json.dumps(bare)).model
    for symbol in symbols:
        count = len(model.tokenize(symbol))
        if count == 2 or (count > 2 and not whole_pieces):
            raise NotConvertibleError(f"its merges do not come to the token {symbol!r}")


def _has_long_blank(text: str) -> bool:
    """Whether there may be a run of blanks that is too long for tiktoken: it would panic."""
    starts = range(0, len(text) - _BLANK + 1, _BLANK)
    return any(text[start : start + _BLANK].isspace() for start in starts)


def _composing_changes(text: str) -> bool:
    if text.isascii():
        return False
    from tokenizers.normalizers import NFC

    return bool(NFC().normalize_str(text) != text)


def _bytes_of_symbols() -> dict[str, int]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in set(shown)]
    return {chr(byte): byte for byte in shown} | {chr(256 + n): byte for n, byte in enumerate(others)}
