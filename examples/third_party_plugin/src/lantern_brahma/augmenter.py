"""Swaps neighbouring words of a passage; which ones, seed, passage and number of the variant decide alone."""

import random
from collections.abc import Sequence
from itertools import pairwise

from brahma.data.augmentation.contract import Augmenter
from lantern_brahma.options import WordOrderOptions


class WordOrder(Augmenter):
    engine = "words"

    def __init__(self, options: WordOrderOptions, seed: int) -> None:
        self.swaps = options.swaps
        self.seed = seed

    def variants(self, passages: Sequence[str], count: int) -> list[list[str]]:
        return [[self.variant(passage, number) for number in range(count)] for passage in passages]

    def variant(self, passage: str, number: int) -> str:
        words = passage.split(" ")
        chance = random.Random(f"{self.seed}:{number}:{passage}")
        for _ in range(self.swaps):
            pairs = [at for at, pair in enumerate(pairwise(words)) if "".join(pair).isalpha()]
            if pairs:
                at = chance.choice(pairs)
                words[at], words[at + 1] = words[at + 1], words[at]
        return " ".join(words)
