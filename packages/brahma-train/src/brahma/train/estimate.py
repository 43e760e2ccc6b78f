"""How much memory a training takes, from its settings alone: nothing is built and torch is not needed.

With N parameters of b bytes each (4 in float32, 2 in bf16 and fp16), T tokens in a micro-batch (batch_size ×
seq_length), L layers, hidden size H, feed-forward size I, Q = heads × head_dim and vocabulary V:

    weights       b·N
    gradients     4·N, in float32; with b = 2 another 2·N while a micro-batch goes backward
    optimizer     s·N of state (8 for AdamW, 4 for Muon); with b = 2 another 4·N of float32 masters
    activations   for each layer and token b·(4·Q + 4·I) and two norms, of 12·H in float32 and 8·H in bf16;
                  with gradient checkpointing b·H for each layer, and one layer in full. On top the logits of
                  a chunk of the loss, the float32 gradient of the head, what a layer needs to go backward.
    frozen        b·N with neither gradient nor state. Under adapters of rank r on layers of I inputs and O
                  outputs, r·(I + O) parameters each are trained, and the head needs no gradient; in 4 or 8
                  bits a frozen linear layer takes that, its scales, and while it works its weights in full
    copies        of weights, masters and state, for a checkpoint written beside the training (on a CPU)
    process       Python and its libraries, or the driver's context on a GPU

Held against real trainings by tests/train/test_estimate.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from brahma.core.config import Config
from brahma.core.entries import OptimizerEntry
from brahma.core.plugins import get_plugins
from brahma.core.spec import ModelSpec
from brahma.train.layers import Adapters, Layer, adapters_of, layers_of, llama_layers
from brahma.train.trained_part import layers_of_the_backward, trained_parameters

Precision = Literal["float32", "bf16", "fp16"]

_PROCESS = 550e6  # on a CPU torch, transformers and their buffers; on a GPU the driver's context
_CHUNK = 64 * 2**20  # float32 logits alive at one time, see brahma.core.models.loss
_BLOCK = 256  # queries of a block of attention on a CPU
_UNKNOWN_STATE = 8.0  # what an optimizer keeps whose entry is not there: as much as AdamW


@dataclass(frozen=True)
class Shape:
    """What of a model decides its memory. The names are those of a `config.json`.

    Attributes:
        layers: its linear layers, but for the head; empty: those of a Llama.
        num_key_value_heads: None: as many as there are heads.
    """

    parameters: int
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    head_dim: int
    num_key_value_heads: int | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def queries(self) -> int:
        return self.num_attention_heads * self.head_dim

    @property
    def head(self) -> int:
        """Weights of the output head."""
        return self.vocab_size * self.hidden_size

    @cached_property
    def linear(self) -> tuple[Layer, ...]:
        """The linear layers of the decoder."""
        return self.layers or llama_layers(
            self.num_hidden_layers,
            hidden=self.hidden_size,
            inner=self.intermediate_size,
            queries=self.queries,
            keys=(self.num_key_value_heads or self.num_attention_heads) * self.head_dim,
        )


@dataclass(frozen=True)
class Job:
    """A training as its memory sees it.

    Attributes:
        precision: of weights and activations.
        state_bytes: what the optimizer keeps for each parameter.
        accumulates: gradients of several micro-batches are added up.
        device: `cpu` or `cuda`.
        adapters: what is trained in place of the weights; None: these.
        backward_layers: how many gradients go through, whose activations are kept; None: all.
        trained_parameters: how many are trained, where that is known: of a model that is loaded, or in which
            a part is frozen. None: the adapters', or all.
    """

    shape: Shape
    batch_size: int
    seq_length: int
    precision: Precision
    checkpointing: bool = False
    state_bytes: float = _UNKNOWN_STATE
    accumulates: bool = False
    async_save: bool = True
    device: str = "cpu"
    adapters: Adapters | None = None
    trained_parameters: int | None = None
    backward_layers: int | None = None

    @property
    def tokens(self) -> int:
        """Of a micro-batch."""
        return self.batch_size * self.seq_length

    @property
    def width(self) -> int:
        """Bytes of a weight or activation."""
        return 4 if self.precision == "float32" else 2

    @property
    def trained(self) -> int:
        """Parameters that have a gradient."""
        if self.trained_parameters is not None:
            return self.trained_parameters
        if self.adapters is None:
            return self.shape.parameters
        rows = (
            self.adapters.new_tokens + self._saved_matrices * self.shape.vocab_size
        ) * self.shape.hidden_size
        return self.adapters.parameters(self.shape.linear) + rows

    @property
    def _saved_matrices(self) -> int:
        """Embeddings and heads that are trained whole beside adapters."""
        saved = self.adapters.saved if self.adapters is not None else ()
        return len({"embed_tokens", "lm_head"} & {name.rpartition(".")[2] for name in saved})

    @property
    def trains_head(self) -> bool:
        """Whether the head has a gradient, which is as large as it, in float32."""
        return self.adapters is None or "lm_head" in self.adapters.saved


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they are for; see the top of this module."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    copies: float
    process: float

    @property
    def fixed(self) -> float:
        """What no smaller batch can lower."""
        return self.weights + self.gradients + self.optimizer

    @property
    def total(self) -> float:
        return self.fixed + self.activations + self.copies + self.process


def job_of(config: Config, shape: Shape, *, precision: Precision, device: str) -> Job:
    """The job that a configuration describes."""
    training = config.training
    micro = training.batch_size
    return Job(
        shape=shape,
        batch_size=micro,
        seq_length=config.data.seq_length,
        precision=precision,
        checkpointing=training.gradient_checkpointing,
        state_bytes=_state_bytes(training.optimizer.name),
        accumulates=(training.global_batch_size or micro * training.gradient_accumulation_steps) > micro,
        async_save=training.async_save,
        device=device,
        adapters=adapters_of(config),
        trained_parameters=trained_parameters(
            training,
            shape.linear,
            whole=shape.parameters,
            matrix=shape.head,
            depth=shape.num_hidden_layers,
        ),
        backward_layers=layers_of_the_backward(training, shape.num_hidden_layers),
    )


def _state_bytes(optimizer: str) -> float:
    entry = get_plugins().entries("optimizer").get(optimizer)
    return entry.state_bytes if isinstance(entry, OptimizerEntry) else _UNKNOWN_STATE


def shape_of(spec: ModelSpec, config: Config | None = None) -> Shape:
    """The shape of a model, with the vocabulary of the tokenizer that is going to be trained for it.

    Raises:
        ModelError: a base model's configuration cannot be read.
    """
    if spec.architecture is None:
        return _shape_of_base(spec)
    trained = config.tokenizer.train if config is not None and config.tokenizer is not None else None
    if trained is not None:
        spec = spec.with_tokenizer(trained.vocab_size, None, None, None)
    return shape_from(spec.architecture, spec.num_parameters)


def _shape_of_base(spec: ModelSpec) -> Shape:
    """The shape of a model that transformers builds, here without memory for its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    config = spec.hf_config()
    build: Any = AutoModelForCausalLM.from_config
    with torch.device("meta"):
        model = build(config, trust_remote_code=spec.trust_remote_code)
    count = sum(parameter.numel() for parameter in model.parameters())
    return shape_from(config.get_text_config(), count, layers_of(model))


def shape_from(values: Any, parameters: int, layers: tuple[Layer, ...] = ()) -> Shape:
    """The shape from a transformers configuration, or anything with its attributes."""
    hidden, heads = values.hidden_size, getattr(values, "num_attention_heads", None) or 1  # none in Mamba
    return Shape(
        parameters=parameters,
        vocab_size=values.vocab_size,
        hidden_size=hidden,
        intermediate_size=getattr(values, "intermediate_size", None) or 4 * hidden,
        num_hidden_layers=values.num_hidden_layers,
        num_attention_heads=heads,
        head_dim=getattr(values, "head_dim", None) or hidden // heads,
        num_key_value_heads=getattr(values, "num_key_value_heads", None),
        layers=layers,
    )


def estimate(job: Job) -> Memory:
    """Bytes that this training takes at its peak."""
    count, width, low = job.trained, job.width, job.precision != "float32"
    weights = _weights(job)
    optimizer = count * (job.state_bytes + (4 if low else 0))
    copied = job.async_save and job.device == "cpu"
    summed = 4.0 * count if low and job.accumulates else 0.0  # gradients widened, once activations are gone
    return Memory(
        weights=weights,
        gradients=float(count * (6 if low else 4)),
        optimizer=optimizer,
        activations=max(_activations(job), summed),
        copies=count * width + optimizer if copied else 0.0,
        process=_PROCESS,
    )


def _weights(job: Job) -> float:
    """Of the model, frozen or not, and of adapters on it."""
    whole = job.shape.parameters * float(job.width)
    if job.adapters is None:
        return whole
    return whole - job.adapters.saved_in_bits(job.shape.linear, job.width) + job.trained * job.width


def _activations(job: Job) -> float:
    shape, width, tokens = job.shape, job.width, job.tokens
    hidden, inner = shape.hidden_size, shape.intermediate_size
    norm = hidden * (12 if width == 4 else 8)
    layer = float(tokens * (2 * norm + width * 4 * (shape.queries + inner)))
    if job.adapters is not None:
        layer += tokens * job.adapters.kept(shape.linear, width) / max(1, shape.num_hidden_layers)
    depth = shape.num_hidden_layers if job.backward_layers is None else job.backward_layers
    kept = tokens * width * hidden * depth + layer if job.checkpointing else layer * max(1, depth)
    return kept + max(_loss(job), _backward(job) + _dequantized(job))


def _dequantized(job: Job) -> float:
    """The weights of one layer in full, while it computes with them."""
    if job.adapters is None or job.adapters.bits is None:
        return 0.0
    return float(job.width * max((layer.weights for layer in job.shape.linear), default=0))


def _loss(job: Job) -> float:
    """Logits of a chunk in float32, twice, and rounded, twice; gradients of the head and of what it reads."""
    shape, width = job.shape, job.width
    row = 4 * shape.vocab_size
    chunk = min(job.tokens, max(1, _CHUNK // row)) * row
    head = shape.head * (4 + width) if job.trains_head else 0
    return chunk * (2 + width / 2) + head + job.tokens * shape.hidden_size * (4 + 2 * width)


def _backward(job: Job) -> float:
    """Of the layer that goes backward: its gradients, and the attention's probabilities on a CPU."""
    shape, width = job.shape, job.width
    gradients = job.tokens * width * (3 * shape.intermediate_size + 4 * shape.queries + 3 * shape.hidden_size)
    if job.device != "cpu":
        return gradients
    block = min(_BLOCK, job.seq_length)
    return gradients + 4.0 * width * shape.num_attention_heads * block * job.seq_length
