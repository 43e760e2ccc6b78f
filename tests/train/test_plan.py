"""Which packs a step takes: worked out before the first one, and never by chance."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.config import TrainingSection
from brahma.core.errors import ConfigError, ResumeError
from brahma.train.plan import Plan, make_plan
from tests.train.packed import single_packs

PACKS = st.integers(1, 20)
EPOCHS = st.sampled_from([0.3, 0.5, 1.0, 1.7, 2.0, 3.0])


def plan(packs: int = 10, **keys: Any) -> Plan:
    world_size = keys.pop("world_size", 1)
    return make_plan(TrainingSection(**keys), single_packs(packs), world_size=world_size)


@given(packs=PACKS, batch=st.integers(1, 5), accumulation=st.integers(1, 3), epochs=EPOCHS)
def test_every_position_is_taken_once_and_only_the_last_step_is_partial(
    packs: int, batch: int, accumulation: int, epochs: float
) -> None:
    made = plan(packs, batch_size=batch, gradient_accumulation_steps=accumulation, epochs=epochs)
    size = batch * accumulation
    spans = [made.positions(step) for step in range(made.total_steps)]
    assert [start for start, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == made.total_positions == math.ceil(epochs * packs)
    assert all(stop - start == size for start, stop in spans[:-1])
    assert 0 < spans[-1][1] - spans[-1][0] <= size


@given(packs=PACKS, batch=st.integers(1, 7), epochs=st.integers(1, 3))
def test_each_epoch_takes_each_pack_once_though_steps_cross_its_end(
    packs: int, batch: int, epochs: int
) -> None:
    made = plan(packs, batch_size=batch, epochs=float(epochs))
    taken = np.concatenate([made.pack_ids(step) for step in range(made.total_steps)])
    for epoch in range(epochs):
        assert sorted(taken[epoch * packs : (epoch + 1) * packs]) == list(range(packs))


@given(
    packs=PACKS,
    batch=st.integers(1, 5),
    accumulation=st.integers(1, 3),
    world=st.integers(1, 4),
    epochs=EPOCHS,
)
def test_the_processes_share_each_step_without_gap_or_overlap(
    packs: int, batch: int, accumulation: int, world: int, epochs: float
) -> None:
    keys: dict[str, Any] = {
        "batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "epochs": epochs,
    }
    made = plan(packs, world_size=world, **keys)
    for step in range(made.total_steps):
        shares = [list(made.micro_batches(step, rank, world)) for rank in range(world)]
        assert len({len(share) for share in shares}) == 1  # all take part in each exchange
        dealt = sorted((first, ids.tolist()) for share in shares for first, ids in share)
        assert [pack for _, ids in dealt for pack in ids] == made.pack_ids(step).tolist()
        assert all(len(ids) <= batch for _, ids in dealt)
        start, stop = made.positions(step)
        assert all(first == start + i * batch for i, (first, _) in enumerate(dealt))
        assert stop - start == sum(len(ids) for _, ids in dealt)


@given(packs=PACKS, batch=st.sampled_from([1, 2, 3]), epochs=st.sampled_from([1.0, 2.0]))
def test_more_processes_take_the_same_packs_in_the_same_steps(packs: int, batch: int, epochs: float) -> None:
    alone = plan(packs, batch_size=batch, gradient_accumulation_steps=4, epochs=epochs)
    training = TrainingSection(batch_size=batch, gradient_accumulation_steps=4, epochs=epochs)
    shared = make_plan(training, single_packs(packs), world_size=2, global_batch_size=alone.global_batch_size)
    assert shared.total_steps == alone.total_steps
    for step in range(alone.total_steps):
        assert shared.pack_ids(step).tolist() == alone.pack_ids(step).tolist()


def test_supervised_tokens_of_any_step_are_known_beforehand() -> None:
    made = plan(10, batch_size=4)
    for step in range(made.total_steps):
        batch = made.packs.batch(made.pack_ids(step))
        assert made.supervised(step) == batch.supervised == int((batch.labels != -100).sum())


@given(packs=PACKS, batch=st.integers(1, 9), epochs=EPOCHS)
def test_an_epoch_ends_in_the_step_that_holds_its_last_position(
    packs: int, batch: int, epochs: float
) -> None:
    made = plan(packs, batch_size=batch, epochs=epochs)
    lasts = {position for position in range(made.total_positions) if position % packs == packs - 1}
    for step in range(made.total_steps):
        assert made.ends_epoch(step) is bool(lasts & set(range(*made.positions(step))))


def test_the_seed_chooses_the_order() -> None:
    first, again, other = (plan(10, batch_size=10, seed=seed).pack_ids(0).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_rows_behind_a_step_are_named() -> None:
    made = plan(10, batch_size=3)
    expected = [f"single-10.jsonl:{pack + 1}" for pack in made.pack_ids(1)]
    assert made.rows(1) == expected


def test_max_steps_overrides_epochs_and_fills_every_step() -> None:
    made = plan(10, batch_size=4, max_steps=7, epochs=1.0)
    assert made.total_steps == 7
    assert made.positions(6) == (24, 28)


def test_a_run_in_minutes_has_the_steps_that_were_measured() -> None:
    training = TrainingSection(batch_size=4, max_minutes=3.0)
    assert make_plan(training, single_packs(10), total_steps=9).total_positions == 36


def test_a_run_in_epochs_keeps_its_partial_last_step_when_it_goes_on() -> None:
    training = TrainingSection(batch_size=4)
    begun = make_plan(training, single_packs(10))
    resumed = make_plan(training, single_packs(10), global_batch_size=4, total_steps=begun.total_steps)
    assert (resumed.total_positions, resumed.total_steps) == (begun.total_positions, begun.total_steps)
    assert begun.positions(begun.total_steps - 1) == (8, 10)


def test_a_global_batch_size_replaces_the_accumulation() -> None:
    made = plan(10, batch_size=2, global_batch_size=6)
    assert made.global_batch_size == 6
    assert [len(ids) for _, ids in made.micro_batches(0, 0, 1)] == [2, 2, 2]


@given(batch=st.integers(1, 8), world=st.integers(1, 8), size=st.integers(1, 64), resumed=st.booleans())
def test_a_global_batch_that_does_not_fit_names_what_does(
    batch: int, world: int, size: int, resumed: bool
) -> None:
    training = TrainingSection(batch_size=batch, global_batch_size=None if resumed else size)
    stored = size if resumed else None
    if size % (batch * world) == 0:
        made = make_plan(training, single_packs(3), world_size=world, global_batch_size=stored)
        assert made.global_batch_size == size
        return
    with pytest.raises(ResumeError if resumed else ConfigError) as caught:
        make_plan(training, single_packs(3), world_size=world, global_batch_size=stored)
    assert str(size) in caught.value.message
    hint = str(caught.value.hint)
    processes, _, batches = hint.partition("batch_size")
    named = {int(number) for number in re.findall(r"\d+", processes)}
    assert named == {n for n in range(1, size + 1) if size % (batch * n) == 0}
    assert {int(n) for n in re.findall(r"\d+", batches)} == {
        b for b in range(1, size + 1) if size % (b * world) == 0
    }
