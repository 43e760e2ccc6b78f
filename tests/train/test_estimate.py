"""The estimate of memory, held against what real trainings take."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from brahma.core.config import resolve_config
from brahma.core.spec import ModelSpec
from brahma.train import Trainer
from brahma.train.estimate import Job, Precision, estimate, job_of, shape_from, shape_of
from brahma.train.layers import Adapters

MICRO = shape_of(ModelSpec.preset("micro"))

# A child's peak is its own; it is measured from outside the estimate, as the system counts it.
CHILD = """
import json, re, sys
from pathlib import Path
from brahma.core.spec import ModelSpec
from brahma.train import Trainer

folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
words = [f"w{(7919 * i) % 3001}" for i in range(60_000)]
(folder / "text.txt").write_text(" ".join(words))
model = ModelSpec.preset(options.pop("preset"))
Trainer(
    model, folder / "text.txt", tokenizer={"train": {"vocab_size": 2048}}, output_dir=folder,
    threads=1, workers=1, max_steps=3, save_steps=2, trackers=[], **options,
).fit()
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())  # (rusage: the parent's)
print(int(peak[1]) * 1024)
"""


def job(**changes: Any) -> Job:
    usual = Job(MICRO, batch_size=8, seq_length=512, precision="float32")
    return replace(usual, **changes)


def total(**changes: Any) -> float:
    return estimate(job(**changes)).total


def test_the_parts_that_a_parameter_takes() -> None:
    count = MICRO.parameters
    plain, low = estimate(job()), estimate(job(precision="bf16"))
    assert plain.fixed == count * (4 + 4 + 8)
    assert low.fixed == count * (2 + 6 + 12)
    assert plain.copies == count * 12
    assert estimate(job(device="cuda")).copies == 0
    assert estimate(job(state_bytes=4.0)).optimizer == count * 4


def test_each_remedy_lowers_the_total() -> None:
    usual = total()
    for change in (
        {"batch_size": 4},
        {"seq_length": 256},
        {"checkpointing": True},
        {"precision": "bf16"},
        {"async_save": False},
        {"adapters": Adapters()},
        {"adapters": Adapters(bits=4)},
    ):
        assert total(**change) < usual, change
    lora = total(adapters=Adapters(), precision="bf16")
    assert total(adapters=Adapters(bits=4), precision="bf16") < lora
    assert total(adapters=Adapters(bits=4), precision="bf16") < total(
        adapters=Adapters(bits=8), precision="bf16"
    )


def test_a_configuration_is_read_as_it_stands() -> None:
    config = resolve_config(
        {
            "model_config": {"preset": "nano"},
            "tokenizer": {"train": {"vocab_size": 1000}},
            "data_config": {"train": "rows.jsonl", "seq_length": 128},
            "training_config": {"optimizer": "muon", "batch_size": 4, "gradient_accumulation_steps": 2},
        }
    ).config
    found = job_of(config, shape_of(ModelSpec.preset("nano"), config), precision="bf16", device="cpu")
    assert found.shape.vocab_size == 1000
    assert found.shape.parameters == ModelSpec.preset("nano", vocab_size=1000).num_parameters
    assert (found.tokens, found.accumulates, found.state_bytes) == (512, True, 4.0)


def test_configurations_that_call_their_sizes_otherwise_or_lack_some_are_read() -> None:
    from transformers import GPT2Config, MambaConfig

    gpt2 = shape_from(GPT2Config(n_embd=64, n_head=4, n_layer=2), 10**6)
    assert (gpt2.hidden_size, gpt2.num_hidden_layers, gpt2.queries, gpt2.intermediate_size) == (
        64,
        2,
        64,
        256,
    )
    assert shape_from(MambaConfig(hidden_size=64), 10**6).queries == 64


TUNING = """
import json, re, sys
from pathlib import Path
from brahma.train import Trainer

folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
Trainer(
    folder / "base", folder / "text.txt", output_dir=folder, threads=1, workers=1, max_steps=3, save_steps=2,
    trackers=[], **options,
).fit()
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(int(peak[1]) * 1024)
"""


def make_base(folder: Path) -> None:
    """A model of 60M parameters on the disk, with a tokenizer of its own, and a text."""
    from brahma.core.models.loading import build_model
    from brahma.data.tokenizer import train_tokenizer

    words = [f"w{(7919 * i) % 3001}" for i in range(60_000)]
    (folder / "text.txt").write_text(" ".join(words))
    spec = ModelSpec.preset("micro", num_hidden_layers=16, intermediate_size=1536).with_tokenizer(
        2048, 0, 1, 2
    )
    build_model(spec, seed=0, dtype=torch.bfloat16).save_pretrained(folder / "base")
    train_tokenizer([" ".join(words)], 2048).save_pretrained(folder / "base")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"lora_config": {"r": 16}, "bf16": True}, 0.15),
        ({"lora_config": {"r": 16}, "bf16": True, "gradient_checkpointing": True}, 0.20),
        # In float32 the real peak is a quarter higher than the estimate; why is not known.
        ({"lora_config": {"r": 16}, "bf16": False, "fp16": False}, 0.30),
        ({"lora_config": {"r": 64, "dropout": 0.1}, "bf16": True}, 0.15),
        ({"train_only": "last_layers=2", "bf16": True}, 0.25),
    ],
)
def test_the_estimate_is_near_the_peak_of_a_tuning(
    tmp_path: Path, options: dict[str, Any], bound: float
) -> None:
    make_base(tmp_path)
    options |= {"batch_size": 4, "seq_length": 512}
    done = subprocess.run(
        [sys.executable, "-c", TUNING, str(tmp_path), json.dumps(options)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.splitlines()[-1])
    trainer = Trainer(tmp_path / "base", tmp_path / "text.txt", output_dir=tmp_path, **options)
    shape = shape_of(ModelSpec.from_pretrained(tmp_path / "base"), trainer.config)
    precision: Precision = "bf16" if options["bf16"] else "float32"
    found = estimate(job_of(trainer.config, shape, precision=precision, device="cpu"))
    assert found.total == pytest.approx(peak, rel=bound), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"preset": "micro", "batch_size": 4, "seq_length": 512, "bf16": True}, 0.15),
        ({"preset": "micro", "batch_size": 4, "seq_length": 512, "bf16": False, "fp16": False}, 0.15),
        ({"preset": "micro", "batch_size": 8, "seq_length": 512, "bf16": True, "gradient_checkpointing": True}, 0.15),  # noqa: E501
        ({"preset": "nano", "batch_size": 4, "seq_length": 256, "bf16": True}, 0.30),
    ],
)  # fmt: skip
def test_the_estimate_is_near_the_peak_of_a_real_training(
    tmp_path: Path, options: dict[str, Any], bound: float
) -> None:
    """Of the smallest models most is the process itself, which differs from machine to machine."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), json.dumps(options)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.splitlines()[-1])
    shape = shape_of(ModelSpec.preset(options["preset"], vocab_size=2048))
    found = estimate(
        Job(
            shape,
            batch_size=options["batch_size"],
            seq_length=options["seq_length"],
            precision="bf16" if options["bf16"] else "float32",
            checkpointing=options.get("gradient_checkpointing", False),
            state_bytes=8.0,
        )
    )
    assert found.total == pytest.approx(peak, rel=bound)
