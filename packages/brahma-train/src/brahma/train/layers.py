"""The linear layers of a model by their shapes, and what adapters on them come to; nothing is loaded."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.config import Config
from brahma.core.config.sections import LoraSection, QuantizationSection
from brahma.core.layer_roles import ALL_LINEAR, ends_with, role_of
from brahma.core.model_files import ADAPTER_CONFIG

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROW_SCALE = 4.0  # bytes of a scale, or of a scale and a zero point in 16 bits each
_QUANTIZED_SCALE = 1.0 + 4 / 256  # one byte, and a float32 for each 256 of them
_GROUP = 128  # weights that share a scale where nothing is said of 4 bits


@dataclass(frozen=True)
class Layer:
    """A linear layer of the decoder: not the head.

    Attributes:
        name: whole, dotted.
        inputs, outputs: its widths.
    """

    name: str
    inputs: int
    outputs: int

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs

    def named_by(self, ends: Collection[str]) -> bool:
        """Whether its name ends with one of these, or it has a role that is one of them."""
        if ALL_LINEAR in ends or role_of(self.name) in ends:
            return True
        return any(ends_with(self.name, end) for end in ends)


def llama_layers(count: int, *, hidden: int, inner: int, queries: int, keys: int) -> tuple[Layer, ...]:
    """The linear layers of a Llama.

    Args:
        count: of its layers.
        queries, keys: heads × head_dim, of the queries and of the keys.
    """
    shapes = (
        ("self_attn.q_proj", hidden, queries),
        ("self_attn.k_proj", hidden, keys),
        ("self_attn.v_proj", hidden, keys),
        ("self_attn.o_proj", queries, hidden),
        ("mlp.gate_proj", hidden, inner),
        ("mlp.up_proj", hidden, inner),
        ("mlp.down_proj", inner, hidden),
    )
    return tuple(
        Layer(f"model.layers.{number}.{name}", inputs, outputs)
        for number in range(count)
        for name, inputs, outputs in shapes
    )


def layers_of(model: PreTrainedModel) -> tuple[Layer, ...]:
    """The linear layers of a model, which may be on torch's meta device."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    found = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and module is not head:
            found.append(Layer(name, module.in_features, module.out_features))
        elif isinstance(module, Conv1D):  # GPT-2's: [inputs, outputs]
            found.append(Layer(name, module.nx, module.nf))
    return tuple(found)


@dataclass(frozen=True)
class Adapters:
    """Low-rank adapters as memory sees them, and the bits of what they learn on.

    Attributes:
        rank: of each.
        targets: ends of the names of the layers that get one, or `all-linear`, `attention`, `mlp`.
        dropout: whether there is some, whose mask is kept.
        dora: a length for each row as well.
        saved: modules that are trained whole, by the ends of their names.
        new_tokens: rows of the embedding that are trained.
        bits: of a frozen weight in a linear layer; None: as precise as the run.
        group_size: weights that share a scale; None: a whole row.
        double: the scales are quantized too.
        skipped: layers that are not quantized, by the ends of their names.
    """

    rank: int = 16
    targets: tuple[str, ...] = (ALL_LINEAR,)
    dropout: bool = False
    dora: bool = False
    saved: tuple[str, ...] = ()
    new_tokens: int = 0
    bits: int | None = None
    group_size: int | None = _GROUP
    double: bool = False
    skipped: tuple[str, ...] = ()

    def parameters(self, layers: Collection[Layer]) -> int:
        """Numbers in the adapters alone: A [rank, inputs] and B [outputs, rank] of each layer."""
        return sum(
            self.rank * (layer.inputs + layer.outputs) + (layer.outputs if self.dora else 0)
            for layer in self._adapted(layers)
        )

    def kept(self, layers: Collection[Layer], width: int) -> float:
        """Bytes that a token leaves behind in all adapters, for the backward pass."""
        return float(
            sum(
                width * (self.rank + (layer.inputs if self.dropout else 0)) for layer in self._adapted(layers)
            )
        )

    def saved_in_bits(self, layers: Collection[Layer], width: int) -> float:
        """Bytes that quantizing the frozen layers saves, their scales counted."""
        if self.bits is None:
            return 0.0
        quantized = [layer for layer in layers if not (self.skipped and layer.named_by(self.skipped))]
        return sum(width * layer.weights - self._stored(layer) for layer in quantized)

    def _stored(self, layer: Layer) -> float:
        assert self.bits is not None
        scales = layer.outputs if self.group_size is None else layer.weights / self.group_size
        return layer.weights * self.bits / 8 + scales * (_QUANTIZED_SCALE if self.double else _ROW_SCALE)

    def _adapted(self, layers: Collection[Layer]) -> Iterator[Layer]:
        return (layer for layer in layers if layer.named_by(self.targets))


def adapters_of(config: Config) -> Adapters | None:
    """The adapters that a configuration describes; None where all weights are trained."""
    lora, bits = config.lora, config.quantization
    if lora is None:
        return None
    shape = _shape_of_stored(lora.adapter) if lora.adapter is not None else _shape_of_new(lora)
    tokens = config.tokenizer.new_tokens if config.tokenizer is not None else None
    return Adapters(
        **shape,
        dropout=lora.dropout > 0,
        new_tokens=len(tokens or ()),
        **({} if bits is None else _bits(bits)),
    )


def _bits(section: QuantizationSection) -> dict[str, Any]:
    group = section.group_size
    if group is None:
        group = _GROUP if section.bits == 4 else "row"
    return {
        "bits": section.bits,
        "group_size": group if isinstance(group, int) else None,
        "double": section.double_quantization,
        "skipped": tuple(section.skip_modules or ()),
    }


def _shape_of_new(lora: LoraSection) -> dict[str, Any]:
    return {
        "rank": lora.r,
        "targets": _names(lora.target_modules),
        "dora": lora.dora,
        "saved": _names(lora.modules_to_save),
    }


def _shape_of_stored(folder: str) -> dict[str, Any]:
    """What the adapter's own file says; the usual shape where it cannot be read: loading tells why."""
    try:
        stored = json.loads((Path(folder) / ADAPTER_CONFIG).read_bytes())
        return {
            "rank": int(stored["r"]),
            "targets": _names(stored["target_modules"]),
            "dora": bool(stored.get("use_dora")),
            "saved": _names(stored.get("modules_to_save")),
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _names(given: str | list[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())
