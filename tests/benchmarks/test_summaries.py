"""The arithmetic of the benchmarks, on figures that are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.contenders import VARIANTS, Measurement
from benchmarks.overheads import Dense, costs_table
from benchmarks.train_cpu import (
    check_same_start,
    check_same_work,
    flops,
    parse,
    ratio,
    summarise,
    target_table,
)
from benchmarks.workload import MODEL, Workload

WORKLOAD = Workload(
    folder=Path(), text=Path(), tokenizer=Path(), packs=Path(), steps=5, seed=42, document_length=480.0
)


def measurement(variant: str, seconds: float, loss: float = 9.0) -> Measurement:
    return Measurement(
        variant=variant,
        first_step_seconds=3.0,
        step_seconds=[50.0, seconds, seconds, seconds * 10],
        tokens_per_step=2048,
        losses=[loss, 8, 8, 7, 7],
        matrix_rates={"bf16": 700e9, "float32": 170e9},
        peak_bytes=2**30,
    )


def test_a_speed_is_the_median_step_after_the_warm_up() -> None:
    found = summarise("brahma-bf16", [measurement("brahma-bf16", 1.0)], WORKLOAD, warm_up=2)
    assert found.speed == 2048


def test_the_matrix_rate_is_that_of_the_variants_precision() -> None:
    runs = [measurement("", 1.0)]
    assert summarise("brahma-bf16", runs, WORKLOAD, 2).matrix_rates == [700e9]
    assert summarise("transformers-float32", runs, WORKLOAD, 2).matrix_rates == [170e9]


def test_mfu_follows_its_definition_in_both_conventions() -> None:
    found = summarise("transformers-bf16", [measurement("", 1.0)], WORKLOAD, 2)
    total, embedding = WORKLOAD.spec().num_parameters, MODEL["vocab_size"] * MODEL["hidden_size"]
    causal = 6 * total + 6 * 8 * 512 * 512  # tied: the head's product counts, the input's look-up does not
    full = 6 * (total + embedding) + 12 * 8 * 512 * 512
    assert found.mfu(found.flops.causal) == pytest.approx(2048 * causal / 700e9)
    assert found.mfu(found.flops.full) == pytest.approx(2048 * full / 700e9)


def test_attention_within_documents_counts_less() -> None:
    assert flops("brahma-bf16", WORKLOAD).causal < flops("transformers-bf16", WORKLOAD).causal


def test_a_ratio_is_taken_repeat_by_repeat() -> None:
    ours = summarise("brahma-bf16", [measurement("", s) for s in (1.0, 4.0, 2.0)], WORKLOAD, 2)
    peer = summarise("transformers-bf16", [measurement("", s) for s in (2.0, 8.0, 4.0)], WORKLOAD, 2)
    assert ratio(ours, peer) == 2


def test_targets_compare_compiled_with_compiled() -> None:
    seconds = {"transformers-float32": 2.5, "brahma-float32": 2.3, "transformers-bf16": 5.0}
    seconds |= {"brahma-bf16": 1.3, "transformers-bf16-compile": 1.2, "brahma-bf16-compile": 1.0}
    found = [summarise(name, [measurement(name, seconds[name])], WORKLOAD, 2) for name in VARIANTS]
    text = target_table(found)
    assert text is not None
    assert "| brahma-bf16-compile / the peer's default | ≥ 2× | 2.50× |" in text
    assert "| brahma-bf16-compile / the peer's best (transformers-bf16-compile) | ≥ 1.1× | 1.20× |" in text


def test_targets_are_not_claimed_when_a_variant_was_left_out() -> None:
    assert target_table([summarise("brahma-bf16", [measurement("", 1.0)], WORKLOAD, 2)]) is None


def test_variants_that_begin_at_other_losses_are_refused() -> None:
    check_same_start([measurement("a", 1.0, 9.0), measurement("b", 1.0, 9.01)])
    with pytest.raises(AssertionError, match="not the same start"):
        check_same_start([measurement("a", 1.0, 9.0), measurement("b", 1.0, 9.1)])


def test_float32_losses_that_differ_are_refused_where_the_work_is_the_same() -> None:
    runs = {
        "brahma-float32": [measurement("brahma-float32", 1.0, 9.0)],
        "transformers-float32": [measurement("transformers-float32", 1.0, 9.1)],
    }
    check_same_work(runs, WORKLOAD)  # the peer's documents see each other
    with pytest.raises(AssertionError, match="is not"):
        check_same_work(runs, replace(WORKLOAD, document_length=512.0))


def test_the_share_of_the_overheads_shows_its_arithmetic() -> None:
    dense = Dense(seconds=31.9, logging_seconds=0.01, stall_seconds=[0.2, 0.1], checkpoint_bytes=2**20)
    text = costs_table([29.0], [dense], steps=29, saves=2)
    assert "| a step, bare | 1,000 ms |" in text
    # 2.9 s more, of which 29 rows are 0.29 s; two checkpoints are the rest
    assert "1,305 ms" in text
    assert "(10.00 / 10 + 1305 / 1000) / 1000 | **0.230%** |" in text


@pytest.mark.parametrize("arguments", [["--quick", "--write"], ["--steps", "2", "--warm-up", "2"]])
def test_a_measurement_that_means_nothing_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
