"""The kit of quantizers: ours pass, and each way of doing wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from brahma.core.entries import QuantizedFormat, QuantizerEntry
from brahma.core.kit import assert_passes
from tests.train.kit.outcomes import failures, ours

GROUPS = "honours the group size"


def mutant(name: str) -> QuantizerEntry:
    return QuantizerEntry(
        name=name,
        target=f"tests.train.kit.mutant_quantizers:{name}",
        formats=(
            QuantizedFormat(type="int4", bits=4, group_sizes=(32, 64)),
            QuantizedFormat(type="int8", bits=8, group_sizes=(64,), devices=("cpu",)),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ours("quantizer"))
def test_each_quantizer_of_ours_passes(name: str) -> None:
    assert_passes("quantizer", name)


@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("Right", set()),
        ("Coarse", {"loses little"}),
        ("SmallGroups", {GROUPS}),
        ("LargeGroups", {GROUPS}),
        ("EvaluatesOtherwise", {"computes with the weight that it dequantizes to"}),
        ("HalfGradient", {"passes gradients to its input"}),
        ("Trained", {"is frozen"}),
        ("Repacks", {"evaluates without leaving a trace"}),
        ("AddsBias", {"keeps the bias"}),
        ("RoundsFiles", {"is the same after a file"}),
        ("KeepsAll", {"takes less memory"}),
        ("Tires", {"carries adapters that learn"}),
    ],
)
def test_what_a_quantizer_does_wrong_is_named(name: str, failing: set[str], tmp_path: Path) -> None:
    assert failures(mutant(name), tmp_path).keys() == failing


def test_whole_rows_are_groups_where_a_format_has_no_others(tmp_path: Path) -> None:
    formats = (QuantizedFormat(type="int8", bits=8),)
    for name, failing in (("Right", set()), ("SmallGroups", {GROUPS})):
        entry = QuantizerEntry(name=name, target=mutant(name).target, formats=formats)
        folder = tmp_path / name
        folder.mkdir()
        assert failures(entry, folder).keys() == failing


def test_a_format_of_a_device_that_is_not_here_is_skipped(tmp_path: Path) -> None:
    formats = (QuantizedFormat(type="int8", bits=8, devices=("npu",)),)
    entry = QuantizerEntry(name="elsewhere", target=mutant("Right").target, formats=formats)
    assert failures(entry, tmp_path) == {}
