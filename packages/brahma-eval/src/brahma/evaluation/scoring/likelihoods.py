"""From what a model's head reads to the log-likelihoods of given tokens, in chunks of a few logits."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from brahma.core.models.loss import Head

_CHUNK_BYTES = 32 * 2**20  # float32 logits alive at one time


def log_likelihoods(
    read: Tensor, head: Head | None, slots: NDArray[np.int64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The log-probability of each target at its slot, and whether it is the likeliest token there.

    Args:
        read: [N, H], what the head reads; without one [N, V], the logits.
        slots, targets: int64 [S]. A slot may predict several targets; its logits are computed once.

    Returns:
        float64 [S] of float32 log-probabilities, bool [S].
    """
    vocab = read.shape[1] if head is None else head.weight.shape[0]
    rows = max(1, _CHUNK_BYTES // (4 * vocab))
    places, place_of = np.unique(slots, return_inverse=True)
    order = np.argsort(place_of, kind="stable")
    logprobs, likeliest = np.empty(len(slots), np.float64), np.empty(len(slots), np.bool_)
    for first in range(0, len(places), rows):
        begin, end = np.searchsorted(place_of, (first, first + rows), sorter=order)
        asked = order[begin:end]
        given = read[_on(read, places[first : first + rows])]
        logits = head.bent(F.linear(given, head.weight, head.bias).float()) if head else given.float()
        log_p = torch.log_softmax(logits, -1)
        row, target = _on(read, place_of[asked] - first), _on(read, targets[asked])
        logprobs[asked] = log_p[row, target].cpu().numpy()
        likeliest[asked] = (log_p.argmax(-1)[row] == target).cpu().numpy()
    return logprobs, likeliest


def _on(like: Tensor, numbers: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(numbers).to(like.device)
