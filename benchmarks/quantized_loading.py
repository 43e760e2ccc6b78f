"""Memory that loading a 1B base model into few bits takes beyond the model that stands at its end.

    python benchmarks/quantized_loading.py --write      # about 10 minutes on two idle cores, 6 GB of disk
    python benchmarks/quantized_loading.py --quick      # a tiny model, to see that everything works

The model has the shape of the preset `tiny` and random weights, in bf16, in several files. Each format is
loaded in a process of its own, which reports its peak less what it holds in the end. `--write` puts the table
into `benchmarks/RESULTS.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import parse as parse_arguments
from benchmarks.arguments import parser
from benchmarks.children import command_line, run_child
from benchmarks.report import facts, table, write_section

SECTION = "quantized loading"
BASE = "base"
FORMATS = (
    "bitsandbytes nf4",
    "bitsandbytes int8",
    "hqq int4",
)
SHARD, QUICK_SHARD = "500MB", "1MB"
QUICK_SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": 4000,
}


@dataclass(frozen=True)
class Loaded:
    """What one process saw; bytes.

    Attributes:
        before: resident before loading, libraries and a tiny model quantized; end: after; peak: in between.
    """

    before: int
    peak: int
    end: int
    seconds: float


def make_base(folder: Path, *, quick: bool) -> None:
    """A model of the preset `tiny` with random weights, in several files."""
    import torch
    from transformers import AutoModelForCausalLM

    from brahma import ModelSpec

    spec = ModelSpec.from_config(QUICK_SHAPE) if quick else ModelSpec.preset("tiny")
    config: Any = spec.hf_config()
    torch.manual_seed(1)
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size=QUICK_SHARD if quick else SHARD)


def load(name: str, folder: Path) -> Loaded:
    """Load the base in the format `name`; what is imported or made once is so before."""
    import torch

    from brahma.core.config.sections import QuantizationSection
    from brahma.core.models.quantization import choose_quantizer, load_quantized

    quantizer, type_ = name.split()
    section = QuantizationSection.model_validate(
        {
            "bits": 8 if type_ == "int8" else 4,
            "type": type_,
            "group_size": "row" if type_ == "int8" else 64,
            "quantizer": quantizer,
        }
    )
    chosen = choose_quantizer(section, "cpu")
    _warm_up(chosen, folder)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    began = time.perf_counter()
    model, _ = load_quantized(folder / BASE, chosen, dtype=torch.bfloat16, device=torch.device("cpu"))
    seconds = time.perf_counter() - began
    found = Loaded(before, _status("VmHWM"), _status("VmRSS"), seconds)
    assert model is not None  # it is held until here
    return found


def _warm_up(chosen: Any, folder: Path) -> None:
    """Quantize one small layer: libraries are imported, kernels are made."""
    import torch
    from torch import nn

    from brahma.core.models.quantization import QuantizedLayers
    from brahma.core.plugins import get_plugins

    settings = QuantizedLayers(chosen.format, False, torch.bfloat16, torch.device("cpu"))
    maker: Any = get_plugins().load("quantizer", chosen.entry.name)(settings, chosen.options)
    maker.quantize(
        nn.Linear(256, 256, bias=False, dtype=torch.bfloat16), 64 if chosen.format.group_sizes else None
    )


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def section(arguments: argparse.Namespace, folder: Path, about: str) -> str:
    """What is written."""
    run_child(__file__, ["--child", "base", *(["--quick"] if arguments.quick else [])], folder)
    shards = sorted(file.stat().st_size for file in (folder / BASE).glob("*.safetensors"))
    rows = []
    for name in FORMATS:
        found = Loaded(**run_child(__file__, ["--child", name], folder))
        beyond = found.peak - max(found.end, found.before)
        rows.append(
            [
                name,
                f"{(found.end - found.before) / 2**20:,.0f} MiB",
                f"{(found.peak - found.before) / 2**20:,.0f} MiB",
                f"{beyond / 2**20:,.0f} MiB",
                f"**{beyond / shards[-1]:.2f}**",
                f"{found.seconds:.1f} s",
            ]
        )
        print(" ".join(rows[-1]), flush=True)
    header = ["format", "the model", "peak of loading", "beyond the model", "/ largest file", "time"]
    return "\n\n".join(
        [
            "## Loading a quantized base model",
            f"{sum(shards) / 2**30:.2f} GiB of bf16 weights in {len(shards)} files, the largest of "
            f"{shards[-1] / 2**20:,.0f} MiB; resident memory of a process of its own. Target: beyond the "
            "model at most 1.2 times the largest file.",
            about,
            table(header, rows),
        ]
    )


def main() -> None:
    arguments_parser = parser(__doc__ or "")
    arguments_parser.add_argument("--child", choices=("base", *FORMATS), help=argparse.SUPPRESS)
    arguments_parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parse_arguments(arguments_parser, None)
    if arguments.child:
        child(arguments)
        return
    about = facts(command_line())
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        text = section(arguments, Path(folder), about)
    print(f"\n{text}", flush=True)
    if arguments.write:
        write_section(arguments.write, SECTION, text)
        print(f"written to {arguments.write}")


def child(arguments: argparse.Namespace) -> None:
    """Do what the parent asks for, and leave the process at once: nothing else is measured."""
    if arguments.child == "base":
        make_base(arguments.work / BASE, quick=arguments.quick)
        arguments.output.write_text("{}")
    else:
        arguments.output.write_text(json.dumps(asdict(load(arguments.child, arguments.work))))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
