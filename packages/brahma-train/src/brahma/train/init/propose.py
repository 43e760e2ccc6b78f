"""From the data, the machine and a wish to a configuration, each value with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from brahma.core.layer_roles import ALL_LINEAR
from brahma.core.plugins import FIRST_PARTY, get_plugins
from brahma.core.sizes import duration, size
from brahma.core.spec import human_count
from brahma.train.estimate import Memory, estimate
from brahma.train.init.goals import Wish, check_wish
from brahma.train.init.sizing import Sizing, size_for
from brahma.train.init.survey import DataSurvey, Machine
from brahma.train.layers import Adapters
from brahma.train.monitor.convergence import FEW_TOKENS


@dataclass(frozen=True)
class Value:
    """A key of the configuration, dotted, its value, and why it has it."""

    key: str
    value: Any
    why: str = ""


@dataclass(frozen=True)
class Proposal:
    """A configuration, and what it will take.

    Attributes:
        title: what it trains.
        size: the preset, or the base model.
        values: in the order of the file.
        epochs: over the data, where no time was asked for.
        memory: at its peak, estimated.
        doubts: what may go wrong with it, each with what to do.
        seconds: of training, at best and at worst; a guess from the matrix rate.
    """

    title: str
    size: str
    values: tuple[Value, ...]
    epochs: int
    memory: Memory
    doubts: tuple[str, ...]
    seconds: tuple[float, float]

    def time(self) -> str:
        """`3m 20s to 8m 00s`."""
        best, worst = (duration(seconds) for seconds in self.seconds)
        return best if best == worst else f"{best} to {worst}"

    def to_dict(self) -> dict[str, Any]:
        """The configuration as a file holds it."""
        nested: dict[str, Any] = {}
        for each in self.values:
            *sections, name = each.key.split(".")
            at = nested
            for section in sections:
                at = at.setdefault(section, {})
            at[name] = each.value
        return nested


def propose(data: DataSurvey, machine: Machine, wish: Wish) -> Proposal:
    """The configuration for this data on this machine.

    Raises:
        DataError: the rows are of another kind than the goal needs.
        ConfigError: a fine-tuning without a base model, both a preset and a base model, an unknown preset.
        ModelError: the base model's configuration cannot be read.
    """
    check_wish(wish, data)
    sizing = size_for(data, machine, wish)
    seconds = (60 * wish.minutes,) * 2 if wish.minutes else sizing.seconds(machine)
    return Proposal(
        title=_title(wish, sizing.job.adapters),
        values=tuple(_values(sizing, data, machine, wish)),
        size=sizing.spec.name,
        epochs=sizing.epochs,
        memory=sizing.memory,
        doubts=tuple(_doubts(sizing, machine)),
        seconds=(seconds[0], seconds[1]),
    )


def _doubts(sizing: Sizing, machine: Machine) -> Iterator[str]:
    count = sizing.job.shape.parameters
    if not sizing.fits(machine):
        yield (
            f"{human_count(count)} parameters need about {size(sizing.memory.total)}, and "
            f"{size(machine.room.free)} are free: take a smaller model"
        )
    adapters = sizing.job.adapters
    if adapters is not None and adapters.bits is not None and not get_plugins().of_kind("quantizer"):
        yield f'no quantizer is installed: pip install "{FIRST_PARTY["quantizer", "bitsandbytes"]}"'
    if sizing.vocabulary is not None and sizing.tokens * sizing.epochs < FEW_TOKENS * count:
        yield (
            f"about {_count(sizing.tokens)} tokens are too few to learn a language from: find more text, or "
            "give a --base-model, which learns from few rows"
        )


def _title(wish: Wish, adapters: Adapters | None) -> str:
    if wish.base_model is None:
        return f"{wish.goal}: a model from nothing"
    if adapters is None:
        return f"{wish.goal}: every weight of a base model goes on learning"
    under = "" if adapters.bits is None else f" in {adapters.bits} bits"
    return f"{wish.goal}: adapters learn on a frozen base model{under}"


def _values(sizing: Sizing, data: DataSurvey, machine: Machine, wish: Wish) -> Iterator[Value]:
    yield from _model_values(sizing, wish)
    yield from _data_values(sizing, data)
    yield from _training_values(sizing, data, machine, wish)
    yield from _adapter_values(sizing)


def _model_values(sizing: Sizing, wish: Wish) -> Iterator[Value]:
    count = human_count(sizing.job.shape.parameters)
    if wish.base_model is not None:
        yield Value("model_config.base_model", wish.base_model, f"{count} parameters, and its tokenizer")
        return
    yield Value(
        "model_config.preset", sizing.spec.name, f"{count} parameters for {_count(sizing.tokens)} tokens"
    )
    yield Value("tokenizer.train.vocab_size", sizing.vocabulary, "made from your text; more data, more")


def _data_values(sizing: Sizing, data: DataSurvey) -> Iterator[Value]:
    row = {"text": "document", "chat": "conversation", "completion": "pair"}[data.kind]
    rows = row if data.rows == 1 else f"{row}s"
    alone = ": none to hold out" if data.rows == 1 else ""
    yield Value("data_config.train", data.path, f"{data.rows:,} {rows}, {size(data.num_bytes)}{alone}")
    if data.text_document != "file":
        yield Value("data_config.text_document", data.text_document, "what stands between blank lines")
    if data.bad_rows:
        yield Value("data_config.on_bad_row", "skip", f"{data.bad_rows:,} are malformed: brahma data inspect")
    if _holds_out(data):
        share = 0.1 if data.rows < 500 else 0.05 if data.rows < 20_000 else 0.01
        yield Value("data_config.validation", share, "held out, to see what is learnt by heart")
    yield Value("data_config.seq_length", sizing.job.seq_length, sizing.seq_length_why)
    if data.kind != "text" and data.longest > sizing.job.seq_length:
        yield Value("data_config.on_long_row", "split", "a longer one goes on in the next")


def _holds_out(data: DataSurvey) -> bool:
    return data.rows >= 20


def _training_values(sizing: Sizing, data: DataSurvey, machine: Machine, wish: Wish) -> Iterator[Value]:
    section, job = "training_config.", sizing.job
    steps = max(1, round(sizing.seen(machine, wish.minutes) / sizing.step_tokens))
    lr, why = _lr(sizing)
    yield Value(f"{section}lr", lr, why)
    yield Value(f"{section}warmup_steps", min(200, max(1, steps // 20)), f"of about {steps:,} steps")
    if wish.minutes is not None:
        yield Value(f"{section}max_minutes", wish.minutes, "a trial tells how many steps fit")
    else:
        yield Value(f"{section}epochs", sizing.epochs, _epochs_why(sizing))
    yield Value(f"{section}batch_size", job.batch_size, f"packs of {job.seq_length} tokens")
    if sizing.accumulation > 1:
        yield Value(f"{section}gradient_accumulation_steps", sizing.accumulation, "the memory is small")
    if job.checkpointing:
        yield Value(f"{section}gradient_checkpointing", True, "slower, in less memory")
    if not job.async_save:
        yield Value(f"{section}async_save", False, "stops while it saves, in less memory")
    if _holds_out(data):
        if wish.minutes is None and sizing.epochs > 2:
            yield Value(f"{section}evaluation_strategy", "epoch", "the best checkpoint is kept")
        else:
            yield Value(f"{section}evaluation_strategy", "steps", "the best checkpoint is kept")
            yield Value(f"{section}eval_steps", max(5, steps // 10), "ten times in the run")
    yield Value(f"{section}logging_steps", min(10, max(1, steps // 20)), "rows of metrics.jsonl")


def _adapter_values(sizing: Sizing) -> Iterator[Value]:
    job = sizing.job
    if job.adapters is None:
        return
    trained = f"{human_count(job.trained)} parameters learn"
    whole = estimate(replace(job, adapters=None)).total
    yield Value("lora_config.r", job.adapters.rank, f"{trained}; all: {size(whole)}")
    yield Value("lora_config.target_modules", ALL_LINEAR, "all layers but the output head")
    if job.adapters.bits is not None:
        yield Value("quantization.bits", job.adapters.bits, "of the frozen weights; by a plugin")


def _lr(sizing: Sizing) -> tuple[float, str]:
    parameters = sizing.job.shape.parameters
    if sizing.job.adapters is not None:
        return 2e-4, "adapters start at zero and bear ten times the usual rate"
    if sizing.vocabulary is None and parameters >= 3e8:
        return 1e-5, "5e-6 to 1e-5: it keeps what it knows"
    if sizing.vocabulary is None:
        return 1e-4, "a small model bears more than 1e-5"
    return (1e-3, "small new models learn fast") if parameters < 1e8 else (3e-4, "of a new model")


def _epochs_why(sizing: Sizing) -> str:
    if sizing.vocabulary is None:
        return "1 to 5 for a base model"
    return "often, as there is little data" if sizing.epochs > 4 else "times over the data"


def _count(number: float) -> str:
    return human_count(int(float(f"{number:.2g}")))
