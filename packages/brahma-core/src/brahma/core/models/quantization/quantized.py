"""Quantized layers in a model: made, recognised, and made plain again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, PluginError
from brahma.core.models.quantization.contract import QuantizedLayers, Quantizer
from brahma.core.plugins import check_stop
from brahma.core.quantizers import ChosenQuantizer

_MARK = "_brahma_quantized"
_WHERE = "quantization.quantizer"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Quantized:
    """What a quantized layer carries, so that its origin is never guessed.

    Attributes:
        quantizer: what made it.
        group_size: weights that share a scale; None: a whole row.
        in_features, out_features: of the linear layer whose place it took.
    """

    quantizer: Quantizer
    group_size: int | None
    in_features: int
    out_features: int


class Maker:
    """Quantizes layers as it was chosen. What a stranger's code raises there names its distribution."""

    def __init__(self, chosen: ChosenQuantizer, dtype: torch.dtype, device: torch.device) -> None:
        """
        Args:
            dtype: the precision of the run, which `compute_type: auto` takes.
            device: where the layers will compute.
        """
        asked = chosen.section.compute_type
        settings = QuantizedLayers(
            format=chosen.format,
            double_quantization=chosen.section.double_quantization,
            compute_dtype=dtype if asked == "auto" else cast(torch.dtype, getattr(torch, asked)),
            device=device,
        )
        self._dtype, self._device = settings.compute_dtype, device
        self._registration = chosen.registration
        target: Any = chosen.registration.load(_WHERE)
        try:
            self._quantizer: Quantizer = target(settings, chosen.options)
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code
            check_stop(error)
            raise self._failed("cannot be made", error) from error

    def layer(self, linear: nn.Linear, group_size: int | None, name: str) -> nn.Module:
        """The quantized layer in place of one that is called `name` in the model.

        Raises:
            PluginError: the quantizer failed, or its layer lacks what a linear layer has.
        """
        try:
            with torch.no_grad():
                layer = self._quantizer.quantize(linear, group_size)
        except BrahmaError:
            raise
        except BaseException as error:  # a stranger's code
            check_stop(error)
            raise self._failed(f"failed at {name}", error) from error
        for key in ("in_features", "out_features"):
            if getattr(layer, key, None) != getattr(linear, key):
                raise self._failed(f"failed at {name}: its layer's {key} is not {getattr(linear, key)}")
        if (getattr(layer, "bias", None) is None) != (linear.bias is None):
            raise self._failed(f"failed at {name}: its layer's bias is not the linear layer's")
        mark = Quantized(self._quantizer, group_size, linear.in_features, linear.out_features)
        setattr(layer, _MARK, mark)
        if not hasattr(layer, "weight"):  # peft asks one for device and dtype of the adapter
            setattr(layer, "qweight", torch.empty(0, dtype=self._dtype, device=self._device))  # noqa: B010
        layer.requires_grad_(False)
        layer.train(False)
        return layer

    def _failed(self, what: str, error: BaseException | None = None) -> PluginError:
        return PluginError(
            f"{self._registration.label} {what}",
            where=_WHERE,
            why=None if error is None else first_line(error),
            hint=f"tell the author of {self._registration.distribution}, or choose another quantizer",
        )


def quantized(layer: nn.Module) -> Quantized | None:
    """How a layer was quantized; None for one that was not."""
    mark = getattr(layer, _MARK, None)
    return mark if isinstance(mark, Quantized) else None


def is_quantized(layer: nn.Module) -> bool:
    """Whether a quantizer made this layer (adapters around one are not quantized themselves)."""
    return quantized(layer) is not None


def quantized_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The quantized layers of a model by name, those inside adapters too."""
    return ((name, module) for name, module in model.named_modules() if is_quantized(module))


def quantizer_of(model: nn.Module) -> Quantizer | None:
    """The quantizer that made the quantized layers of a model; None when it has none."""
    return next((mark.quantizer for each in model.modules() if (mark := quantized(each))), None)


@torch.no_grad()
def dequantized(layer: nn.Module) -> nn.Linear:
    """The plain layer that computes as this one does, in the compute dtype, with its very bias."""
    mark = quantized(layer)
    assert mark is not None, f"{type(layer).__name__} is not quantized"
    weight: Tensor = mark.quantizer.dequantize(layer)
    with torch.device("meta"):
        linear = nn.Linear(mark.in_features, mark.out_features, bias=False)
    linear.weight = nn.Parameter(weight, requires_grad=False)
    bias: Any = getattr(layer, "bias", None)
    if bias is not None:
        linear.bias = bias if isinstance(bias, nn.Parameter) else nn.Parameter(bias, requires_grad=False)
    linear.train(layer.training)
    return linear


def dequantize_model(model: nn.Module) -> None:
    """Put plain linear layers back, one at a time; in adapters' layers as well (peft's `base_layer`)."""
    for name, layer in list(quantized_layers(model)):
        model.set_submodule(name, dequantized(layer))
