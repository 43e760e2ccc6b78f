"""What this plugin brings: a quantizer."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import QuantizedFormat, QuantizerEntry
from brahma.core.hookspecs import hookimpl

_GROUPS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


@hookimpl
def brahma_quantizers() -> Iterable[QuantizerEntry]:
    """Base models under adapters, in evenly spaced values of four or eight bits."""
    yield QuantizerEntry(
        name="hqq",
        target="brahma_hqq.quantizer:HqqQuantizer",
        options="brahma_hqq.options:HqqOptions",
        summary="Evenly spaced values of 4 or 8 bits, by HQQ; on CPUs and GPUs",
        formats=(
            QuantizedFormat(type="int4", bits=4, group_sizes=_GROUPS),
            QuantizedFormat(type="int8", bits=8),
            QuantizedFormat(type="int8", bits=8, group_sizes=_GROUPS),
        ),
    )
