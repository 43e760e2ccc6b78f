"""Optimizers of bitsandbytes: what they keep, whose settings they take, and that they go on bit for bit."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.core.config.sections import Choice
from brahma.core.errors import ConfigError
from brahma.core.kit import assert_passes
from brahma.core.plugins import get_plugins
from brahma_bitsandbytes import optimizers
from tests.train.small_run import fingerprint, interrupted, train
from tests.train.stepping import differing, restore, saved, small_stepper

_NAMES = ["adamw_8bit", "paged_adamw", "paged_adamw_8bit", "lion_8bit", "paged_lion_8bit"]


def _made(name: str, parameters: list[Tensor], *, weight_decay: float = 0.0, **options: Any) -> Any:
    plugins = get_plugins()
    entry = plugins.find("optimizer", name)
    group = {"params": parameters, "names": [f"p{n}" for n in range(len(parameters))], "lr_ratio": 1.0}
    checked = plugins.options(entry, Choice(name=name, **options))
    return entry.load()([group | {"weight_decay": weight_decay}], TrainingSection(lr=1e-2), checked)


def _with_gradient(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    parameter = torch.randn(shape, generator=generator)
    parameter.grad = torch.randn(shape, generator=generator)
    return parameter


@pytest.mark.slow
@pytest.mark.parametrize("name", _NAMES)
def test_it_passes_the_kit(name: str) -> None:
    assert_passes("optimizer", name)


@pytest.mark.parametrize("name", _NAMES)
def test_it_keeps_as_many_bytes_as_the_entry_says(name: str) -> None:
    parameter = _with_gradient(512, 512)
    optimizer = _made(name, [parameter])
    optimizer.step()
    state = {key: value for key, value in optimizer.state[parameter].items() if isinstance(value, Tensor)}
    shared = sum(value.nbytes for key, value in state.items() if key.startswith("qmap"))
    found = (sum(value.nbytes for value in state.values()) - shared) / parameter.numel()
    assert found == pytest.approx(get_plugins().find("optimizer", name).state_bytes)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["adamw_8bit", "paged_adamw_8bit", "lion_8bit", "paged_lion_8bit"])
@pytest.mark.parametrize(
    ("options", "types"),
    [
        ({}, [torch.float32, torch.uint8]),
        ({"min_8bit_size": 0}, [torch.uint8] * 2),
        ({"min_8bit_size": 5001}, [torch.float32] * 2),
    ],
)
def test_small_parameters_keep_float32(name: str, options: dict[str, int], types: list[torch.dtype]) -> None:
    parameters = [_with_gradient(100), _with_gradient(5000)]
    optimizer = _made(name, parameters, **options)
    optimizer.step()
    assert [optimizer.state[each]["state1"].dtype for each in parameters] == types


@pytest.mark.parametrize(("name", "key"), [("paged_adamw", "min_8bit_size"), ("adamw_8bit", "beta1")])
def test_an_option_that_it_does_not_take_is_refused(name: str, key: str) -> None:
    plugins = get_plugins()
    with pytest.raises(ConfigError, match=key):
        plugins.options(plugins.find("optimizer", name), Choice(name=name, **{key: 1}))


@pytest.mark.parametrize(("name", "plain"), [("paged_adamw", 1e-6), ("adamw_8bit", 0.06)])
def test_adamw_takes_the_steps_of_torchs(name: str, plain: float) -> None:
    mine, its = _with_gradient(64, 128), _with_gradient(64, 128)
    training = TrainingSection()
    reference = torch.optim.AdamW(
        [its],
        lr=1e-2,
        betas=(training.adam_beta1, training.adam_beta2),
        eps=training.adam_epsilon,
        weight_decay=0.1,
    )
    start, optimizer = mine.clone(), _made(name, [mine], weight_decay=0.1)
    for _ in range(5):
        optimizer.step()
        reference.step()
    assert (mine - its).norm() / (its - start).norm() < plain


@pytest.mark.parametrize("name", _NAMES)
def test_rates_and_decay_are_those_of_the_groups(name: str) -> None:
    decayed, kept, still = (_with_gradient(64, 64) for _ in range(3))
    groups = [
        {"params": [each], "names": ["p"], "weight_decay": decay, "lr_ratio": 1.0}
        for each, decay in ((decayed, 0.5), (kept, 0.0), (still, 0.5))
    ]
    entry = get_plugins().find("optimizer", name)
    options = get_plugins().options(entry, Choice(name=name))
    optimizer = entry.load()(groups, TrainingSection(lr=1.0, weight_decay=0.9), options)
    start = still.clone()
    for group, lr in zip(optimizer.param_groups, (1e-2, 1e-2, 0.0), strict=True):
        group["lr"] = lr
    optimizer.step()
    assert torch.equal(still, start)
    assert torch.allclose(kept - decayed, 0.5 * 1e-2 * start, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
@pytest.mark.parametrize("name", _NAMES)
def test_it_goes_on_from_what_a_checkpoint_holds(name: str, dtype: torch.dtype) -> None:
    options = {} if name == "paged_adamw" else {"min_8bit_size": 256}
    whole = small_stepper(optimizer={"name": name, **options}, dtype=dtype)
    for step in range(3):
        whole.step(step)
    kept = saved(whole)
    state = kept[1]
    assert any(key.startswith("step") or "step/" in key for key in state)
    if options:
        assert {value.dtype for key, value in state.items() if key.startswith("state1/")} >= {torch.uint8}
    losses = [whole.step(step).loss_sum for step in range(3, 6)]
    resumed = restore(small_stepper(optimizer={"name": name, **options}, dtype=dtype), kept)
    assert [resumed.step(step).loss_sum for step in range(3, 6)] == losses
    assert not differing(whole, resumed)


@pytest.mark.slow
@pytest.mark.parametrize("name", _NAMES)
def test_a_run_that_was_stopped_ends_as_one_that_was_not(name: str, tmp_path: Path) -> None:
    options = {} if name == "paged_adamw" else {"min_8bit_size": 256}
    changes: dict[str, Any] = {"optimizer": {"name": name, **options}, "max_steps": 6}
    whole = train(tmp_path / "whole", **changes)
    interrupted(tmp_path / "stopped", 3, **changes)
    assert fingerprint(train(tmp_path / "stopped", resume="auto", **changes)) == fingerprint(whole)


def test_that_nothing_is_paged_on_a_cpu_is_said_once_and_by_us(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    optimizers._say_that_nothing_is_paged.cache_clear()
    with caplog.at_level(logging.WARNING):
        for name in ("paged_adamw", "paged_lion_8bit"):
            _made(name, [_with_gradient(64, 64), _with_gradient(200_000)]).step()
    assert [record.getMessage() for record in caplog.records] == [
        "nothing is paged on a CPU: the paged optimizers keep their state in plain memory there"
    ]
    assert not recwarn.list


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: CPUs have no paged memory")
@pytest.mark.parametrize("name", [name for name in _NAMES if name.startswith("paged")])
def test_state_that_was_loaded_is_paged_again(name: str) -> None:
    first, second = (_with_gradient(1000, 200).cuda() for _ in range(2))
    for each in (first, second):
        each.grad = torch.ones_like(each)
    whole, resumed = _made(name, [first]), _made(name, [second])
    whole.step()
    second.copy_(first)
    for key, value in whole.state[first].items():
        resumed.state[second][key] = value.cuda() if isinstance(value, Tensor) else value
    whole.step()
    resumed.step()
    assert resumed.state[second]["state1"].is_paged
    assert torch.equal(first, second)
