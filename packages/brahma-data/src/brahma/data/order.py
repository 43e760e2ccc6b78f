"""The order in which packs are trained on: a permutation that is computed, never stored.

A Feistel network is a bijection whatever its round function is
(https://en.wikipedia.org/wiki/Feistel_cipher); values beyond the last pack are sent through it again until
they fall inside ("cycle walking", Black and Rogaway, https://eprint.iacr.org/2001/012). So any position of
any epoch is found in O(1) time and memory, on any process, without state.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from brahma.core.config import TrainingSection

ORDER_VERSION = 1
"""Stands in every checkpoint; raised when the same seed would give another order."""

_ROUNDS = 8
_WORD = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def _mix(value: int) -> int:
    """A well-mixed 64-bit word: the finaliser of SplitMix64 (https://prng.di.unimi.it/splitmix64.c)."""
    value = (value + _STEP) & _WORD
    value = ((value ^ (value >> 30)) * _MIX_1) & _WORD
    value = ((value ^ (value >> 27)) * _MIX_2) & _WORD
    return value ^ (value >> 31)


def _mix_words(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`_mix` of each word, without the first step; unsigned arithmetic wraps around."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX_1)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX_2)
    return words ^ (words >> np.uint64(31))


def permute(indices: NDArray[np.int64], size: int, *, seed: int, epoch: int = 0) -> NDArray[np.int64]:
    """Where a permutation of `0 … size - 1`, chosen by (seed, epoch), sends each index.

    Args:
        indices: int64 [K], each in `[0, size)`.

    Returns:
        int64 [K].
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)  # bits of each half; 4**half >= size
    key = _mix(_mix(seed & _WORD) ^ (epoch & _WORD))
    keys = [np.uint64(_mix((key + number) & _WORD)) for number in range(_ROUNDS)]
    values = _feistel(indices.astype(np.uint64), half, keys)
    outside = np.flatnonzero(values >= size)
    while len(outside):
        values[outside] = _feistel(values[outside], half, keys)
        outside = outside[values[outside] >= size]
    return values.astype(np.int64)


def _feistel(values: NDArray[np.uint64], half: int, keys: list[np.uint64]) -> NDArray[np.uint64]:
    low, bits = np.uint64((1 << half) - 1), np.uint64(half)
    left, right = values >> bits, values & low
    for key in keys:
        left, right = right, left ^ (_mix_words(right ^ key) & low)
    return (left << bits) | right


class Order:
    """Position p of a run is pack `perm(seed, p // N)[p % N]`: each epoch shuffles anew.

    Args:
        num_packs: N.
        seed: chooses the permutations.
        shuffle: False gives the packs' own order, epoch after epoch.
    """

    def __init__(self, num_packs: int, seed: int, *, shuffle: bool = True) -> None:
        if num_packs < 1:
            raise ValueError("an order needs at least one pack")
        self.num_packs = num_packs
        self.seed = seed
        self.shuffle = shuffle

    def packs(self, start: int, stop: int) -> NDArray[np.int64]:
        """Pack numbers of the positions `[start, stop)`, int64 [stop - start]; positions may cross epochs."""
        size = self.num_packs
        if not self.shuffle:
            return np.arange(start, stop, dtype=np.int64) % size
        pieces = [np.empty(0, np.int64)]
        for epoch in range(start // size, -(-stop // size)):
            begin = epoch * size
            inside = np.arange(max(start, begin), min(stop, begin + size), dtype=np.int64) - begin
            pieces.append(permute(inside, size, seed=self.seed, epoch=epoch))
        return np.concatenate(pieces)


def end_of_run(training: TrainingSection, num_packs: int, steps: int | None, global_batch_size: int) -> int:
    """The position at which a run ends: the end of its last epoch, or of its last step if steps are counted.

    Args:
        num_packs: N, of an epoch.
        steps: of the whole run, if it was begun; None: what `training` says.
        global_batch_size: packs of a step.
    """
    steps = steps or training.max_steps
    if steps is not None and (training.max_steps is not None or training.max_minutes is not None):
        return steps * global_batch_size
    return math.ceil(training.epochs * num_packs)
