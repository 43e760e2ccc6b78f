"""Whoever imports bitsandbytes first, peft or the plugin: nothing is fetched, and nothing is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.adapter_run import STILL, adapter_run, base_run

_AFTER = "import sys; print('bitsandbytes' in sys.modules)"
_TRAINER = """
import sys
from brahma import Trainer
Trainer(sys.argv[2], sys.argv[3], lora_config={"r": 2}, max_steps=1, seq_length=64, on_long_row="drop",
        output_dir=sys.argv[4], trackers=[]).fit()
"""
_EVALUATOR = """
import sys
from brahma import Evaluator
Evaluator(sys.argv[1], device="cpu", seq_length=64).evaluate_custom(sys.argv[3])
"""
_COMMAND = """
import sys
from brahma.core.console import run_command
from brahma.train.command import train
code = run_command(train, program="brahma train", args=["--config", sys.argv[5]])
assert code == 0, code
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An adapter, its base, rows, a folder for runs, and a configuration."""
    root = tmp_path_factory.mktemp("silence")
    base = base_run(root / "base")
    adapter = adapter_run(base, root / "adapted", **STILL).last
    rows = root / "adapted" / "rows.jsonl"
    config = {
        "output_dir": str(root / "command"),
        "model_config": {"base_model": str(base)},
        "lora_config": {"r": 2},
        "data_config": {"train": str(rows), "seq_length": 64, "on_long_row": "drop"},
        "training_config": {"max_steps": 1, "trackers": []},
    }
    (root / "config.json").write_text(json.dumps(config))
    return [str(each) for each in (adapter, base, rows, root / "sdk", root / "config.json")]


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False], ids=["with kernels", "without kernels"])
@pytest.mark.parametrize("program", [_TRAINER, _EVALUATOR, _COMMAND], ids=["trainer", "evaluator", "command"])
def test_adapters_are_used_in_silence(
    program: str, installed: bool, folders: list[str], tmp_path: Path
) -> None:
    if installed:
        (tmp_path / "kernels.py").write_text("def get_kernel(*a, **k): raise SystemExit('it fetches')\n")
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{_AFTER}", *folders],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("True\n")
    for noise in ("kernels", "gemm_4bit", "it fetches"):
        assert noise not in done.stderr
