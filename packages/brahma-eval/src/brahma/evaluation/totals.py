"""What an evaluation adds up, and the metrics made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LossTotals:
    """Sums over an evaluation, from which every metric follows.

    Attributes:
        loss_sum: summed negative log-likelihood of all supervised tokens, in nats.
        tokens: supervised tokens.
        bytes: UTF-8 bytes of the text that those tokens stand for.
    """

    loss_sum: float
    tokens: int
    bytes: int

    def __add__(self, other: LossTotals) -> LossTotals:
        return LossTotals(
            self.loss_sum + other.loss_sum, self.tokens + other.tokens, self.bytes + other.bytes
        )


def loss(totals: LossTotals) -> float:
    """Mean negative log-likelihood of a supervised token, in nats; NaN of none."""
    return totals.loss_sum / totals.tokens if totals.tokens else math.nan


def perplexity(totals: LossTotals) -> float:
    """exp(loss); infinity where that is larger than a float."""
    try:
        return math.exp(loss(totals))
    except OverflowError:
        return math.inf


def bits_per_byte(totals: LossTotals) -> float:
    """Bits that a coder with this model spends on a byte of the text; comparable between tokenizers.

    The end-of-text token is paid for and stands for no byte. NaN where the text has no byte.
    """
    return totals.loss_sum / math.log(2) / totals.bytes if totals.bytes else math.nan
