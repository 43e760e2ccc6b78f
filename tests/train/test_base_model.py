"""Training that starts from a base model."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from brahma.core.errors import (
    ModelError,
)
from brahma.core.spec import ModelSpec
from brahma.train import Trainer
from tests.train.small_run import (
    OPTIONS,
    digest,
    fingerprint,
    signal_at_step,
    train,
    write_rows,
)

pytestmark = pytest.mark.usefixtures("quick_start")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, as a base model to tune."""
    return train(tmp_path_factory.mktemp("base"), model={"max_position_embeddings": 64}).last


def tuned(base: Path, output_dir: Path, **changes: Any) -> Trainer:
    data = write_rows(output_dir / "rows.jsonl", seed=3)
    options = {key: value for key, value in OPTIONS.items() if key != "tokenizer"}
    return Trainer(ModelSpec.from_pretrained(base), data, output_dir=output_dir, **{**options, **changes})


def test_a_base_model_is_tuned_from_its_own_weights(base: Path, tmp_path: Path) -> None:
    run = tuned(base, tmp_path, lr=1e-12, warmup_steps=0, max_steps=1).fit()
    before, after = (load_file(folder / "model.safetensors") for folder in (base, run.last))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert digest(base / "tokenizer.json") == digest(run.last / "tokenizer.json")


def test_tuning_goes_on_exactly_too(base: Path, tmp_path: Path) -> None:
    whole = fingerprint(tuned(base, tmp_path / "whole").fit())
    with pytest.MonkeyPatch.context() as patch:
        signal_at_step(patch, 3, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            tuned(base, tmp_path / "stopped").fit()
    assert fingerprint(tuned(base, tmp_path / "stopped").fit(resume="auto")) == whole


@pytest.mark.usefixtures("no_hub")
def test_a_base_model_that_is_nowhere_is_named_within_seconds(tmp_path: Path) -> None:
    trainer = Trainer("owner/nowhere", write_rows(tmp_path / "rows.jsonl"), output_dir=tmp_path, max_steps=1)
    begun = time.monotonic()
    with pytest.raises(ModelError, match="owner/nowhere: there is no such model"):
        trainer.fit()
    assert time.monotonic() - begun < 6


def test_a_sequence_longer_than_the_models_positions_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="more than the model's 64 positions"):
        tuned(base, tmp_path, seq_length=65).fit()


def test_a_window_shorter_than_the_sequence_is_kept(base: Path, tmp_path: Path) -> None:
    windowed = Path(shutil.copytree(base, tmp_path / "windowed"))
    (windowed / "manifest.json").unlink()
    config = json.loads((windowed / "config.json").read_text())
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 8}
    (windowed / "config.json").write_text(json.dumps(config))
    run = tuned(windowed, tmp_path, seq_length=64).fit()
    assert run.status == "finished"
    assert json.loads((run.last / "config.json").read_text())["sliding_window"] == 8
