"""Train a small model on text, from Python.

python examples/sdk_train.py [FOLDER FOR THE OUTPUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

from brahma import Dataset, ModelSpec, Run, Trainer

HERE = Path(__file__).parent


def train(output_dir: Path) -> Run:
    """Train for 30 steps. Without a run_name the runs are numbered: `run-1`, `run-2`, …"""
    text = Dataset.from_file(HERE / "data" / "harbour.txt", text_document="blank_line")
    model = ModelSpec.preset("nano")
    print(f"{model} on {text}")
    return Trainer(
        model,
        text,
        validation=HERE / "data" / "harbour_held_out.txt",
        tokenizer={"train": {"vocab_size": 512}},
        output_dir=output_dir,
        seq_length=128,
        batch_size=4,
        lr=2e-3,
        warmup_steps=4,
        max_steps=30,
        logging_steps=10,
    ).fit()


def main() -> None:
    run = train(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "output")
    for row in run.metrics():
        if "eval/loss" in row:
            print(f"step {row['step']}: held-out loss {row['eval/loss']:.3f}")
    print(f"best checkpoint: {run.best}")


if __name__ == "__main__":
    main()
