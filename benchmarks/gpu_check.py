"""What only a GPU can show: the variable-length kernel is right, each precision and adapters train, how fast.

    python benchmarks/gpu_check.py [--preset tiny]

Exits 1 when a check fails, 2 without a GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from brahma import Dataset, ModelSpec, Trainer
from brahma.core.models import packed_attention
from brahma.core.runs import Run

RATES = ("rate/tokens_per_second", "rate/mfu", "memory/device_bytes")
LENGTHS = (1, 7, 300, 64, 129)
ADAPTERS: dict[str, dict[str, Any]] = {
    "lora": {},
    "qlora nf4": {"quantization": {"bits": 4, "group_size": 128}},
    "qlora nf4, double": {"quantization": {"bits": 4, "double_quantization": True}},
    "qlora int8": {"quantization": {"bits": 8}},
    "qlora hqq": {"quantization": {"bits": 4, "quantizer": "hqq"}},
    "lora, paged optimizer": {"optimizer": "paged_adamw_8bit"},
    "lora, muon": {"optimizer": "muon"},
}
"""Trained on the model that the bf16 check leaves behind."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="micro")
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here: nothing was checked", file=sys.stderr)
        return 2
    print(torch.cuda.get_device_name(), torch.__version__)
    right = [check_attention(kv_heads) for kv_heads in (8, 2)]
    with tempfile.TemporaryDirectory() as folder:
        right += [
            check_training(Path(folder), arguments.preset, arguments.steps, precision, compiled=compiled)
            for precision in ("bf16", "fp16", "float32")
            for compiled in (False, True)
        ]
        right += [check_adapters(Path(folder), arguments.steps, name) for name in ADAPTERS]
    return 0 if all(right) else 1


def check_attention(kv_heads: int) -> bool:
    """Forward and gradients of packed documents in bf16 against each document alone in float32."""
    torch.manual_seed(0)
    total, width = sum(LENGTHS), 64
    q = torch.randn(1, 8, total, width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    k, v = (
        torch.randn(1, kv_heads, total, width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        for _ in range(2)
    )
    borders = torch.tensor([0, *torch.tensor(LENGTHS).cumsum(0).tolist()], dtype=torch.int32, device="cuda")
    packed, _ = packed_attention(
        torch.nn.Identity(), q, k, v, None, cu_seqlens=borders, max_length=max(LENGTHS)
    )
    reference = _alone(q, k, v)
    weights = torch.randn_like(reference)
    pairs = [
        (packed.float(), reference),
        *zip(
            torch.autograd.grad((packed.float() * weights).sum(), (q, k, v)),
            torch.autograd.grad((reference * weights).sum(), (q, k, v)),
            strict=True,
        ),
    ]
    worst = max(float((a.float() - b.float()).abs().max() / b.float().abs().max()) for a, b in pairs)
    print(f"attention, {kv_heads} key-value heads: largest relative difference {worst:.4f} (at most 0.02)")
    return worst <= 0.02


def _alone(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[1, N, H, D] in float32, one document after the other."""
    groups = q.shape[1] // k.shape[1]
    wide = [x.float().repeat_interleave(n, dim=1) for x, n in ((q, 1), (k, groups), (v, groups))]
    parts = zip(*(x.split(list(LENGTHS), dim=2) for x in wide), strict=True)
    outs = [F.scaled_dot_product_attention(a, b, c, is_causal=True) for a, b, c in parts]
    return torch.cat(outs, dim=2).transpose(1, 2)


def sources(first: int, last: int) -> Dataset:
    """This Python's own modules, from the first to the last of the alphabet."""
    paths = sorted(Path(argparse.__file__).parent.glob("*.py"))[first:last]
    rows = [{"text": path.read_text(errors="ignore")} for path in paths]
    return Dataset.from_rows([row for row in rows if row["text"].strip()])


def check_training(folder: Path, preset: str, steps: int, precision: str, *, compiled: bool) -> bool:
    """A short run on this Python's own sources: the loss must fall."""
    name = f"{precision}{'-compiled' if compiled else ''}"
    run = Trainer(
        ModelSpec.preset(preset),
        sources(0, 120),
        tokenizer={"train": {"vocab_size": 8192}},
        run_name=name,
        output_dir=folder,
        seq_length=1024,
        batch_size=8,
        max_steps=steps,
        lr=1e-3,
        warmup_steps=5,
        logging_steps=5,
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        compile=compiled,
    ).fit()
    return fell(name, run)


def check_adapters(folder: Path, steps: int, name: str) -> bool:
    """Adapters on a model that is trained already, and other text: the loss must fall."""
    run = Trainer(
        Run.open(folder / "runs" / "bf16").last or "",
        sources(120, 200),
        run_name=name.replace(" ", "-").replace(",", ""),
        output_dir=folder,
        lora_config={"r": 16},
        seq_length=1024,
        batch_size=8,
        max_steps=steps,
        lr=1e-3,
        warmup_steps=2,
        logging_steps=5,
        bf16=True,
        **ADAPTERS[name],
    ).fit()
    return fell(name, run)


def fell(name: str, run: Run) -> bool:
    """Say how a run went; whether its loss fell."""
    rows = run.metrics()
    first, last = rows[0]["train/loss"], rows[-1]["train/loss"]
    rate, mfu, memory = (rows[-1].get(key) or 0 for key in RATES)
    print(
        f"{name}: loss {first:.3f} → {last:.3f}, {rate:,.0f} tokens/s, MFU {mfu:.0%}, {memory / 1e9:.1f} GB"
    )
    return bool(last < first)


if __name__ == "__main__":
    raise SystemExit(main())
