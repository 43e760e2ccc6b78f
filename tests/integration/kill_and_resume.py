"""Kill a run with SIGKILL at random instants, resume it, and compare it bit for bit with one never killed.

Run by `test_resume.py` with a few kills, and by hand with many:

    python tests/integration/kill_and_resume.py --kills 20
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = 24
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
_VOLATILE = ("time", "rate/", "memory/", "system/", "attempt")


def write_inputs(folder: Path) -> Path:
    """Rows of uneven length, packed; a configuration with dropout, evaluation and frequent checkpoints."""
    random.seed(0)
    words = [f"word{n}" for n in range(200)]
    rows = [
        {"prompt": " ".join(random.choices(words, k=random.randint(1, 12))) + "?",
         "completion": " ".join(random.choices(words, k=random.randint(1, 30)))}
        for _ in range(240)
    ]  # fmt: skip
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "run_name": "run",
                "model_config": {
                    "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4,
                    "intermediate_size": 128, "attention_dropout": 0.1, "tie_word_embeddings": True,
                },
                "tokenizer": {"train": {"vocab_size": 512}},
                "data_config": {
                    "train": "rows.jsonl", "validation": 0.1, "seq_length": 96, "on_long_row": "drop",
                },
                "training_config": {
                    "lr": 3e-3, "warmup_steps": 2, "batch_size": 2, "gradient_accumulation_steps": 2,
                    "max_steps": STEPS, "bf16": True, "threads": 1, "logging_steps": 3, "save_steps": 2,
                    "evaluation_strategy": "steps", "eval_steps": 5, "trackers": [],
                },
            }
        )
    )  # fmt: skip
    return config


def write_stopping_inputs(folder: Path) -> Path:
    """The same with patience, and the best by bits per byte: over at step 20 of more."""
    config = write_inputs(folder)
    values = json.loads(config.read_text())
    values["training_config"] |= {"max_steps": 2 * STEPS}
    values["evaluation"] = {"metric": "bits_per_byte", "patience": 3, "min_delta": 9.0}
    config.write_text(json.dumps(values))
    return config


def write_adapter_inputs(folder: Path, base: Path, **sections: object) -> Path:
    """The same rows and steps for an adapter on a base model."""
    config = write_inputs(folder)
    values = json.loads(config.read_text())
    del values["tokenizer"]
    values["training_config"]["lr"] = 1e-2
    config.write_text(json.dumps(values | {"model_config": {"base_model": str(base)}} | sections))
    return config


def command(config: Path, output_dir: Path) -> list[str]:
    return [
        sys.executable, "-m", "brahma.train", "--config", str(config),
        "--set", f"output_dir={json.dumps(str(output_dir))}", "--resume", "auto",
    ]  # fmt: skip


def train(config: Path, output_dir: Path) -> None:
    done = subprocess.run(command(config, output_dir), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"training failed with {done.returncode}:\n{done.stderr[-3000:]}")


def train_and_kill(config: Path, output_dir: Path, after: float) -> bool:
    """Whether the kill came before the end. `after` counts from the first row of metrics or checkpoint."""
    process = subprocess.Popen(
        command(config, output_dir), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    began = list((output_dir / "runs").glob("run/metrics.jsonl"))
    size = began[0].stat().st_size if began else 0
    while process.poll() is None:
        found = output_dir / "runs" / "run" / "metrics.jsonl"
        if found.exists() and found.stat().st_size != size:
            break
        time.sleep(0.002)
    time.sleep(after)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


def fingerprint(output_dir: Path) -> dict[str, object]:
    """What must be equal: weights, masters and moments by hash, state, and the rows of metrics."""
    run = output_dir / "runs" / "run"
    last = max((run / "checkpoints").glob("checkpoint-*"), key=lambda folder: int(folder.name[11:]))
    state = json.loads((run / "state.json").read_text())
    weights = next(path for path in map(last.joinpath, _WEIGHTS) if path.exists())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {
        "model": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "optimizer": hashlib.sha256((last / "optimizer.safetensors").read_bytes()).hexdigest(),
        "state": json.loads((last / "trainer_state.json").read_text()),
        "end": {key: state[key] for key in ("status", "step", "message", "best", "best_value")},
        "metrics": [
            {key: value for key, value in row.items() if not key.startswith(_VOLATILE)} for row in rows
        ],
    }


def compare(folder: Path, *, kills: int, seed: int, config: Path | None = None) -> dict[str, int]:
    """Kill `kills` times over as many runs as that takes; raise at the first bit that differs.

    Returns:
        How many runs were needed, how many kills came in the middle of a save, and how many after the end.
    """
    config = config or write_inputs(folder)
    train(config, folder / "whole")
    expected = fingerprint(folder / "whole")
    rows = expected["metrics"]
    assert isinstance(rows, list)
    if len(rows) < 5:
        raise AssertionError("the uninterrupted run logged too little for a comparison")
    chance = random.Random(seed)
    counts = {"kills": 0, "runs": 0, "mid_save": 0}
    while counts["kills"] < kills:
        output_dir = folder / f"killed-{counts['runs']}"
        counts["runs"] += 1
        for _ in range(min(3, kills - counts["kills"])):
            if not train_and_kill(config, output_dir, chance.uniform(0, 0.7)):
                break
            counts["kills"] += 1
            counts["mid_save"] += any((output_dir / "runs" / "run" / "checkpoints").glob(".tmp-*"))
        train(config, output_dir)
        found = fingerprint(output_dir)
        for part, value in expected.items():
            if found[part] != value:
                raise AssertionError(f"{output_dir}: {part} differs: {found[part]!r} instead of {value!r}")
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31)
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as name:
        print(f"seed {arguments.seed}")
        print(compare(Path(name), kills=arguments.kills, seed=arguments.seed))
