from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from brahma.core.config import Choice, TrainingSection
from brahma.core.errors import BrahmaError
from brahma.core.plugins import get_plugins
from brahma.train.choices import AdafactorOptions, AdamWOptions, LionOptions, SGDOptions
from brahma.train.groups import parameter_groups
from brahma.train.lion import lion
from brahma.train.optimizers import adafactor, adamw, sgd


def parameters() -> list[tuple[str, torch.Tensor]]:
    torch.manual_seed(0)
    shapes = {"embed.weight": (5, 3), "norm.weight": (3,), "head.weight": (5, 3), "head.bias": (5,)}
    return [(name, nn.Parameter(torch.randn(shape))) for name, shape in shapes.items()]


def test_matrices_decay_and_norms_and_biases_do_not() -> None:
    decayed, kept = parameter_groups(parameters(), weight_decay=0.1)
    assert (decayed["names"], decayed["weight_decay"]) == (["embed.weight", "head.weight"], 0.1)
    assert (kept["names"], kept["weight_decay"]) == (["norm.weight", "head.bias"], 0.0)
    assert all(p.ndim == 2 for p in decayed["params"])
    assert all(p.ndim == 1 for p in kept["params"])


def test_a_group_without_parameters_is_left_out() -> None:
    matrices = [each for each in parameters() if each[1].ndim == 2]
    assert [group["weight_decay"] for group in parameter_groups(matrices, weight_decay=0.1)] == [0.1]


@pytest.mark.parametrize("fused", [True, False])
def test_adamw_takes_the_steps_of_the_paper(fused: bool) -> None:
    training = TrainingSection(lr=0.1, adam_beta1=0.8, adam_beta2=0.9, adam_epsilon=1e-6)
    named = parameters()
    before = [p.detach().clone() for _, p in named]
    optimizer = adamw(parameter_groups(named, weight_decay=0.5), training, AdamWOptions(fused=fused))
    gradients = [[torch.full_like(p, 0.3 * (1 + step)) for _, p in named] for step in range(3)]
    for step in range(3):
        for (_, p), gradient in zip(named, gradients[step], strict=True):
            p.grad = gradient
        optimizer.step()
    for number, (_, p) in enumerate(named):
        decay = 0.5 if p.ndim == 2 else 0.0
        expected, first, second = before[number].clone(), 0.0, 0.0
        for step in range(3):
            g = 0.3 * (1 + step)
            first, second = 0.8 * first + 0.2 * g, 0.9 * second + 0.1 * g * g
            m, v = first / (1 - 0.8 ** (step + 1)), second / (1 - 0.9 ** (step + 1))
            expected = expected * (1 - 0.1 * decay) - 0.1 * m / (v**0.5 + 1e-6)
        torch.testing.assert_close(p.detach(), expected)


def stepped(
    optimizer: torch.optim.Optimizer, named: list[tuple[str, torch.Tensor]], *gradients: float
) -> None:
    for value in gradients:
        for _, p in named:
            p.grad = torch.full_like(p, value)
        optimizer.step()


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_adds_the_decay_to_the_gradient_and_the_gradient_to_the_momentum(nesterov: bool) -> None:
    named = parameters()
    before = [p.detach().clone() for _, p in named]
    options = SGDOptions(momentum=0.8, nesterov=nesterov)
    optimizer = sgd(parameter_groups(named, weight_decay=0.5), TrainingSection(lr=0.1), options)
    stepped(optimizer, named, 0.3, -0.2)
    for (_, p), expected in zip(named, before, strict=True):
        momentum = torch.zeros_like(p)
        for value in (0.3, -0.2):
            gradient = value + (0.5 if p.ndim == 2 else 0.0) * expected
            momentum = 0.8 * momentum + gradient
            expected = expected - 0.1 * (gradient + 0.8 * momentum if nesterov else momentum)
        torch.testing.assert_close(p.detach(), expected)


def test_nesterov_without_momentum_is_refused() -> None:
    plugins = get_plugins()
    entry = plugins.find("optimizer", "sgd", None)
    choice = Choice.model_validate({"name": "sgd", "momentum": 0.0, "nesterov": True})
    with pytest.raises(BrahmaError, match="nesterov needs a momentum above 0"):
        plugins.options(entry, choice, "training_config.optimizer")


def test_lion_takes_the_steps_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brahma.train.lion._ELEMENTS_AT_ONCE", 16)  # more than one portion
    named = parameters()
    before = [p.detach().clone() for _, p in named]
    options = LionOptions(beta1=0.6, beta2=0.9)
    optimizer = lion(parameter_groups(named, weight_decay=0.5), TrainingSection(lr=0.1), options)
    stepped(optimizer, named, 0.3, -0.04, -0.2)  # the second is outweighed by the momentum
    for (_, p), expected in zip(named, before, strict=True):
        momentum = 0.0
        for value in (0.3, -0.04, -0.2):
            expected = expected * (1 - 0.1 * (0.5 if p.ndim == 2 else 0.0))
            expected = expected - 0.1 * math.copysign(1, 0.6 * momentum + 0.4 * value)
            momentum = 0.9 * momentum + 0.1 * value
        torch.testing.assert_close(p.detach(), expected)


def test_lion_leaves_what_has_no_gradient() -> None:
    named = parameters()
    before = named[0][1].detach().clone()
    optimizer = lion(parameter_groups(named, weight_decay=0.5), TrainingSection(lr=0.1), LionOptions())
    for _, p in named[1:]:
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert torch.equal(named[0][1], before)
    assert len(optimizer.state) == len(named) - 1


@pytest.mark.parametrize("scaled", [True, False])
def test_adafactors_first_step_is_lr_long(scaled: bool) -> None:
    named = parameters()
    before = [p.detach().clone() for _, p in named]
    options = AdafactorOptions(scale_by_weights=scaled)
    optimizer = adafactor(parameter_groups(named, weight_decay=0.0), TrainingSection(lr=0.01), options)
    stepped(optimizer, named, 0.3)
    for (_, p), start in zip(named, before, strict=True):
        rms = start.square().mean().sqrt() if scaled else 1.0
        torch.testing.assert_close(start - p.detach(), torch.full_like(p, 1.0) * 0.01 * rms)


def test_adafactor_keeps_rows_and_columns_of_a_matrix() -> None:
    named = parameters()
    optimizer = adafactor(parameter_groups(named, weight_decay=0.0), TrainingSection(), AdafactorOptions())
    stepped(optimizer, named, 0.3)
    shapes = {tuple(v.shape) for v in optimizer.state[named[0][1]].values() if isinstance(v, torch.Tensor)}
    assert shapes == {(5,), (3,), ()}


def test_adamw_is_registered_as_a_plugin_would() -> None:
    plugins = get_plugins()
    assert plugins.load("optimizer", "adamw", None) is adamw
    entry = plugins.find("optimizer", "adamw", None)
    assert plugins.options(entry, Choice(name="adamw"), "training_config.optimizer") == AdamWOptions()


@pytest.mark.parametrize("options", [{"fusd": True}, {"fused": "yes"}])
def test_a_bad_option_is_named(options: dict[str, Any]) -> None:
    plugins = get_plugins()
    entry = plugins.find("optimizer", "adamw", None)
    with pytest.raises(BrahmaError) as caught:
        plugins.options(entry, Choice(name="adamw", **options), "training_config.optimizer")
    assert next(iter(options)) in str(caught.value)
