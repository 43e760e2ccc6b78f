"""The size of a model, its batches and the length of its training, for the data and the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from brahma.core.presets import PRESETS
from brahma.core.spec import ModelSpec
from brahma.train.estimate import Job, Memory, Shape, estimate, shape_of
from brahma.train.init.goals import Wish
from brahma.train.init.survey import DataSurvey, Machine
from brahma.train.methods import methods
from brahma.train.monitor.throughput import flops_per_token

# Bytes of data from which a vocabulary pays, and bytes that one of its tokens then spells, about.
_VOCABULARIES = (
    (0, 512, 2.0),
    (300_000, 1024, 2.5),
    (1_000_000, 2048, 2.9),
    (5_000_000, 4096, 3.4),
    (20_000_000, 8192, 3.8),
    (500_000_000, 32_000, 4.3),
)
_OF_A_BASE = 4.0  # bytes a token of a published tokenizer spells
_TOKENS_PER_PARAMETER = 20  # compute-optimal, https://arxiv.org/abs/2203.15556
_WORTH = 2  # tokens that each parameter must see at least for a larger preset to be chosen
_MOST_EPOCHS = 10
_STEPS = {True: 1000, False: 400}  # at least, where the batch allows it: of a new model, of a base model
_ROOM = 0.8  # of the free memory; the rest is for what else runs
_PATIENCE = 24 * 3600.0  # seconds; a larger preset that takes longer is not chosen
_LARGE = 3e8  # parameters of a base model from which a small machine trains adapters
_SMALL_MACHINE = 24e9  # bytes of free memory
_UTILISATION = (0.25, 0.6)  # of the matrix rate, what training reaches at worst and at best


@dataclass(frozen=True)
class Sizing:
    """What the values of a configuration are made from.

    Attributes:
        job: model, batch and precision.
        vocabulary: of the tokenizer to train; None: the base model's own.
        tokens: of the data, about.
        epochs: over the data, where no time was asked for.
        accumulation: micro-batches of a step.
        seq_length_why: the reason for `job.seq_length`.
    """

    spec: ModelSpec
    job: Job
    vocabulary: int | None
    tokens: float
    epochs: int
    accumulation: int
    seq_length_why: str

    @property
    def step_tokens(self) -> int:
        return self.job.tokens * self.accumulation

    @property
    def memory(self) -> Memory:
        return estimate(self.job)

    def fits(self, machine: Machine) -> bool:
        """Whether it needs clearly less than what is free."""
        return self.memory.total <= _ROOM * machine.room.free

    def seconds(self, machine: Machine) -> tuple[float, float]:
        """Of all epochs, at best and at worst."""
        work = self.tokens * self.epochs * _flops(self.job)
        slow, fast = (work / (machine.rate * share) for share in _UTILISATION)
        return fast, slow

    def seen(self, machine: Machine, minutes: float | None) -> float:
        """Tokens of the whole training."""
        if minutes is None:
            return self.tokens * self.epochs
        return 60 * minutes * machine.rate * _UTILISATION[0] / _flops(self.job)


def size_for(data: DataSurvey, machine: Machine, wish: Wish) -> Sizing:
    """The base model or preset that was asked for, or the largest preset that data and machine bear.

    Raises:
        ConfigError: an unknown preset.
        ModelError: the base model's configuration cannot be read.
    """
    if wish.base_model is not None:
        return _tuned(_first(ModelSpec.from_pretrained(wish.base_model), data, machine, wish), machine)
    if wish.preset is not None:
        return _fitted(_first(ModelSpec.preset(wish.preset), data, machine, wish), machine)
    specs = sorted((ModelSpec.preset(name) for name in PRESETS), key=lambda spec: spec.num_parameters)
    sizes = [_fitted(_first(spec, data, machine, wish), machine) for spec in specs]
    good = [each for each in sizes if _sensible(each, machine)]
    return (good or sizes[:1])[-1]


def _tuned(sizing: Sizing, machine: Machine) -> Sizing:
    """A base model's training: all weights, adapters, or adapters on 4 bits; the first of these that fits."""
    ways = [_fitted(replace(sizing, job=each.job), machine) for each in methods(sizing.job)]
    if sizing.job.shape.parameters > _LARGE and machine.room.free < _SMALL_MACHINE:
        ways = ways[1:]
    return next((each for each in ways if each.fits(machine)), ways[-1])


def _sensible(sizing: Sizing, machine: Machine) -> bool:
    enough = sizing.tokens * sizing.epochs >= _WORTH * sizing.job.shape.parameters
    return enough and sizing.fits(machine) and sizing.seconds(machine)[1] <= _PATIENCE


def _first(spec: ModelSpec, data: DataSurvey, machine: Machine, wish: Wish) -> Sizing:
    """Before it is made to fit into the memory."""
    vocabulary, spells = None, _OF_A_BASE
    if spec.architecture is not None:
        _, vocabulary, spells = next(row for row in reversed(_VOCABULARIES) if data.num_bytes >= row[0])
        vocabulary = min(vocabulary, data.vocabulary or vocabulary)
        spec = spec.with_tokenizer(vocabulary, None, None, None)
    shape = shape_of(spec)
    tokens = data.num_bytes / spells + data.rows
    seq_length, why = _seq_length(data, spec, tokens, machine)
    epochs = _epochs(shape, tokens) if vocabulary else 3
    job = Job(
        shape,
        batch_size=1,
        seq_length=seq_length,
        precision=machine.precision,
        state_bytes=8.0,
        device=machine.device,
    )
    sizing = Sizing(spec, job, vocabulary, tokens, epochs, 1, why)
    return replace(sizing, job=replace(job, batch_size=_batch_size(sizing, machine, wish)))


def _batch_size(sizing: Sizing, machine: Machine, wish: Wish) -> int:
    """Packs of a step: few enough that a short training has many steps, from which it learns most."""
    most = 2**15 if machine.device == "cpu" else 2**17
    length = sizing.job.seq_length
    share = sizing.seen(machine, wish.minutes) / _STEPS[sizing.vocabulary is not None]
    return 1 << max(0, int(min(max(share, 2 * length), most) / length).bit_length() - 1)


def _epochs(shape: Shape, tokens: float) -> int:
    return min(_MOST_EPOCHS, max(1, round(_TOKENS_PER_PARAMETER * shape.parameters / max(1.0, tokens))))


def _seq_length(data: DataSurvey, spec: ModelSpec, tokens: float, machine: Machine) -> tuple[int, str]:
    """A power of two within the model's positions, and why."""
    positions = _positions(spec)
    if data.kind == "text":
        usual = 1024 if machine.device != "cpu" or spec.architecture is None else 512
        return min(positions, usual if tokens > 200_000 else 256), "tokens that are seen together"
    bound = data.longest if spec.architecture is not None else data.longest // 2
    length = min(positions, 2048, max(128, 2 ** (max(1, bound) - 1).bit_length()))
    return length, f"the longest row has about {data.longest:,} bytes"


def _positions(spec: ModelSpec) -> int:
    """The most tokens that the model sees together."""
    if spec.architecture is not None:
        return spec.architecture.max_position_embeddings
    return getattr(spec.hf_config().get_text_config(), "max_position_embeddings", None) or 1024


def _fitted(sizing: Sizing, machine: Machine) -> Sizing:
    """With smaller micro-batches, then checkpointing, then no copies for checkpoints, until it fits."""
    while not sizing.fits(machine):
        job = sizing.job
        if job.batch_size > 1:
            smaller = replace(job, batch_size=job.batch_size // 2, accumulates=True)
            sizing = replace(sizing, job=smaller, accumulation=sizing.accumulation * 2)
        elif not job.checkpointing:
            sizing = replace(sizing, job=replace(job, checkpointing=True))
        elif job.async_save and job.device == "cpu":
            sizing = replace(sizing, job=replace(job, async_save=False))
        else:
            break
    return sizing


def _flops(job: Job) -> float:
    """For each token."""
    shape = job.shape
    return flops_per_token(
        parameters=shape.parameters,
        input_embedding=0,
        layers=shape.num_hidden_layers,
        width=shape.queries,
        seq_length=job.seq_length / 2,
    ).causal
