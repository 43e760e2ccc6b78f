"""Quantized linear layers, forward and backward to the input, beside the libraries' own.

    python benchmarks/quantized_linear.py --write      # about 3 minutes on two idle cores
    python benchmarks/quantized_linear.py --quick      # small layers, to see that everything works

Ours and the library's take the same weights, shape, dtype and input. All layers of a shape are called in
turns, in another order each round; a time is the median over the rounds. `--write` puts the table into
`benchmarks/RESULTS.md`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import parse as parse_arguments
from benchmarks.arguments import parser
from benchmarks.children import command_line
from benchmarks.report import facts, table, write_section

SECTION = "quantized linear"
_ROUNDS = 12  # of each repeat
_DTYPE = torch.bfloat16


@dataclass(frozen=True)
class Shape:
    """Of a product: [tokens, width] · [width, height]."""

    tokens: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.tokens} × {self.width} → {self.height}"


SHAPES = (Shape(1024, 2048, 2048), Shape(1024, 2048, 5632), Shape(1024, 5632, 2048))
QUICK = (Shape(32, 256, 128),)


@dataclass(frozen=True)
class Pair:
    """One format, by us and by the library whose format it is.

    Attributes:
        label: of a row.
        ours, library: make a layer of a plain one.
    """

    label: str
    ours: Callable[[nn.Linear], nn.Module]
    library: Callable[[nn.Linear], nn.Module]


def pairs(device: torch.device) -> list[Pair]:
    """All formats that are compared."""
    return [
        *(
            Pair(
                f"bitsandbytes nf4, groups of {group}",
                _ours("bitsandbytes", "nf4", group, device),
                lambda linear, group=group: _linear4bit(linear, group, device),  # type: ignore[misc]
            )
            for group in (64, 128)
        ),
        Pair(
            "bitsandbytes int8",
            _ours("bitsandbytes", "int8", None, device),
            lambda linear: _linear8bit(linear, device),
        ),
        Pair("hqq int4, groups of 64", _ours("hqq", "int4", 64, device), lambda x: _hqq_linear(x, device)),
    ]


def _ours(name: str, type_: str, group: int | None, device: torch.device) -> Callable[[nn.Linear], nn.Module]:
    from brahma.core.config.sections import QuantizationSection
    from brahma.core.models.quantization import QuantizedLayers
    from brahma.core.plugins import get_plugins
    from brahma.core.quantizers import choose_quantizer

    section = QuantizationSection.model_validate(
        {
            "bits": 8 if type_ == "int8" else 4,
            "type": type_,
            "group_size": group or "row",
            "quantizer": name,
        }
    )
    chosen = choose_quantizer(section, device.type)
    settings = QuantizedLayers(chosen.format, False, _DTYPE, device)
    maker: Any = get_plugins().load("quantizer", name)(settings, chosen.options)

    def make(linear: nn.Linear) -> nn.Module:
        layer: nn.Module = maker.quantize(linear, group)
        return layer

    return make


def _linear4bit(linear: nn.Linear, group: int, device: torch.device) -> nn.Module:
    from brahma_bitsandbytes.library import bnb

    made: Any = bnb.nn.Linear4bit(linear.in_features, linear.out_features, bias=False, compute_dtype=_DTYPE)
    made.weight = bnb.nn.Params4bit(
        linear.weight.detach().clone(),
        blocksize=group,
        compress_statistics=False,
        quant_type="nf4",
        module=made,
    ).to(device)
    module: nn.Module = made
    return module


def _linear8bit(linear: nn.Linear, device: torch.device) -> nn.Module:
    from brahma_bitsandbytes.library import bnb

    made: Any = bnb.nn.Linear8bitLt(
        linear.in_features, linear.out_features, bias=False, has_fp16_weights=False
    )
    made.weight = bnb.nn.Int8Params(linear.weight.detach().clone(), requires_grad=False).to(device)
    module: nn.Module = made
    return module


def _hqq_linear(linear: nn.Linear, device: torch.device) -> nn.Module:
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    config = BaseQuantizeConfig(nbits=4, group_size=64, axis=1)
    module: nn.Module = HQQLinear(linear, config, compute_dtype=_DTYPE, device=str(device), del_orig=False)
    return module


def times(layers: Mapping[str, nn.Module], x: Tensor, rounds: int) -> dict[str, float]:
    """Seconds of a forward and backward pass of each layer, medians; they are called in turns."""
    names = list(layers)
    found: dict[str, list[float]] = {name: [] for name in names}
    for name in names:  # memory is taken and kernels are chosen
        _pass(layers[name], x)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            found[name].append(_pass(layers[name], x))
    return {name: median(each) for name, each in found.items()}


def _pass(layer: nn.Module, x: Tensor) -> float:
    """Seconds of one."""
    x = x.detach().requires_grad_()
    _wait(x)
    began = time.perf_counter()
    product: Tensor = layer(x)
    product.backward(torch.ones_like(product))
    _wait(x)
    seconds = time.perf_counter() - began
    if x.grad is None or not x.grad.any():
        raise SystemExit(f"error: no gradient passes through {type(layer).__name__}")
    return seconds


def _wait(x: Tensor) -> None:
    if x.device.type == "cuda":
        torch.cuda.synchronize(x.device)


def rows_of(shape: Shape, compared: Sequence[Pair], rounds: int, device: torch.device) -> list[list[str]]:
    """A row of the table for each pair."""
    generator = torch.Generator().manual_seed(1)
    plain = nn.Linear(shape.width, shape.height, bias=False, dtype=_DTYPE)
    with torch.no_grad():
        plain.weight.normal_(0, 0.02, generator=generator)
    plain = plain.to(device).requires_grad_(False)
    x = torch.randn(shape.tokens, shape.width, generator=generator).to(device, _DTYPE)
    layers: dict[str, nn.Module] = {"plain": plain}
    for pair in compared:
        for side, make in (("ours", pair.ours), ("library", pair.library)):
            layers[f"{pair.label}/{side}"] = make(plain).train()
    found = times(layers, x, rounds)
    return [
        _row(shape, pair.label, found[f"{pair.label}/ours"], found[f"{pair.label}/library"], found["plain"])
        for pair in compared
    ]


def _row(shape: Shape, label: str, ours: float, library: float, plain: float) -> list[str]:
    return [
        f"{label}, {shape}",
        f"{ours * 1e3:.2f} ms",
        f"{library * 1e3:.2f} ms",
        f"**{ours / library:.2f}**",
        f"{plain * 1e3:.2f} ms",
    ]


def section(arguments: argparse.Namespace, device: torch.device, about: str) -> str:
    """What is written."""
    shapes, rounds = (QUICK, 2) if arguments.quick else (SHAPES, _ROUNDS)
    rounds *= arguments.repeats
    rows = [row for shape in shapes for row in rows_of(shape, pairs(device), rounds, device)]
    header = ["format, tokens × width → height", "ours", "the library's", "ours / its", "`nn.Linear`"]
    return "\n\n".join(
        [
            "## Quantized linear layers",
            f"Forward and backward to the input in {str(_DTYPE).removeprefix('torch.')} on {device.type}, "
            f"{torch.get_num_threads()} threads, medians of {rounds} rounds in turns; frozen Gaussian "
            "weights, no bias, no double quantization. Target: at most 1.10 times the library's own.",
            about,
            table(header, rows),
        ]
    )


def main() -> None:
    arguments = parse_arguments(parser(__doc__ or ""), None)
    about = facts(command_line())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    text = section(arguments, device, about)
    print(f"\n{text}", flush=True)
    if arguments.write:
        write_section(arguments.write, SECTION, text)
        print(f"written to {arguments.write}")


if __name__ == "__main__":
    main()
