"""Documents in one pack train an adapter as each alone does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from brahma.core.models import packed_loss
from tests.core.models.adapters.adapted import NF4, adapted, base_model
from tests.core.models.tiny import documents, gradients, relative_difference

LENGTHS = (5, 1, 9, 3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("base") / "model")


@pytest.mark.parametrize("quantization", [None, NF4], ids=["lora", "qlora"])
@pytest.mark.parametrize(
    "options",
    [{}, {"dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}, {"new_rows": 2}],
    ids=str,
)
def test_packed_is_unpacked(options: dict[str, Any], quantization: Any, base: Path) -> None:
    adapter, _ = adapted(base, quantization=quantization, **options)
    model = adapter.model
    packed = documents(LENGTHS)
    total, _ = packed_loss(model, packed)
    found = gradients(model, total)
    losses = []
    starts = packed.cu_seqlens.tolist()
    for start, length in zip(starts, LENGTHS, strict=False):
        one = packed._replace(
            input_ids=packed.input_ids[:, start : start + length],
            labels=packed.labels[start : start + length],
            position_ids=torch.arange(length)[None],
            cu_seqlens=torch.tensor([0, length], dtype=torch.int32),
            max_length=length,
        )
        losses.append(packed_loss(model, one)[0])
    alone = torch.stack(losses).sum()
    assert total.item() == pytest.approx(alone.item(), rel=1e-5)
    expected = gradients(model, alone)
    assert set(expected) == set(adapter.names.values())
    assert relative_difference(found, expected) < 1e-5
