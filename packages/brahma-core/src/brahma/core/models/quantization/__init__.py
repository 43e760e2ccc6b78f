"""Base models whose weights are stored in few bits, under adapters; `contract` says what a quantizer does."""

from brahma.core.models.quantization.contract import (
    QuantizedLayers,
    Quantizer,
    is_quantized,
    mark_quantized,
)

__all__ = ["QuantizedLayers", "Quantizer", "is_quantized", "mark_quantized"]
