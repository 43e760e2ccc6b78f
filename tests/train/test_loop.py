"""One step: the same sum whatever the micro-batches, nothing changed by a step that fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from brahma.core.config import TrainingSection
from brahma.core.errors import TrainingError
from brahma.core.models import build_model
from brahma.core.models.forward import decoder_of
from brahma.core.spec import ModelSpec
from brahma.data.packs import Packs
from brahma.train.backends import SingleProcess
from brahma.train.choices import AdamWOptions
from brahma.train.groups import parameter_groups
from brahma.train.loop import Stepper, seed_generators
from brahma.train.monitor import LossWatch, TimeAccount
from brahma.train.optimizer_state import load_optimizer_tensors, optimizer_tensors
from brahma.train.optimizers import adamw
from brahma.train.plan import make_plan
from brahma.train.precision import LossScaler
from brahma.train.schedules import LearningRate, constant
from brahma.train.trial import steps_that_fit
from brahma.train.weights import MasterWeights
from tests.train.packed import VOCAB, uneven_packs

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
}
DOCUMENTS = 40


class Recorder(SingleProcess):
    """Keeps what each step exchanges, and may spoil it."""

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        super().__init__()
        self.device = torch.device("cpu")
        self.rank = rank
        self.world_size = world_size
        self.steps: list[list[Tensor]] = []
        self.spoil: Callable[[list[Tensor]], object] = lambda gradients: None

    def sum_gradients(self, gradients: list[Tensor]) -> None:
        self.spoil(gradients)
        self.steps.append([gradient.clone() for gradient in gradients])


def stepper(
    packs: Packs,
    *,
    lr: float = 0.0,
    dtype: torch.dtype = torch.float32,
    backend: Recorder | None = None,
    fp16: bool = False,
    tied: bool = False,
    dropout: float = 0.0,
    **training: Any,
) -> tuple[Stepper, Recorder]:
    backend = backend or Recorder()
    section = TrainingSection(**training)
    spec = ModelSpec.from_config({**SIZES, "tie_word_embeddings": tied, "attention_dropout": dropout})
    model = build_model(spec, seed=4, dtype=dtype)
    model.train()
    weights = MasterWeights(model)
    plan = make_plan(section, packs, world_size=backend.world_size)
    made = Stepper(
        model=model,
        decoder=decoder_of(model),
        weights=weights,
        optimizer=adamw(
            parameter_groups(weights.named_masters(), weight_decay=0.01), section, AdamWOptions()
        ),
        learning_rate=LearningRate(lr, warmup_steps=0, total_steps=9, schedule=constant),
        plan=plan,
        backend=backend,
        clock=TimeAccount(),
        watch=LossWatch(lambda step: plan.rows(step - 1)),
        max_grad_norm=section.max_grad_norm,
        seed=section.seed,
        scaler=LossScaler(enabled=fp16),
    )
    return made, backend


def apart(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest relative difference of a gradient."""
    pairs = list(zip(found, expected, strict=True))
    return max(float((a - b).norm()) / float(b.norm()) for a, b in pairs)


def plain_step(packs: Packs, pack_ids: list[int]) -> tuple[float, int, list[Tensor]]:
    """Loss sum, tokens and gradients, each document by itself through plain transformers."""
    spec = ModelSpec.from_config({**SIZES, "tie_word_embeddings": False})
    weights = build_model(spec, seed=4).state_dict()
    model = LlamaForCausalLM(LlamaConfig(**spec.to_dict()))
    model.set_attn_implementation("eager")
    model.load_state_dict(weights)
    total, tokens = torch.zeros(()), 0
    for pack in pack_ids:
        batch = packs.batch([pack])
        for start, stop in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
            ids, labels = (torch.from_numpy(x[start:stop]) for x in (batch.input_ids, batch.labels))
            logits = model(input_ids=ids[None], use_cache=False).logits[0]
            total = total + F.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
            tokens += int((labels != -100).sum())
    torch.autograd.backward(total / tokens)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return float(total.detach()), tokens, gradients


@pytest.mark.parametrize(("seconds", "tried", "fit"), [(4.0, 2, 12), (0.5, 4, 111), (0.125, 10, 450)])
def test_a_trial_times_more_of_quick_steps_and_one_of_slow_ones(
    seconds: float, tried: int, fit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = stepper(uneven_packs(DOCUMENTS), batch_size=1)
    steps: list[int] = []
    monkeypatch.setattr("brahma.train.trial._trial_step", lambda stepper, step: steps.append(step))
    monkeypatch.setattr("brahma.train.trial.time.perf_counter", lambda: seconds * len(steps))
    assert steps_that_fit(made, minutes=1) == fit
    assert len(steps) == tried


@pytest.mark.parametrize(("batch_size", "accumulation"), [(8, 1), (4, 2), (1, 8), (3, 3)])
def test_any_split_into_micro_batches_is_the_plain_computation(batch_size: int, accumulation: int) -> None:
    packs = uneven_packs(DOCUMENTS)
    made, seen = stepper(packs, batch_size=batch_size, gradient_accumulation_steps=accumulation)
    size = batch_size * accumulation
    assert len(packs) % size, "the last step is to be a partial one"
    counts = {packs.batch([pack]).supervised for pack in range(len(packs))}
    assert len(counts) > 3, "the packs are to differ in supervised tokens"
    for step in range(made.plan.total_steps):
        result = made.step(step)
        loss_sum, tokens, gradients = plain_step(packs, made.plan.pack_ids(step).tolist())
        assert result.tokens == tokens
        assert result.loss == pytest.approx(loss_sum / tokens, rel=1e-6)
        assert apart(seen.steps[step], gradients) <= 1e-5
        norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
        assert result.grad_norm == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_with_unequal_tokens_sum_to_the_same_gradients(world_size: int) -> None:
    packs = uneven_packs(DOCUMENTS)
    alone, whole = stepper(packs, batch_size=6)
    for step in range(alone.plan.total_steps):
        alone.step(step)
    parts = [Recorder(rank, world_size) for rank in range(world_size)]
    for part in parts:
        shared, _ = stepper(packs, batch_size=6 // world_size, backend=part)
        for step in range(alone.plan.total_steps - 1):  # the last one leaves a process without any
            assert shared.step(step).tokens == alone.plan.supervised(step)
    for step in range(alone.plan.total_steps - 1):
        summed = [
            sum(shares, torch.zeros(())) for shares in zip(*(p.steps[step] for p in parts), strict=True)
        ]
        assert apart(summed, whole.steps[step]) <= 1e-5


def test_bf16_gradients_of_micro_batches_are_summed_in_float32() -> None:
    packs = uneven_packs(DOCUMENTS)
    split, few = stepper(packs, batch_size=1, gradient_accumulation_steps=9, dtype=torch.bfloat16)
    whole, one = stepper(packs, batch_size=9, dtype=torch.bfloat16)
    split.step(0)
    whole.step(0)
    assert {gradient.dtype for gradient in few.steps[0]} == {torch.float32}
    assert apart(few.steps[0], one.steps[0]) <= 0.03


def weights_of(made: Stepper) -> list[Tensor]:
    moments = optimizer_tensors(made.optimizer, made.weights)
    tensors = [*made.model.parameters(), *made.weights.masters, *(moments[key] for key in sorted(moments))]
    return [tensor.detach().clone() for tensor in tensors]


def same(found: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_dropout_depends_on_seed_and_step_and_nothing_else() -> None:
    packs = uneven_packs(DOCUMENTS)
    drawn = []
    for seed, disturbance in ((1, 0), (1, 99), (2, 0)):
        made, seen = stepper(packs, batch_size=4, seed=seed, dropout=0.3)
        made.plan = replace(made.plan, order=type(made.plan.order)(len(packs), 5))
        torch.manual_seed(disturbance)
        made.step(3)
        drawn.append(seen.steps[0])
    assert same(drawn[1], drawn[0])
    assert not same(drawn[2], drawn[0])


def test_generators_differ_by_seed_step_and_position() -> None:
    draws = set()
    keys = [(seed, step, position) for seed in (0, 1, 2**62) for step in range(5) for position in range(5)]
    for key in keys:
        seed_generators(*key)
        draws.add(float(torch.rand(())))
    assert len(draws) == len(keys)


def test_a_global_batch_without_supervised_tokens_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = stepper(uneven_packs(DOCUMENTS), batch_size=4, lr=0.1)
    before = weights_of(made)
    monkeypatch.setattr(type(made.plan), "supervised", lambda plan, step: 0)
    result = made.step(0)
    assert (result.skipped, result.tokens, result.loss_sum) == (True, 0, 0.0)
    assert math.isnan(result.loss)
    assert same(weights_of(made), before)
    assert seen.steps == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_loss_that_is_no_number_changes_nothing_and_names_step_and_rows(dtype: torch.dtype) -> None:
    made, _ = stepper(uneven_packs(DOCUMENTS), batch_size=4, lr=0.1, dtype=dtype)
    made.step(0)
    with torch.no_grad():
        next(made.model.parameters()).fill_(math.nan)
        before = weights_of(made)
    with pytest.raises(TrainingError, match="the loss is nan at step 2") as caught:
        made.step(1)
    assert made.plan.rows(1)[0] in str(caught.value.where)
    assert all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(weights_of(made), before, strict=True)
    )


def test_a_gradient_that_is_no_number_changes_nothing() -> None:
    made, seen = stepper(uneven_packs(DOCUMENTS), batch_size=4, lr=0.1)
    before = weights_of(made)
    seen.spoil = lambda gradients: gradients[0].fill_(math.inf)
    with pytest.raises(TrainingError, match=r"the gradient norm is (inf|nan) at step 1"):
        made.step(0)
    assert same(weights_of(made), before)


def test_the_loss_scale_of_fp16_changes_no_gradient() -> None:
    packs = uneven_packs(DOCUMENTS)
    plain, _ = stepper(packs, batch_size=4, lr=0.1)
    scaled, _ = stepper(packs, batch_size=4, lr=0.1, fp16=True)
    for step in range(2):
        expected, found = plain.step(step), scaled.step(step)
        assert found.loss_sum == pytest.approx(expected.loss_sum, rel=1e-5)
        assert found.grad_norm == pytest.approx(expected.grad_norm, rel=1e-4)


def test_an_fp16_overflow_skips_the_step_and_training_goes_on() -> None:
    made, seen = stepper(uneven_packs(DOCUMENTS), batch_size=4, lr=0.1, fp16=True)
    before = weights_of(made)
    seen.spoil = lambda gradients: gradients[0].fill_(math.inf)
    assert made.step(0).skipped
    assert same(weights_of(made), before)
    assert made.scaler.scale == 32768.0
    seen.spoil = lambda gradients: None
    assert not made.step(1).skipped
    assert not same(weights_of(made)[: len(before)], before)


def test_an_fp16_overflow_that_no_scale_cures_ends_the_run() -> None:
    made, seen = stepper(uneven_packs(DOCUMENTS), batch_size=4, fp16=True)
    seen.spoil = lambda gradients: gradients[0].fill_(math.inf)
    assert all(made.step(0).skipped for _ in range(16))  # 65536 is 2 to the 16th
    with pytest.raises(TrainingError, match="the gradient norm is"):
        made.step(0)


def test_an_fp16_loss_that_is_no_number_ends_the_run_at_once() -> None:
    made, _ = stepper(uneven_packs(DOCUMENTS), batch_size=4, fp16=True)
    with torch.no_grad():
        next(made.model.parameters()).fill_(math.nan)
    with pytest.raises(TrainingError, match="the loss is nan"):
        made.step(0)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_stepper_that_is_put_back_goes_on_bit_for_bit(dtype: torch.dtype, tied: bool) -> None:
    packs = uneven_packs(DOCUMENTS)
    keys: dict[str, Any] = {"batch_size": 3, "lr": 0.01, "dtype": dtype, "tied": tied, "dropout": 0.1}
    made, _ = stepper(packs, **keys)
    for step in range(3):
        made.step(step)
    model = {name: tensor.clone() for name, tensor in made.model.state_dict().items()}
    state = {name: t.clone() for name, t in optimizer_tensors(made.optimizer, made.weights).items()}
    kinds = {name.split("/")[0] for name in state}
    assert kinds == {"exp_avg", "exp_avg_sq", "step"} | ({"master"} if dtype == torch.bfloat16 else set())
    resumed, _ = stepper(packs, **keys)
    resumed.model.load_state_dict(model)
    load_optimizer_tensors(resumed.optimizer, resumed.weights, state)
    for step in range(3, 6):
        assert made.step(step) == resumed.step(step)
    assert same(weights_of(resumed), weights_of(made))


def test_state_that_a_checkpoint_cannot_hold_is_named() -> None:
    made, _ = stepper(uneven_packs(DOCUMENTS), batch_size=3)
    made.step(0)
    next(iter(made.optimizer.state.values()))["trust"] = [0.5]
    with pytest.raises(TrainingError, match="AdamW keeps 'trust' as list"):
        optimizer_tensors(made.optimizer, made.weights)


def test_padding_to_one_shape_changes_nothing() -> None:
    packs = uneven_packs(DOCUMENTS)
    plain, seen = stepper(packs, batch_size=4)
    padded, filled = stepper(packs, batch_size=4)
    padded.pad = True
    assert padded.slots == 4 * packs.seq_length
    for step in range(plain.plan.total_steps):
        assert padded.step(step).loss == pytest.approx(plain.step(step).loss, rel=1e-6)
        assert apart(filled.steps[step], seen.steps[step]) <= 1e-5


def test_training_learns() -> None:
    made, _ = stepper(uneven_packs(12), batch_size=2, lr=3e-3, epochs=12.0)
    losses = [made.step(step).loss for step in range(made.plan.total_steps)]
    assert sum(losses[-5:]) / 5 < 0.5 * sum(losses[:5]) / 5
