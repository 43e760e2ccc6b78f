"""Runs of tokens that occur more than once in a text.

Equal runs are found by 64-bit hashes of their characters: sums of code × base^place modulo 2^64, of which the
hash of any run is a difference, moved to place 0 (Rabin and Karp, https://doi.org/10.1147/rd.312.0249).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from brahma.data.cleaning.steps.quality.tokens import Tokens

_BITS = 64
_MODULUS = 1 << _BITS
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse; 5 modulo 8, so that its powers differ longest
_INVERSE = pow(_BASE, -1, _MODULUS)
_LENGTH_BASE = 0xD6E8FEB86659FD93
_SPREAD = (
    0xBF58476D1CE4E5B9  # odd; without it, a difference in the first character would show in low bits only
)
_BLOCK = 1 << 16
"""Characters that are summed at a time: the tables of powers are as long, and fit into the cache."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Repeats:
    """Runs that occur more than once.

    Attributes:
        keys: equal for equal runs, ascending, `[occurrences]`.
        places: number of the first token, ascending within equal keys, `[occurrences]`.
        is_later: whether the same run occurred before, `[occurrences]`.
    """

    keys: Hashes
    places: NDArray[np.int64]
    is_later: NDArray[np.bool_]


class Ngrams:
    """Runs of tokens of one text.

    Args:
        tokens: of the text.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._lengths = tokens.lengths
        self._offsets = np.zeros(len(tokens) + 1, np.int64)
        np.cumsum(tokens.lengths, out=self._offsets[1:])
        solid = tokens.codes[tokens.solid]
        self._sums = _sums(solid, self._offsets)
        self._back = _powers(_INVERSE, self._offsets[:-1]) * np.uint64(_SPREAD)

    def top_characters(self, n: int) -> int:
        """Characters in all occurrences of the most frequent run of n tokens, joined by spaces.

        Of several that are as frequent, the one that comes first.
        """
        hashes = self._hashes(n)
        if not len(hashes):
            return 0
        repeats = _repeats(hashes + self._boundaries(n))
        count, place = 1, 0
        if len(repeats.places):
            firsts = np.flatnonzero(~repeats.is_later)
            counts = np.diff(firsts, append=len(repeats.places))
            count = int(counts.max())
            place = int(repeats.places[firsts[counts == count]].min())
        return count * (self._characters(place, n) + n - 1)

    def duplicate_characters(self, n: int, *, up_to: float) -> int:
        """Characters in runs of n tokens that occurred before, counted from the left without overlap.

        What stands in a run that is counted begins no further run, nor makes a later one a duplicate.

        Args:
            up_to: an estimate from above is enough as long as it is not higher.
        """
        repeats = _repeats(self._hashes(n))
        later = np.sort(repeats.places[repeats.is_later])
        most = self._covered(later, n)
        if most <= up_to:
            return most
        order = np.argsort(repeats.places)
        seen: set[int] = set()
        end = duplicate = 0
        for place, key in zip(repeats.places[order].tolist(), repeats.keys[order].tolist(), strict=True):
            if place < end:
                continue
            if key in seen:
                duplicate += self._characters(place, n)
                end = place + n
            else:
                seen.add(key)
        return duplicate

    def _hashes(self, n: int) -> Hashes:
        """Of each run of n tokens written together, `[tokens - n + 1]`."""
        if len(self._lengths) < n:
            return np.empty(0, np.uint64)
        hashes: Hashes = (self._sums[n:] - self._sums[:-n]) * self._back[: len(self._sums) - n]
        return hashes

    def _boundaries(self, n: int) -> Hashes:
        """Hash of where the n tokens of each run end, `[tokens - n + 1]`."""
        lengths = self._lengths.astype(np.uint64)
        runs = len(lengths) - n + 1
        found = np.zeros(runs, np.uint64)
        for offset in range(n):
            found = (found + lengths[offset : offset + runs]) * np.uint64(_LENGTH_BASE)
        return found

    def _characters(self, place: int, n: int) -> int:
        return int(self._offsets[place + n] - self._offsets[place])

    def _covered(self, places: NDArray[np.int64], n: int) -> int:
        """Characters that stand in any of these runs; the places ascend."""
        begin = places.copy()
        np.maximum(begin[1:], places[:-1] + n, out=begin[1:])
        return int((self._offsets[places + n] - self._offsets[begin]).sum())


def _repeats(hashes: Hashes) -> Repeats:
    """Those that occur more than once.

    Hash and place share a number, so that sorting one array sorts both; the place takes the low bits. The 44
    bits of hash that a text of a million tokens leaves make two unlike runs equal once in 30 such texts.
    """
    bits = max(1, len(hashes).bit_length())
    low = np.uint64((1 << bits) - 1)
    keys = np.sort((hashes & ~low) | np.arange(len(hashes), dtype=np.uint64))
    same = (keys[1:] ^ keys[:-1]) <= low
    taken = np.zeros(len(keys), np.bool_)
    taken[:-1] = same
    taken[1:] |= same
    later = np.zeros(len(keys), np.bool_)
    later[1:] = same
    chosen = keys[taken]
    return Repeats(chosen & ~low, (chosen & low).astype(np.int64), later[taken])


def _sums(codes: NDArray[np.uint8] | NDArray[np.uint32], offsets: NDArray[np.int64]) -> Hashes:
    """Sum of code × base^place over the characters before each offset, `[offsets]`."""
    found = np.zeros(len(offsets), np.uint64)
    total, scale = 0, 1
    powers = _table(_BASE)
    for begin in range(0, len(codes), _BLOCK):
        part = codes[begin : begin + _BLOCK]
        sums = np.cumsum(part * powers[: len(part)])
        first, last = np.searchsorted(offsets, (begin + 1, begin + len(part) + 1))
        within = sums[offsets[first:last] - begin - 1]
        found[first:last] = within * np.uint64(scale) + np.uint64(total)
        total = (total + scale * int(sums[-1])) % _MODULUS
        scale = scale * pow(_BASE, _BLOCK, _MODULUS) % _MODULUS
    return found


def _powers(base: int, exponents: NDArray[np.int64]) -> Hashes:
    """`base ** exponents` modulo 2^64; the exponents ascend."""
    found: Hashes = _table(base)[exponents & (_BLOCK - 1)]
    blocks = int(exponents[-1]) // _BLOCK if len(exponents) else 0
    if blocks:
        steps = np.full(blocks + 1, pow(base, _BLOCK, _MODULUS), np.uint64)
        steps[0] = 1
        found *= np.multiply.accumulate(steps)[exponents // _BLOCK]
    return found


@cache
def _table(base: int) -> Hashes:
    """`base` to the powers 0, 1, …, `[_BLOCK]`."""
    factors = np.full(_BLOCK, base, np.uint64)
    factors[0] = 1
    powers: Hashes = np.multiply.accumulate(factors)
    return powers
