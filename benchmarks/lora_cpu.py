"""Tokens per second and memory of LoRA and QLoRA: Brahma beside TRL's SFTTrainer with peft, on a processor.

    python benchmarks/lora_cpu.py --data gsm8k.jsonl --write     # about 25 minutes on two idle cores
    python benchmarks/lora_cpu.py --data gsm8k.jsonl --quick     # a tiny model, to see that everything works

Both put adapters of rank 16 on all linear layers of one base model, train on the same completion rows, of
unequal length, for two epochs, in bf16, in turns, each time in a process of its own. The peer takes its rows
as they come, padded to the longest of a batch, which is its default; ours are packed. The loss must fall.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import parse as parse_arguments
from benchmarks.arguments import parser
from benchmarks.children import command_line, run_child
from benchmarks.report import facts, table, write_section

SECTION = "lora_cpu"
PREPARE = "prepare"
OURS, PEER = "brahma", "trl"
VARIANTS = tuple(f"{side}-{kind}" for kind in ("lora", "qlora") for side in (PEER, OURS))
MODEL: dict[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "intermediate_size": 2048,
    "vocab_size": 32_000,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
QUICK_MODEL = MODEL | {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
ROWS, QUICK_ROWS = 112, 48
BATCH = 8  # rows of a step of the peer
SEQ_LENGTH = 1024  # of our packs: about as many tokens as eight rows
RANK, ALPHA, LR, GROUP, EPOCHS = 16, 32, 2e-3, 64, 2
WARM_UP = 2  # steps that are not timed
BASE, TEXTS, TRAIN = "base", "texts.jsonl", "rows.jsonl"


@dataclass(frozen=True)
class Measurement:
    """One run of one variant.

    Attributes:
        tokens: real ones of the timed steps, padding not counted.
        seconds: of those steps.
        losses: of each step.
        moving_bytes: the highest resident memory during the steps, less that just before the first: what is
            beyond weights, adapters and libraries. The optimizer's state is in it on both sides.
        steps: of the run.
    """

    variant: str
    tokens: int
    seconds: float
    losses: list[float]
    moving_bytes: int
    steps: int

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds


def prepare(folder: Path, data: Path, *, quick: bool) -> None:
    """The rows, and a base model that has seen text of their kind for a while."""
    from brahma import Trainer

    lines = [_completion(json.loads(line)) for line in data.read_text().splitlines()]
    count = QUICK_ROWS if quick else ROWS
    (folder / TRAIN).write_text("".join(json.dumps(row) + "\n" for row in lines[:count]))
    texts = [{"text": row["prompt"] + row["completion"]} for row in lines[count : 2000 + count]]
    (folder / TEXTS).write_text("".join(json.dumps(row) + "\n" for row in texts))
    Trainer(
        QUICK_MODEL if quick else MODEL,
        str(folder / TEXTS),
        tokenizer={"train": {"vocab_size": 2048 if quick else 8192}},
        run_name=BASE,
        output_dir=folder,
        seq_length=512,
        batch_size=4,
        max_steps=40,
        warmup_steps=4,
        lr=3e-3 if quick else 6e-4,
        bf16=True,
    ).fit()


def base_of(folder: Path) -> Path:
    """The folder of the base model that `prepare` made."""
    from brahma.core.runs import Run

    last = Run.open(folder / "runs" / BASE).last
    assert last is not None
    return last


def _completion(row: dict[str, str]) -> dict[str, str]:
    """A row of GSM8K, or one that is a completion already."""
    if "question" in row:
        return {"prompt": row["question"] + "\n", "completion": row["answer"]}
    return {"prompt": row["prompt"], "completion": row["completion"]}


def train_brahma(folder: Path, *, quantized: bool) -> Measurement:
    """Brahma through its public Trainer, read from the run's own metrics."""
    from brahma import Dataset, Trainer
    from brahma.core.config import QuantizationSection
    from brahma.train.loop import Stepper

    memory = _Memory()
    step = Stepper.step

    def watched(self: Stepper, number: int) -> Any:
        memory.begin()
        return step(self, number)

    setattr(Stepper, "step", watched)  # noqa: B010
    quantization = QuantizationSection(bits=4, group_size=GROUP, type="nf4") if quantized else None
    run = Trainer(
        str(base_of(folder)),
        Dataset.from_file(folder / TRAIN),
        output_dir=folder / f"brahma-{time.time_ns()}",
        lora_config={"r": RANK, "alpha": ALPHA},
        seq_length=SEQ_LENGTH,
        batch_size=1,
        epochs=EPOCHS,
        lr=LR,
        weight_decay=0.0,
        logging_steps=1,
        bf16=True,
        quantization=quantization,
    ).fit()
    moving = memory.end()
    rows = run.metrics()
    ledger = json.loads((run.directory / "ledger.json").read_text())
    real = ledger["train"]["inputs"] / ledger["total"]["train"]["trained"]  # for each supervised token
    timed = rows[WARM_UP - 1 :]
    supervised = timed[-1]["train/tokens"] - timed[0]["train/tokens"]
    return Measurement(
        variant="",
        tokens=round(supervised * real),
        seconds=timed[-1]["time"] - timed[0]["time"],
        losses=[row["train/loss"] for row in rows],
        moving_bytes=moving,
        steps=len(rows),
    )


def train_trl(folder: Path, *, quantized: bool) -> Measurement:
    """TRL's SFTTrainer with peft, the base in bf16, its own collator, loop and losses."""
    import datasets
    import torch
    import transformers
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    trl: Any = import_module("trl")  # it does not say what it exports
    memory = _Memory()
    ends: list[tuple[float, float]] = []

    class Watch(transformers.TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            memory.begin()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            ends.append((time.perf_counter(), sum(counted)))

    counted: list[int] = []
    settings = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    more = {"quantization_config": settings} if quantized else {}
    model = AutoModelForCausalLM.from_pretrained(base_of(folder), dtype=torch.bfloat16, **more)
    tokenizer = AutoTokenizer.from_pretrained(base_of(folder))
    trainer = trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(
            output_dir=str(folder / "trl"),
            use_cpu=True,
            bf16=True,
            per_device_train_batch_size=BATCH,
            num_train_epochs=EPOCHS,
            learning_rate=LR,
            weight_decay=0.0,
            gradient_checkpointing=False,
            max_length=SEQ_LENGTH,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=datasets.load_dataset(
            "json", data_files=str(folder / TRAIN), split="train", cache_dir=str(folder / "cache")
        ),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[Watch()],
    )
    loss = trainer.compute_loss

    def counting(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        counted.append(int(inputs["attention_mask"].sum()))
        return loss(model, inputs, *args, **kwargs)

    setattr(trainer, "compute_loss", counting)  # noqa: B010
    trainer.train()
    (began, before), (ended, after) = ends[WARM_UP - 1], ends[-1]
    return Measurement(
        variant="",
        tokens=int(after - before),
        seconds=ended - began,
        losses=[row["loss"] for row in trainer.state.log_history if "loss" in row],
        moving_bytes=memory.end(),
        steps=len(ends),
    )


class _Memory:
    """The highest resident memory after the first `begin`, over what there was then; freed memory apart."""

    def __init__(self) -> None:
        self._before: int | None = None

    def begin(self) -> None:
        if self._before is None:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins here
            self._before = _status("VmRSS")

    def end(self) -> int:
        assert self._before is not None
        return _status("VmHWM") - self._before


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def measure(variant: str, folder: Path) -> Measurement:
    """Train `variant` once.

    Raises:
        AssertionError: the loss did not fall from one epoch to the next.
    """
    import torch

    from brahma.core.environment import cores

    torch.set_num_threads(cores())
    side, _, kind = variant.partition("-")
    train = {OURS: train_brahma, PEER: train_trl}[side]
    found = train(folder, quantized=kind == "qlora")
    half = len(found.losses) // EPOCHS
    first, last = sum(found.losses[:half]) / half, sum(found.losses[-half:]) / half
    assert last < first, f"the second epoch is no better than the first: {found.losses}"
    return Measurement(**asdict(found) | {"variant": variant})


def run_all(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Measurement]]:
    """All variants in turns, `repeats` times."""
    quick = ["--quick"] if arguments.quick else []
    run_child(__file__, ["--child", PREPARE, "--data", str(arguments.data), *quick], folder)
    runs: dict[str, list[Measurement]] = {variant: [] for variant in VARIANTS}
    for repeat in range(arguments.repeats):
        for variant in VARIANTS:
            found = Measurement(**run_child(__file__, ["--child", variant], folder))
            runs[variant].append(found)
            print(
                f"repeat {repeat + 1}: {variant:14} {found.speed:8,.0f} tokens/s  "
                f"{found.moving_bytes / 2**20:6,.0f} MiB  "
                f"loss {found.losses[0]:.3f} -> {found.losses[-1]:.3f}",
                flush=True,
            )
    return runs


def report(runs: dict[str, list[Measurement]], begun: str) -> str:
    """The section of RESULTS.md."""
    rows, ratios = [], []
    for kind in ("lora", "qlora"):
        ours, peer = runs[f"{OURS}-{kind}"], runs[f"{PEER}-{kind}"]
        for name, found in ((f"{PEER}-{kind}", peer), (f"{OURS}-{kind}", ours)):
            speeds = [each.speed for each in found]
            rows.append(
                [
                    name,
                    f"{median(speeds):,.0f} ({min(speeds):,.0f}–{max(speeds):,.0f})",
                    f"{median(each.moving_bytes for each in found) / 2**20:,.0f}",
                    str(found[0].steps),
                    f"{found[0].losses[0]:.2f} → {found[0].losses[-1]:.2f}",
                ]
            )
        pairs = list(zip(ours, peer, strict=True))
        faster = median(a.speed / b.speed for a, b in pairs)
        less = median(a.moving_bytes / b.moving_bytes for a, b in pairs)
        ratios.append([f"{kind}: real tokens/s to the peer's", "≥ 2×", f"{faster:.2f}×"])
        ratios.append([f"{kind}: memory beyond weights to the peer's", "≤ 60 %", f"{less:.0%}"])
    count = len(next(iter(runs.values())))
    return f"""## LoRA and QLoRA on a processor, beside TRL

Two epochs over rows of unequal length in bf16: adapters of rank {RANK} on all linear layers of a Llama of
hidden {MODEL["hidden_size"]}, {MODEL["num_hidden_layers"]} layers, vocabulary {MODEL["vocab_size"]:,}; QLoRA
on nf4 weights in groups of {GROUP}. {count} repeats in turns, the first {WARM_UP} steps not timed. The peer:
SFTTrainer, {BATCH} rows a step padded to the longest, no gradient checkpointing; ours: packs of {SEQ_LENGTH}
tokens.

{begun}

{table(["variant", "real tokens/s", "MiB beyond weights", "steps", "loss"], rows)}

{table(["what", "target", "measured"], ratios)}

Real tokens are those of prompts and completions, padding not counted. Memory is the highest resident memory
of the steps less that just before the first: activations, logits, gradients, optimizer and the like."""


def main(argv: Sequence[str] | None = None) -> None:
    made = parser(__doc__ or "", repeats=3)
    made.add_argument("--data", type=Path, required="--child" not in (argv or sys.argv))
    made.add_argument("--child", choices=(PREPARE, *VARIANTS), help=argparse.SUPPRESS)
    made.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parse_arguments(made, argv)
    if arguments.child == PREPARE:
        prepare(arguments.work, arguments.data, quick=arguments.quick)
        arguments.output.write_text("{}")
        return
    if arguments.child:
        arguments.output.write_text(json.dumps(asdict(measure(arguments.child, arguments.work))))
        return
    begun = facts(command_line())
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.work or Path(scratch)
        os.makedirs(folder, exist_ok=True)
        section = report(run_all(arguments, folder), begun)
    print(section)
    if arguments.write:
        write_section(arguments.write, SECTION, section)


if __name__ == "__main__":
    main()
