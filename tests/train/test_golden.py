"""The loss of a seeded run, held step by step: a change of the mathematics does not pass unseen.

Bit for bit where the file was written; elsewhere the last bits of float32 sums may differ. After a change
that is meant, write the file anew and say why in the commit:

    python -m tests.train.test_golden
"""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).with_name("golden_loss.json")


def losses(folder: Path) -> list[float]:
    from tests.train.small_run import train

    run = train(
        folder, bf16=False, fp16=False, max_steps=20, logging_steps=1, lr=1e-3, warmup_steps=4, seed=7,
        schedule="cosine", gradient_accumulation_steps=2, model={"attention_dropout": 0.0},
    )  # fmt: skip
    return [row["train/loss"] for row in run.metrics()]


def build() -> dict[str, Any]:
    """What the last bits depend on."""
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else [platform.processor()]
    model = next((line for line in lines if line.startswith("model name")), lines[0])
    return {
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "processor": hashlib.sha256(model.encode()).hexdigest()[:16],
    }


def test_the_loss_is_the_one_that_was_written_down(tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text())
    found = losses(tmp_path)
    if golden["build"] == build():
        assert found == golden["losses"]
    else:
        assert found == pytest.approx(golden["losses"], rel=1e-6)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        GOLDEN.write_text(json.dumps({"build": build(), "losses": losses(Path(name))}, indent=1) + "\n")
