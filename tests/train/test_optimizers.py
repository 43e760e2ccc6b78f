from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from brahma.core.config import Choice, TrainingSection
from brahma.core.errors import BrahmaError
from brahma.core.plugins import get_plugins
from brahma.train.choices import AdamWOptions
from brahma.train.groups import parameter_groups
from brahma.train.optimizers import adamw


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
