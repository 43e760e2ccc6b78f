"""What this plugin brings: a quantizer, and optimizers whose state is small or lies where there is room."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import OptimizerEntry, QuantizedFormat, QuantizerEntry
from brahma.core.hookspecs import hookimpl

_ANYWHERE = (32, 64, 128, 256, 512, 1024)
_GPU_ONLY = (2048, 4096)  # on a CPU these leave the library's kernels and are compiled for each shape
_ADAM_BYTES, _LION_BYTES = 2 * (1 + 4 / 256), 1 + 4 / 256
"""One byte for each moment, and a float32 scale for each 256 of them."""


@hookimpl
def brahma_quantizers() -> Iterable[QuantizerEntry]:
    """Base models under adapters, in four bits by blocks or in eight by rows."""
    yield QuantizerEntry(
        name="bitsandbytes",
        target="brahma_bitsandbytes.quantizer:BitsandbytesQuantizer",
        summary="NF4, FP4 and 8 bits, by bitsandbytes; on CPUs and NVIDIA GPUs",
        formats=(*_four_bits("nf4"), *_four_bits("fp4"), QuantizedFormat(type="int8", bits=8)),
    )


def _four_bits(type_: str) -> Iterable[QuantizedFormat]:
    for devices, sizes in ((("cpu",), _ANYWHERE), (("cuda",), _ANYWHERE + _GPU_ONLY)):
        yield QuantizedFormat(
            type=type_, bits=4, group_sizes=sizes, devices=devices, double_quantization=True
        )


@hookimpl
def brahma_optimizers() -> Iterable[OptimizerEntry]:
    """AdamW and Lion with moments of 8 bits, or in memory that a GPU shares with the machine."""
    yield OptimizerEntry(
        name="adamw_8bit",
        target="brahma_bitsandbytes.optimizers:adamw_8bit",
        options="brahma_bitsandbytes.options:EightBitOptions",
        summary="AdamW with moments of 8 bits: a quarter of its memory",
        state_bytes=_ADAM_BYTES,
    )
    yield OptimizerEntry(
        name="paged_adamw",
        target="brahma_bitsandbytes.optimizers:paged_adamw",
        summary="AdamW whose moments leave the GPU when its memory runs out",
    )
    yield OptimizerEntry(
        name="paged_adamw_8bit",
        target="brahma_bitsandbytes.optimizers:paged_adamw_8bit",
        options="brahma_bitsandbytes.options:EightBitOptions",
        summary="adamw_8bit whose moments leave the GPU when its memory runs out",
        state_bytes=_ADAM_BYTES,
    )
    yield OptimizerEntry(
        name="lion_8bit",
        target="brahma_bitsandbytes.optimizers:lion_8bit",
        options="brahma_bitsandbytes.options:LionOptions",
        summary="Lion with its moment in 8 bits: an eighth of AdamW's memory",
        state_bytes=_LION_BYTES,
    )
    yield OptimizerEntry(
        name="paged_lion_8bit",
        target="brahma_bitsandbytes.optimizers:paged_lion_8bit",
        options="brahma_bitsandbytes.options:LionOptions",
        summary="lion_8bit whose moment leaves the GPU when its memory runs out",
        state_bytes=_LION_BYTES,
    )
