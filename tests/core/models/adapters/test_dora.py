"""DoRA on a quantized base is DoRA on the values that it computes with, or it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from brahma.core.errors import ModelError
from brahma.core.models import packed_loss
from brahma.core.models.quantization import dequantize_model
from tests.core.models.adapters.adapted import HQQ, INT8, NF4, adapted, base_model
from tests.core.models.tiny import documents, gradients, relative_difference


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("base") / "model")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
@pytest.mark.parametrize(
    "quantization", [NF4, {**NF4, "double_quantization": True}, INT8], ids=["nf4", "double", "int8"]
)
def test_it_is_dora_on_the_dequantized_base(
    quantization: dict[str, Any], dtype: torch.dtype, base: Path
) -> None:
    adapter, _ = adapted(base, quantization=quantization, dtype=dtype, dora=True)
    packs = documents((5, 9))
    loss, _ = packed_loss(adapter.model, packs)
    found = gradients(adapter.model, loss)
    dequantize_model(adapter.model)
    plain, _ = packed_loss(adapter.model, packs)
    tolerance = 1e-5 if dtype == torch.float32 else 0.02
    assert loss.item() == pytest.approx(plain.item(), rel=tolerance)
    assert relative_difference(found, gradients(adapter.model, plain)) < tolerance
    assert any("magnitude" in name for name in found)


def test_a_quantizer_whose_weights_peft_cannot_read_is_refused(base: Path) -> None:
    with pytest.raises(ModelError, match="DoRA cannot be trained") as caught:
        adapted(base, quantization=HQQ, dora=True)
    assert "self_attn.q_proj" in str(caught.value.why)
    assert "bitsandbytes" in str(caught.value.hint)


def test_values_that_peft_reads_wrongly_are_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brahma_hqq.linear import HqqLinear

    monkeypatch.setattr(HqqLinear, "weight", property(lambda self: self.codes), raising=False)
    with pytest.raises(ModelError, match="DoRA cannot be trained") as caught:
        adapted(base, quantization=HQQ, dora=True)
    assert "other values" in str(caught.value.why)
