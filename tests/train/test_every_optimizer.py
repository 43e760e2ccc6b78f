"""What holds for each optimizer that comes with Brahma, in each precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from brahma.core.entries import OptimizerEntry
from brahma.core.plugins import get_plugins
from tests.train.stepping import differing, restore, saved, small_stepper

CHOICES: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw", "lr": 3e-3},
    "muon": {"optimizer": "muon", "lr": 3e-3},
    "lion": {"optimizer": "lion", "lr": 1e-3},
    "sgd": {"optimizer": "sgd", "lr": 0.1},
    "sgd-nesterov": {"optimizer": {"name": "sgd", "nesterov": True}, "lr": 0.1},
    "sgd-plain": {"optimizer": {"name": "sgd", "momentum": 0.0}, "lr": 0.5},
    "adafactor": {"optimizer": "adafactor", "lr": 3e-3},
    "adafactor-relative": {"optimizer": {"name": "adafactor", "scale_by_weights": True}, "lr": 0.02},
}
EACH = pytest.mark.parametrize("name", CHOICES)
PRECISIONS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])


def test_all_that_are_built_in_are_tried_here() -> None:
    ours = {e.entry.name for e in get_plugins().of_kind("optimizer") if e.distribution == "brahma-train"}
    assert {name.partition("-")[0] for name in CHOICES} == ours


@EACH
@PRECISIONS
def test_it_lowers_the_loss_and_goes_on_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    whole = small_stepper(dtype=dtype, **CHOICES[name])
    losses = [whole.step(step).loss for step in range(20)]
    kept = saved(whole)
    losses += [whole.step(step).loss for step in range(20, 40)]
    assert sum(losses[-6:]) < 0.75 * sum(losses[:6])
    resumed = restore(small_stepper(dtype=dtype, **CHOICES[name]), kept)
    assert [resumed.step(step).loss for step in range(20, 40)] == losses[20:]
    assert differing(resumed, whole) == []


@pytest.mark.parametrize("name", ["adamw", "lion", "sgd", "adafactor"])
def test_the_entry_says_how_much_state_there_is(name: str) -> None:
    """Of matrices as large as those of a small real model; what depends on shape shrinks with larger ones."""
    from brahma.core.config import TrainingSection
    from brahma.train.groups import parameter_groups
    from brahma.train.guarding import make_optimizer
    from brahma.train.weights import MasterWeights

    model = torch.nn.Linear(512, 1024, bias=False)
    weights = MasterWeights(model)
    groups = parameter_groups(weights.named_masters(), weight_decay=0.1)
    optimizer = make_optimizer(TrainingSection.model_validate({"optimizer": name}), groups, weights)
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.step()
    kept = [v for state in optimizer.state.values() for v in state.values() if isinstance(v, torch.Tensor)]
    entry = get_plugins().find("optimizer", name)
    assert isinstance(entry, OptimizerEntry)
    found = sum(value.numel() * value.element_size() for value in kept) / model.weight.numel()
    assert found == pytest.approx(entry.state_bytes, rel=0.01, abs=0.01)


def test_muons_figure_is_that_of_its_matrices() -> None:
    stepper = small_stepper(**CHOICES["muon"])
    stepper.step(0)
    kept = {
        name: sum(v.numel() * 4 for v in stepper.optimizer.state[master].values() if v.ndim)
        for name, master in stepper.weights.named_masters()
    }
    per_number = {name: kept[name] / master.numel() for name, master in stepper.weights.named_masters()}
    assert per_number["model.layers.0.mlp.up_proj.weight"] == 4
    assert per_number["model.embed_tokens.weight"] == per_number["lm_head.weight"] == 8
    entry = get_plugins().find("optimizer", "muon")
    assert isinstance(entry, OptimizerEntry)
    assert entry.state_bytes == 4
