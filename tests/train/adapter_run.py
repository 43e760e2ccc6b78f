"""Runs with adapters on a small base model, half a second each."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from brahma.core.runs import Run
from brahma.core.spec import ModelSpec
from brahma.train import Trainer
from tests.train.small_run import OPTIONS, VOLATILE, train, write_rows

FLOAT32: dict[str, Any] = {"bf16": False, "fp16": False}
LORA: dict[str, Any] = {"r": 4, "alpha": 8, "dropout": 0.05}
NF4: dict[str, Any] = {"bits": 4, "group_size": 32, "quantizer": "bitsandbytes"}
EVALUATED: dict[str, Any] = {"validation": 0.2, "evaluation_strategy": "steps", "eval_steps": 4}


def base_run(folder: Path, *, tied: bool = True, **changes: Any) -> Path:
    """The checkpoint of a small model that was trained for some steps."""
    model = {
        "max_position_embeddings": 64,
        "tie_word_embeddings": tied,
        "intermediate_size": 64,
        "initializer_range": 0.15,
    }
    return train(folder, model=model, **{**FLOAT32, "max_steps": 12, "save_steps": 12, **changes}).last


STILL: dict[str, Any] = {"lr": 1e-12, "max_steps": 1, "warmup_steps": 0}
"""A run that moves nothing."""


def trainer(base: Path, output_dir: Path, *, lora: Any = LORA, rows: int = 60, **changes: Any) -> Trainer:
    data = write_rows(output_dir / "rows.jsonl", rows, seed=3)
    options = {key: value for key, value in OPTIONS.items() if key != "tokenizer"}
    given = {**options, **FLOAT32, **changes}
    if lora is not None:
        given["lora_config"] = lora
    return Trainer(ModelSpec.from_pretrained(base), data, output_dir=output_dir, **given)


def adapter_run(base: Path, output_dir: Path, *, resume: str = "never", **changes: Any) -> Run:
    return trainer(base, output_dir, **changes).fit(resume=resume)


def last_evaluation(run: Run) -> float:
    return [float(row["eval/loss"]) for row in run.metrics() if row.get("eval/loss") is not None][-1]


def first_loss(run: Run) -> float:
    return next(float(row["train/loss"]) for row in run.metrics() if row.get("train/loss") is not None)


def compared(run: Run) -> dict[str, Any]:
    """What an interruption may not change."""
    files = (
        "adapter_model.safetensors",
        "optimizer.safetensors",
        "adapter_config.json",
        "trainer_state.json",
    )
    found: dict[str, Any] = {
        name: hashlib.sha256((run.last / name).read_bytes()).hexdigest() for name in files
    }
    found["metrics"] = [
        {key: value for key, value in row.items() if not key.startswith(VOLATILE)} for row in run.metrics()
    ]
    return found
