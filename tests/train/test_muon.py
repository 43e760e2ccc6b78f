from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn

from brahma.core.config import Choice, TrainingSection
from brahma.core.errors import BrahmaError
from brahma.core.models import build_model
from brahma.core.plugins import get_plugins
from brahma.core.spec import ModelSpec
from brahma.train.groups import parameter_groups
from brahma.train.muon import Together, muon


def made(named: Iterable[tuple[str, torch.Tensor]], **options: Any) -> Together:
    plugins, training = get_plugins(), TrainingSection(lr=0.1, weight_decay=0.2)
    entry = plugins.find("optimizer", "muon", None)
    checked = plugins.options(entry, Choice(name="muon", **options), "training_config.optimizer")
    assert plugins.load("optimizer", "muon", None) is muon
    optimizer = muon(parameter_groups(list(named), weight_decay=training.weight_decay), training, checked)
    assert isinstance(optimizer, Together)
    return optimizer


def matrices_of(optimizer: Together) -> set[int]:
    groups = [group for group in optimizer.param_groups if "momentum" in group]
    return {id(p) for group in groups for p in group["params"]}


@pytest.mark.parametrize("tied", [True, False])
def test_it_moves_the_matrices_of_the_layers_and_nothing_else(tied: bool) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    spec = ModelSpec.from_config({**sizes, "vocab_size": 40, "tie_word_embeddings": tied})
    named = list(build_model(spec, seed=0).named_parameters())
    found = matrices_of(made(named))
    assert {name for name, p in named if id(p) in found} == {
        *(f"model.layers.0.self_attn.{part}_proj.weight" for part in "qkvo"),
        *(f"model.layers.0.mlp.{part}_proj.weight" for part in ("gate", "up", "down")),
    }
    everything = [p for group in made(named).param_groups for p in group["params"]]
    assert len(everything) == len({id(p) for p in everything}) == len(named)


def test_a_step_is_that_of_torchs_muon_and_adamw_side_by_side() -> None:
    torch.manual_seed(0)
    named: list[tuple[str, torch.Tensor]] = [
        ("layer.weight", nn.Parameter(torch.randn(4, 6))),
        ("embed.weight", nn.Parameter(torch.randn(5, 4))),
        ("norm.weight", nn.Parameter(torch.randn(4))),
    ]
    copies = [nn.Parameter(p.detach().clone()) for _, p in named]
    references = [
        torch.optim.Muon(
            [copies[0]], lr=0.05, weight_decay=0.2, momentum=0.9, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW([copies[1]], lr=0.05, weight_decay=0.2, betas=(0.9, 0.999)),
        torch.optim.AdamW([copies[2]], lr=0.05, weight_decay=0.0, betas=(0.9, 0.999)),
    ]
    optimizer = made(named, momentum=0.9)
    for group in optimizer.param_groups:  # as the loop sets the rate of each step
        group["lr"] = 0.05
    for _ in range(3):
        for (_, p), copy in zip(named, copies, strict=True):
            p.grad = torch.randn(p.shape)
            copy.grad = p.grad.clone()
        optimizer.step()
        for reference in references:
            reference.step()
    for (_, p), copy in zip(named, copies, strict=True):
        torch.testing.assert_close(p, copy)


def test_a_model_without_matrices_is_adamws() -> None:
    named: list[tuple[str, torch.Tensor]] = [("norm.weight", nn.Parameter(torch.ones(4)))]
    optimizer = made(named)
    named[0][1].grad = torch.ones(4)
    optimizer.step()
    assert matrices_of(optimizer) == set()
    assert len(optimizer.state) == 1


def test_a_bad_option_is_named() -> None:
    with pytest.raises(BrahmaError, match="momentun"):
        made([("norm.weight", nn.Parameter(torch.ones(4)))], momentun=0.9)
