"""Adapters end to end, in real processes: killed and resumed, and the guide's own fragment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from brahma.core.models import load_model
from brahma.core.runs import Run
from tests.integration import kill_and_resume as killing

LORA = {"r": 4, "alpha": 8, "dropout": 0.05}
GUIDE: dict[str, Any] = {
    "training_config": {
        "lr": 1e-5, "batch_size": 8, "gradient_accumulation_steps": 4, "epochs": 3, "warmup_steps": 100,
        "weight_decay": 0.01, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
        "max_grad_norm": 1.0, "logging_steps": 10, "save_steps": 1000, "evaluation_strategy": "steps",
        "eval_steps": 500,
        "fp16": True, "bf16": False, "seed": 42,
    },
    "lora_config": {
        "r": 16, "alpha": 32, "dropout": 0.05, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
        "bias": "none", "task_type": "CAUSAL_LM",
    },
    "quantization": {"bits": 4, "group_size": 128},
    "gradient_checkpointing": True,
}  # fmt: skip
"""As the guide writes it, but for deepspeed_config."""


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))


@pytest.fixture(scope="module")
def base(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of the short run that the other tests resume: 64 wide."""
    from brahma.core.config import load_config
    from brahma.train import Trainer

    folder = tmp_path_factory.mktemp("base")
    overrides = [f"output_dir={json.dumps(str(folder))}", "training_config.bf16=false"]
    return Trainer.from_config(load_config(config, overrides)).fit().last


@pytest.mark.slow
@pytest.mark.parametrize(
    "sections",
    [{}, {"quantization": {"bits": 4, "group_size": 64, "quantizer": "bitsandbytes"}}],
    ids=["lora", "qlora"],
)
def test_killed_at_random_instants_an_adapter_run_ends_with_the_same_bits(
    sections: dict[str, Any], base: Path, tmp_path: Path
) -> None:
    config = killing.write_adapter_inputs(tmp_path, base, lora_config=LORA, **sections)
    counts = killing.compare(tmp_path, kills=2, seed=4, config=config)
    assert counts["kills"] == 2
    last = tmp_path / "whole" / "runs" / "run" / "checkpoints" / f"checkpoint-{killing.STEPS}"
    assert (last / "adapter_model.safetensors").exists()
    assert not (last / "model.safetensors").exists()


@pytest.mark.parametrize(
    "quantized",
    [pytest.param(False, id="lora"), pytest.param(True, id="qlora", marks=pytest.mark.slow)],
)
def test_the_guides_fragment_trains_and_plain_peft_loads_it(
    quantized: bool, base: Path, tmp_path: Path
) -> None:
    sections = {key: value for key, value in GUIDE.items() if quantized or key != "quantization"}
    config = killing.write_inputs(tmp_path)
    values = json.loads(config.read_text())
    del values["tokenizer"]
    config.write_text(json.dumps(values | {"model_config": {"base_model": str(base)}} | sections))
    command = [sys.executable, "-m", "brahma.train", "--config", str(config)]
    command += ["--set", f"output_dir={json.dumps(str(tmp_path))}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path / "runs" / "run")
    assert run.status == "finished"
    assert run.state.step >= 6
    record = json.loads((run.last / "brahma_adapter.json").read_text())
    assert record["base_model"] == str(base)
    assert (record["quantization"] is not None) == quantized
    if quantized:
        assert record["quantization"]["bits"] == 4
        return
    plain: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(plain, run.last)
    ours = load_model(run.last, dtype=torch.float32, attention="sdpa")
    ids = torch.tensor([AutoTokenizer.from_pretrained(run.last).encode("word1 word2 word3?")])
    with torch.no_grad():
        assert torch.allclose(adapted(ids).logits, ours(ids).logits, atol=1e-5)
