r"""Tokens of a text: its words and its marks, as arrays of places.

A token is, on ASCII text, a match of `\w+(?:[.,']\w+)*|\.+|-+|[^\w\s]`: a word with the full stops, commas
and apostrophes inside it (as Unicode has it, https://www.unicode.org/reports/tr29/#Word_Boundaries, rules 6,
7, 11 and 12), a row of full stops, a row of hyphens, or another mark alone. That is close to what the
tokenizers do for which the rules were made. On other text, letters take their combining marks with them, and
each character of Chinese and Japanese is a token, for they write no spaces.

Arrays, not lists of strings: cutting a text into strings takes longer than all rules together.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from brahma.data.cleaning.steps.quality.characters import SYMBOLS

# What a character is to the splitter, in the low bits of its flags. From _STOP on it joins two words that it
# stands between.
_SPACE, _WORD, _ALONE, _HYPHEN, _STOP, _JOIN = range(6)
_KIND = np.uint8(0b111)
LETTER = np.uint8(0b01000)
"""Flag of a letter."""
WORDLIKE = np.uint8(0b10000)
"""Flag of what is no symbol: one of these makes a token a word."""

_JOINING = ",'’"
_UNSPACED = ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
             (0xFF66, 0xFF9F), (0x20000, 0x3FFFF))  # fmt: skip

_LETTERS_END = 0x32400
"""No letter has a code point from here on."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text.

    Attributes:
        codes: code points of the characters, `[characters]`, uint8 for ASCII and uint32 otherwise.
        flags: what each is, `[characters]`.
        starts: index of the first character of each token, `[tokens]`.
        ends: index after its last one, `[tokens]`.
    """

    codes: NDArray[np.uint8] | NDArray[np.uint32]
    flags: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Which characters are no blanks, and so stand in a token, `[characters]`."""
        solid: NDArray[np.bool_] = (self.flags & _KIND) != _SPACE
        return solid

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each token, `[tokens]`."""
        return self.ends - self.starts

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """LETTER and WORDLIKE, set where any character of the token has it, `[tokens]`."""
        if not len(self):
            return np.empty(0, np.uint8)
        return np.bitwise_or.reduceat(self.flags, self.starts)


def split_tokens(text: str) -> Tokens:
    """The tokens of a text, in order."""
    codes, flags = _classified(text)
    kinds = flags & _KIND
    _join_words(kinds)
    here, before = kinds[1:], kinds[:-1]
    edges = here != before
    edges |= (here == _ALONE) | (here == _JOIN)
    edge = np.ones(len(kinds) + 1, np.bool_)
    edge[1:-1] = edges
    solid = kinds != _SPACE
    return Tokens(codes, flags, np.flatnonzero(edge[:-1] & solid), np.flatnonzero(edge[1:] & solid) + 1)


def token_strings(text: str) -> list[str]:
    """The tokens of a text as strings."""
    tokens = split_tokens(text)
    return [text[a:b] for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)]


def _classified(text: str) -> tuple[NDArray[np.uint8] | NDArray[np.uint32], NDArray[np.uint8]]:
    if text.isascii():
        encoded = text.encode("ascii")
        flags = np.frombuffer(encoded.translate(_ascii_flags()), np.uint8)
        return np.frombuffer(encoded, np.uint8), flags
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes, _flags()[codes]


def _join_words(kinds: NDArray[np.uint8]) -> None:
    """Make one word of two that a single joining character stands between."""
    (places,) = np.nonzero(kinds[1:-1] >= _STOP)
    inside = places[(kinds[places] == _WORD) & (kinds[places + 2] == _WORD)]
    kinds[inside + 1] = _WORD


@cache
def _ascii_flags() -> bytes:
    flags = [_flags_of(chr(code)) for code in range(128)]
    return bytes(flags) + bytes(128)


@cache
def _flags() -> NDArray[np.uint8]:
    """Flags of every code point, `[0x110000]`; made once in a process, in a tenth of a second."""
    flags = np.full(0x110000, _ALONE | WORDLIKE, np.uint8)
    flags[:_LETTERS_END] = np.fromiter(map(_flags_of, map(chr, range(_LETTERS_END))), np.uint8, _LETTERS_END)
    for first, last in _UNSPACED:
        written = flags[first : last + 1]
        written[(written & _KIND) == _WORD] ^= np.uint8(_WORD ^ _ALONE)
    return flags


def _flags_of(character: str) -> int:
    if character.isspace():
        return _SPACE
    category = unicodedata.category(character)
    kind = _ALONE
    if category[0] in "LMN" or category == "Pc":
        kind = _WORD
    elif character == "-":
        kind = _HYPHEN
    elif character == ".":
        kind = _STOP
    elif category == "Cf" or character in _JOINING:
        kind = _JOIN
    flags = int(LETTER) if category[0] == "L" else 0
    return kind | flags | (0 if character in SYMBOLS else int(WORDLIKE))
