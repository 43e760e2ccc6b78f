"""How processes share the work: the seam, and the one process that comes with it."""

from __future__ import annotations

import os
from typing import Protocol

import torch
from torch import Tensor

from brahma.core.errors import DeviceError


class Backend(Protocol):
    """One process's view of all. A `BackendEntry` names a class of this shape, made without arguments.

    Attributes:
        device: where this process computes.
        rank: number of this process, from 0; rank 0 writes the run.
        world_size: number of processes.
    """

    device: torch.device
    rank: int
    world_size: int

    def sum_gradients(self, gradients: list[Tensor]) -> None:
        """Sum each gradient over all processes, in place. (The loss is scaled for a sum, not for a mean.)"""

    def sum(self, value: float) -> float:
        """The sum of one number over all processes."""

    def close(self) -> None:
        """Leave the group of processes."""


class SingleProcess:
    """One process on one device: sums are what they are."""

    rank = 0
    world_size = 1

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def sum_gradients(self, gradients: list[Tensor]) -> None:
        return None

    def sum(self, value: float) -> float:
        return value

    def close(self) -> None:
        return None


def choose_backend(name: str) -> str:
    """The name of the backend to use; `auto` goes by how this process was started.

    Raises:
        DeviceError: several processes were started, and `auto` knows only one.
    """
    if name != "auto":
        return name
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        raise DeviceError(
            f"{processes} processes were started, but training on several is not part of this version",
            where="training_config.backend",
            hint="start one process: python -m brahma.train --config FILE, or name a plugin's backend",
        )
    return "single"
