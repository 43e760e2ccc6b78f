"""Base models whose weights are stored in few bits, under adapters.

`brahma.core.quantizers` chooses who does it, `layers` says which layers and in which groups, `loading`
brings a model into memory without ever holding all of it in full precision, `contract` is what a quantizer
does.
"""

from brahma.core.models.quantization.contract import QuantizedLayers, Quantizer
from brahma.core.models.quantization.layers import QuantizationReport, plan_layers
from brahma.core.models.quantization.loading import load_quantized, quantize_model
from brahma.core.models.quantization.quantized import (
    Quantized,
    dequantize_model,
    dequantized,
    is_quantized,
    quantized,
    quantized_layers,
    quantizer_of,
)
from brahma.core.quantizers import ChosenQuantizer, choose_quantizer

__all__ = [
    "ChosenQuantizer",
    "QuantizationReport",
    "Quantized",
    "QuantizedLayers",
    "Quantizer",
    "choose_quantizer",
    "dequantize_model",
    "dequantized",
    "is_quantized",
    "load_quantized",
    "plan_layers",
    "quantize_model",
    "quantized",
    "quantized_layers",
    "quantizer_of",
]
