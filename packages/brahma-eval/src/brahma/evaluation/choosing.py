"""How each row's next token is chosen: transformers' own filters, and draws that are the row's own.

B rows, V ids of the vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from brahma.evaluation.sampling import Sampling

_COLD = 1e-3
"""At this temperature and below the likeliest token is taken: dividing by less makes float32 overflow."""


class Choice:
    """How the rows of a batch choose their tokens, while some of them leave it.

    Args:
        sampling: the settings.
        numbers: of each row, what its random numbers are drawn for, beside the seed.
        device: of the scores.
    """

    def __init__(self, sampling: Sampling, numbers: Sequence[int], device: torch.device) -> None:
        self._sampling = sampling
        self._generators = [
            torch.Generator(device).manual_seed(_row_seed(sampling.seed, number)) for number in numbers
        ]

    def of(self, rows: Sequence[int]) -> LogitsProcessorList:
        """The filters in transformers' own order, and the draw; none of them when the likeliest is taken.

        Args:
            rows: which ones the scores will be of, in their order.
        """
        sampling, processors = self._sampling, LogitsProcessorList()
        if sampling.temperature <= _COLD:
            return processors
        processors.append(TemperatureLogitsWarper(float(sampling.temperature)))
        if sampling.top_k > 0:
            processors.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            processors.append(TopPLogitsWarper(sampling.top_p))
        if sampling.min_p > 0:
            processors.append(MinPLogitsWarper(sampling.min_p))
        processors.append(_Draw([self._generators[row] for row in rows]))
        return processors


class _Draw(LogitsProcessor):
    """Draws a token from each row's distribution, by numbers that are the row's own.

    The likeliest token after Gumbel noise is a token drawn from the softmax
    (https://arxiv.org/abs/1611.01144, section 2.1); so greedy search then takes it.
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self._generators = generators

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Any:
        """float32 [B, V] -> [B, V]."""
        noise_BV = torch.empty_like(scores)
        for noise_V, generator in zip(noise_BV, self._generators, strict=True):
            noise_V.exponential_(generator=generator)
        return scores - noise_BV.clamp_(min=torch.finfo(noise_BV.dtype).tiny).log_()


def _row_seed(seed: int, number: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # torch takes 63 bits
