from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import PreTrainedModel

from brahma.core.config import Choice, TrainingSection
from brahma.core.errors import BrahmaError
from brahma.core.models import build_model
from brahma.core.plugins import get_plugins
from brahma.core.spec import ModelSpec
from brahma.train.choices import MuonOptions
from brahma.train.groups import parameter_groups
from brahma.train.muon import Together, muon
from brahma.train.parameters import NamedParameters
from tests.train.stepping import small_model
from tests.train.test_parameters import gpt2, neox


def made(
    named: Iterable[tuple[str, torch.Tensor]], model: PreTrainedModel | None = None, **options: Any
) -> Together:
    """`model` absent: what is called embed is an embedding."""
    plugins, training = get_plugins(), TrainingSection(lr=0.1, weight_decay=0.2)
    entry = plugins.find("optimizer", "muon", None)
    checked = plugins.options(entry, Choice(name="muon", **options), "training_config.optimizer")
    assert plugins.load("optimizer", "muon", None) is muon
    parameters = None if model is None else NamedParameters(model)
    groups = parameter_groups(named, weight_decay=training.weight_decay, parameters=parameters)
    if model is None:
        for group in groups:
            group["roles"] = ["embedding" if "embed" in name else "" for name in group["names"]]
    optimizer = muon(groups, training, checked)
    assert isinstance(optimizer, Together)
    return optimizer


def moved_by_muon(model: PreTrainedModel) -> set[str]:
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    found = matrices_of(made(named, model))
    return {name for name, p in named if id(p) in found}


def matrices_of(optimizer: Together) -> set[int]:
    groups = [group for group in optimizer.param_groups if "momentum" in group]
    return {id(p) for group in groups for p in group["params"]}


@pytest.mark.parametrize("tied", [True, False])
def test_it_moves_the_matrices_of_the_layers_and_nothing_else(tied: bool) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = build_model(
        ModelSpec.from_config({**sizes, "vocab_size": 40, "tie_word_embeddings": tied}), seed=0
    )
    assert moved_by_muon(model) == {
        *(f"model.layers.0.self_attn.{part}_proj.weight" for part in "qkvo"),
        *(f"model.layers.0.mlp.{part}_proj.weight" for part in ("gate", "up", "down")),
    }
    named = list(model.named_parameters())
    everything = [p for group in made(named, model).param_groups for p in group["params"]]
    assert len(everything) == len({id(p) for p in everything}) == len(named)


@pytest.mark.parametrize(
    ("model", "layer", "parts"),
    [
        (gpt2(), "transformer.h", {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"}),
        (neox(), "gpt_neox.layers", {
            "attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"
        }),
    ],
    ids=["gpt2", "neox"],
)  # fmt: skip
def test_tables_and_heads_are_known_whatever_their_names(
    model: PreTrainedModel, layer: str, parts: set[str]
) -> None:
    assert moved_by_muon(model) == {f"{layer}.{n}.{part}.weight" for n in (0, 1) for part in parts}


def test_the_matrices_of_adapters_are_matrices_and_those_of_an_embedding_are_a_table() -> None:
    model = small_model()
    inject_adapter_in_model(LoraConfig(r=4, target_modules=["q_proj", "embed_tokens"]), model)
    assert moved_by_muon(model) == {
        f"model.layers.{n}.self_attn.q_proj.lora_{part}.default.weight" for n in (0, 1) for part in "AB"
    }


def test_adapters_learn_by_muon_though_b_begins_at_zero() -> None:
    model = small_model()
    inject_adapter_in_model(LoraConfig(r=4, target_modules=["q_proj"]), model)
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    optimizer = made(named, model)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    ids = torch.arange(20)[None]
    losses = []
    for _ in range(8):
        loss = model(input_ids=ids, labels=ids).loss
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.05


def test_options_reach_it() -> None:
    optimizer = made(
        [("up.weight", nn.Parameter(torch.ones(2, 3)))], momentum=0.8, nesterov=False, ns_steps=3
    )
    (group,) = optimizer.param_groups
    assert (group["momentum"], group["nesterov"], group["ns_steps"]) == (0.8, False, 3)


def test_it_keeps_the_settings_of_rules() -> None:
    named = list(small_model().named_parameters())
    groups = parameter_groups(named, weight_decay=0.1)
    groups[0]["lr_ratio"] = 3.0
    optimizer = muon(groups, TrainingSection(), MuonOptions())
    assert {group["lr_ratio"] for group in optimizer.param_groups if "momentum" in group} == {3.0}


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
