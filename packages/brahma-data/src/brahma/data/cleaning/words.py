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
_SLOTS_EACH = 16  # slots of the filter for each run: about 1 of 16 runs that are not in it is looked up
_MOST_SLOTS = 1 << 28
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


class RunSet:
    """Runs of words of one length, by hash, behind a table that says which can be among them.

    Args:
        length: words of a run.
        hashes: of the runs, in any order, doubled ones too.

    Attributes:
        hashes: uint64, ascending, each once.
        first: int64, for each of these its first index in what was given.
    """

    def __init__(self, length: int, hashes: NDArray[np.uint64]) -> None:
        self.length = length
        self.hashes, self.first = np.unique(hashes, return_index=True)
        slots = min(_MOST_SLOTS, 1 << (_SLOTS_EACH * len(self.hashes)).bit_length())
        self._mask = np.uint64(slots - 1)
        self._is_taken = np.zeros(slots, np.bool_)
        self._is_taken[(self.hashes & self._mask).view(np.int64)] = True

    def __len__(self) -> int:
        return len(self.hashes)

    def found(self, words: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the runs of these words that are in the set begin, and their indices in `hashes`."""
        runs = run_hashes(words, self.length)
        # as int64: numpy takes uint64 for an index four times slower
        candidates = np.flatnonzero(self._is_taken[(runs & self._mask).view(np.int64)])
        at = np.searchsorted(self.hashes, runs[candidates])
        at[at == len(self.hashes)] = 0
        matching = self.hashes[at] == runs[candidates]
        return candidates[matching], at[matching]


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
