from __future__ import annotations

import json

import pytest
import torch

from brahma.core.config import TrainingSection
from brahma.train import precision
from brahma.train.precision import LossScaler, choose_precision

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


@pytest.fixture(params=[True, False], ids=["bf16-is-fast", "bf16-is-slow"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    rates = {torch.float32: 1e11, torch.bfloat16: 4e11 if request.param else 1.1e11}
    monkeypatch.setattr(precision, "measure_matrix_rate", lambda dtype, device, seconds: rates[dtype])
    return bool(request.param)


def test_what_is_asked_for_is_done(fast: bool) -> None:
    assert choose_precision(TrainingSection(bf16=True), CPU).name == "bf16"
    assert choose_precision(TrainingSection(fp16=False, bf16=False), CPU).name == "float32"
    assert choose_precision(TrainingSection(fp16=True), CUDA).name == "fp16"


def test_without_a_word_the_faster_one_is_taken(fast: bool) -> None:
    chosen = choose_precision(TrainingSection(), CPU)
    assert chosen.name == ("bf16" if fast else "float32")
    assert chosen.dtype == (torch.bfloat16 if fast else torch.float32)
    assert "bf16 products run" in chosen.reason


def test_bf16_that_is_refused_is_not_chosen(fast: bool) -> None:
    assert choose_precision(TrainingSection(bf16=False), CPU).name == "float32"


def test_fp16_on_a_cpu_becomes_what_the_cpu_is_good_at_and_says_so(fast: bool) -> None:
    chosen = choose_precision(TrainingSection(fp16=True), CPU)
    assert chosen.name == ("bf16" if fast else "float32")
    assert chosen.reason == f"fp16 is slow on this device, so the run trains in {chosen.name}"


def test_the_measurement_on_this_machine_gives_an_answer() -> None:
    assert choose_precision(TrainingSection(), CPU).name in ("bf16", "float32")


def test_without_fp16_the_scale_is_one_and_nothing_overflows() -> None:
    scaler = LossScaler(enabled=False)
    assert not scaler.overflowed(finite=False)
    assert not scaler.overflowed(finite=True)
    assert scaler.scale == 1.0


def test_an_overflow_skips_the_step_and_halves_the_scale() -> None:
    scaler = LossScaler(enabled=True)
    before = scaler.scale
    assert scaler.overflowed(finite=False)
    assert scaler.scale == before / 2
    assert not scaler.overflowed(finite=True)
    assert scaler.scale == before / 2


def test_calm_doubles_the_scale_and_an_overflow_ends_the_calm() -> None:
    scaler = LossScaler(enabled=True)
    before = scaler.scale
    for _ in range(1999):
        scaler.overflowed(finite=True)
    scaler.overflowed(finite=False)
    for _ in range(1999):
        scaler.overflowed(finite=True)
    assert scaler.scale == before / 2
    scaler.overflowed(finite=True)
    assert scaler.scale == before


def test_what_overflows_at_a_scale_of_one_is_no_matter_of_scaling() -> None:
    scaler = LossScaler(enabled=True)
    skipped = 0
    while scaler.overflowed(finite=False):
        skipped += 1
    assert skipped == 16
    assert scaler.scale == 1.0


def test_the_scale_survives_a_resume() -> None:
    scaler, resumed = LossScaler(enabled=True), LossScaler(enabled=True)
    scaler.overflowed(finite=False)
    for _ in range(700):
        scaler.overflowed(finite=True)
    resumed.load_state_dict(json.loads(json.dumps(scaler.state_dict())))
    for _ in range(1300):
        scaler.overflowed(finite=True)
        resumed.overflowed(finite=True)
    assert scaler.scale == resumed.scale == 65536.0
    assert scaler.state_dict() == resumed.state_dict()
