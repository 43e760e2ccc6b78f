"""A backend of several processes that does all it should, and others that each do one thing wrong."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from brahma.train.backends import SingleProcess


class Gloo:
    """Processes of a CPU, joined by torch's own gloo."""

    def __init__(self) -> None:
        dist.init_process_group("gloo")
        self.device = torch.device("cpu")
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()

    def sum_gradients(self, gradients: list[Tensor]) -> None:
        for gradient in gradients:
            dist.all_reduce(gradient)

    def sum(self, value: float) -> float:
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total)

    def close(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()


class Mean(Gloo):
    def sum_gradients(self, gradients: list[Tensor]) -> None:
        super().sum_gradients(gradients)
        for gradient in gradients:
            gradient /= self.world_size


class ForgetsOne(Gloo):
    def sum_gradients(self, gradients: list[Tensor]) -> None:
        super().sum_gradients(gradients[:-1])


class SumsCopies(Gloo):
    def sum_gradients(self, gradients: list[Tensor]) -> None:
        super().sum_gradients([gradient.clone() for gradient in gradients])


class AlwaysFirst(Gloo):
    def __init__(self) -> None:
        super().__init__()
        self.rank = 0


class OwnLoss(Gloo):
    def sum(self, value: float) -> float:
        return value


class ClosesOnce(Gloo):
    def close(self) -> None:
        dist.destroy_process_group()


class Dies(Gloo):
    def sum(self, value: float) -> float:
        if self.rank:
            raise OSError("the cable is out")
        return super().sum(value)


class Alone(SingleProcess):
    """For one process, and wrong."""

    def sum_gradients(self, gradients: list[Tensor]) -> None:
        for gradient in gradients:
            gradient *= 2
