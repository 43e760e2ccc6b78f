"""What an optimizer keeps goes through a file and comes back as it was, Python numbers included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from brahma.core.errors import TrainingError
from brahma.train.groups import parameter_groups
from brahma.train.optimizer_state import load_optimizer_tensors, optimizer_tensors
from brahma.train.weights import MasterWeights
from tests.train.stepping import saved


class Counting(torch.optim.Optimizer):
    """Keeps numbers of each type, as Prodigy keeps d and schedule-free optimizers keep k."""

    def __init__(self, params: Any, lr: float) -> None:
        defaults = {"lr": lr, "d": 1e-6, "k": 0, "warm": True, "betas": (0.9, 0.99), "name": "counting"}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["k"] += 1
            group["d"] = group["d"] * 1.1 + 0.1
            group["warm"] = group["k"] < 2
            group["trust"] = torch.tensor(group["d"])
            for p in group["params"]:
                state = self.state[p]
                state["step"] = state.get("step", 0) + 1
                state["scale/of:it"] = state.get("scale/of:it", 0.1) * 1.7
                state["master"] = state.get("master", False) is False
                state["mean"] = 0.9 * state.get("mean", torch.zeros_like(p)) + p.grad
                size = group["lr"] * group["d"] * state["scale/of:it"] / state["step"]
                p.sub_(state["mean"] * float(group["trust"]), alpha=size * (2 if state["master"] else 1))


class Training:
    def __init__(self, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)).to(dtype)
        self.weights = MasterWeights(self.model)
        groups = parameter_groups(self.weights.named_masters(), weight_decay=0.1)
        self.optimizer = Counting([dict(group) for group in groups], lr=0.01)

    def step(self, number: int) -> float:
        torch.manual_seed(number)
        loss = self.model(torch.randn(5, 3, dtype=self.weights._weights[0].dtype)).float().square().mean()
        torch.autograd.backward(loss)
        self.weights.add_gradients()
        self.optimizer.step()
        self.weights.publish()
        self.weights.clear_gradients()
        return float(loss.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
def test_numbers_in_state_and_groups_go_on_bit_for_bit(dtype: torch.dtype) -> None:
    whole = Training(dtype)
    for number in range(3):
        whole.step(number)
    weights, state = saved(whole)
    losses = [whole.step(number) for number in range(3, 6)]
    resumed = Training(dtype)
    resumed.model.load_state_dict(weights)
    load_optimizer_tensors(resumed.optimizer, resumed.weights, state)
    group = resumed.optimizer.param_groups[0]
    kept = next(iter(resumed.optimizer.state.values()))
    assert {key: type(kept[key]) for key in kept} == {
        "step": int, "scale/of:it": float, "master": bool, "mean": Tensor
    }  # fmt: skip
    assert (type(group["k"]), type(group["d"]), type(group["warm"])) == (int, float, bool)
    assert [resumed.step(number) for number in range(3, 6)] == losses
    for a, b in zip(resumed.optimizer.param_groups, whole.optimizer.param_groups, strict=True):
        assert {k: v for k, v in a.items() if k != "params"} == {k: v for k, v in b.items() if k != "params"}
    ours, theirs = saved(resumed), saved(whole)
    assert ours[1].keys() == theirs[1].keys()
    assert all(torch.equal(ours[part][key], theirs[part][key]) for part in (0, 1) for key in ours[part])


def test_the_keys_say_parameter_and_type() -> None:
    training = Training(torch.float32)
    training.step(0)
    found = optimizer_tensors(training.optimizer, training.weights)
    assert {key for key in found if key.endswith("/0.bias") or key.startswith("group.0")} == {
        "step:int/0.bias",
        "scale%2Fof%3Ait:float/0.bias",
        "%6Daster:bool/0.bias",
        "mean/0.bias",
        "group.0/k:int",
        "group.0/d:float",
        "group.0/trust",
    }
    assert found["step:int/0.bias"].shape == ()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("history", [1.0], "keeps 'history' as list"),
        ("nothing", None, "keeps 'nothing' as NoneType"),
        ("large", 2**63, "keeps 'large' as int"),
        (3, 0.5, "keeps 3 under a key that is no text"),
    ],
)
def test_what_no_file_holds_is_named(key: Any, value: Any, said: str) -> None:
    training = Training(torch.float32)
    training.step(0)
    training.optimizer.state[training.weights.masters[0]][key] = value
    with pytest.raises(TrainingError, match=f"Counting {said}\n") as caught:
        optimizer_tensors(training.optimizer, training.weights)
    assert caught.value.hint


def test_state_of_a_strange_parameter_is_named() -> None:
    training = Training(torch.float32)
    training.optimizer.state[nn.Parameter(torch.ones(2))]["step"] = 1
    with pytest.raises(TrainingError, match="state of a parameter that it was not given"):
        optimizer_tensors(training.optimizer, training.weights)


def test_a_tensor_of_a_group_is_put_back_in_place() -> None:
    training = Training(torch.float32)
    shared = torch.tensor(2.0)
    for group in training.optimizer.param_groups:
        group["trust"] = shared
    kept = {
        key: value.clone() for key, value in optimizer_tensors(training.optimizer, training.weights).items()
    }
    shared.fill_(5.0)
    load_optimizer_tensors(training.optimizer, training.weights, kept)
    assert [group["trust"] is shared for group in training.optimizer.param_groups] == [True, True]
    assert float(shared) == 2.0
