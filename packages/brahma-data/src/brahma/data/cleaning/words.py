"""Words of a text and hashes of runs of them: what near-duplicates and contamination compare.

A word is a run of letters and digits, in lower case; in scripts that have no spaces between words, each
character is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

import numpy as np
import xxhash
from numpy.typing import NDArray

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese syllables
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
_WORD = re.compile(rf"[^\W_{_UNSPACED}]+|[^\W_]")
_ASCII_WORDS = bytes(
    code if code > 127 else ord(chr(code).lower() if chr(code).isalnum() else " ") for code in range(256)
)
"""For `bytes.translate`: lower case, and spaces for all of ASCII that is no letter or digit."""

_REMEMBERED = 200_000  # pieces of text between spaces; about 40 MB
_LONGEST_REMEMBERED = 24  # bytes: longer ones seldom come again
_MULTIPLIER = 0x9E3779B97F4A7C15  # odd, so that multiplying by it loses nothing


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word, characters."""
    return (match.span() for match in _WORD.finditer(text))


class WordHashes:
    """64-bit hashes of words and of runs of words; what was seen before is not hashed again."""

    def __init__(self) -> None:
        self._known = _Hashes()

    def words(self, text: str) -> NDArray[np.uint64]:
        """A hash for each word (see `word_spans`), whatever its case."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        pieces = text.encode("utf-8", "surrogatepass").translate(_ASCII_WORDS).split()
        return np.fromiter(chain.from_iterable(map(self._known.__getitem__, pieces)), np.uint64)


def run_hashes(words: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Hash of each run of so many words, `[max(0, len(words) - length + 1)]`."""
    num_runs = max(0, len(words) - length + 1)
    # the sum of word[i + k] * multiplier^(length - k), modulo 2^64, by Horner's rule
    found = np.zeros(num_runs, np.uint64)
    for offset in range(length if num_runs else 0):
        found += words[offset : offset + num_runs]
        found *= np.uint64(_MULTIPLIER)
    return found


class _Hashes(dict[bytes, tuple[int, ...]]):
    """The hashes of the words in a piece of text without spaces; ASCII in it is in lower case."""

    def __missing__(self, piece: bytes) -> tuple[int, ...]:
        if piece.isascii():
            hashes: tuple[int, ...] = (xxhash.xxh3_64_intdigest(piece),)
        else:
            words = _WORD.findall(piece.decode("utf-8", "surrogatepass"))
            hashes = tuple(xxhash.xxh3_64_intdigest(word.lower().encode()) for word in words)
        if len(piece) <= _LONGEST_REMEMBERED:
            self[piece] = hashes
        return hashes
