"""What a run says at its end: where the time went, and what to set when it went to the wrong place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from brahma.core.sizes import duration
from brahma.train.monitor.clock import Phase

_LABELS: dict[Phase, str] = {
    "data": "data",
    "forward_backward": "forward/backward",
    "optimizer": "optimizer",
    "checkpoint": "checkpoint",
    "logging": "logging",
    "evaluation": "evaluation",
    "other": "other",
}

# phase -> the share above which it holds the training up
_LIMITS: dict[Phase, float] = {
    "data": 0.10,
    "optimizer": 0.25,
    "checkpoint": 0.05,
    "logging": 0.02,
    "evaluation": 0.20,
}
TELLING = 30.0
"""Seconds; a shorter run is all beginning, and gets no advice."""

_LOW_MFU = 0.3
_BUSY = 1.5  # processes that want to run, for each core
_FULL = 0.5  # of the slots
_FEW_TOKENS = {"cpu": 1024, "cuda": 8192}  # of a micro-batch, below which a device is not kept busy


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What of a run its advice names.

    Attributes:
        logging_steps, save_steps, async_save, batch_size, gradient_accumulation_steps: as configured.
        eval_steps: None where evaluation does not go by steps.
        packing: as configured.
        filled: part of the packs' slots that hold tokens, 0 to 1.
        micro_batch_tokens: of a micro-batch, on average.
        precision: of the run.
        bf16_gain: how much faster bf16 multiplies matrices here; None where it is not, or the run uses it.
        device: `cpu` or `cuda`.
        tasks: evaluations run tasks too.
        load: processes that wanted to run, on average over the last minute, for each core.
    """

    logging_steps: int
    save_steps: int
    async_save: bool
    eval_steps: int | None
    batch_size: int
    gradient_accumulation_steps: int
    packing: str
    filled: float
    micro_batch_tokens: float
    precision: str
    bf16_gain: float | None
    device: str
    load: float
    compiled: bool
    tasks: bool = False


@dataclass(frozen=True)
class TimeReport:
    """Where the time of a run, or of one attempt of it, went.

    Attributes:
        seconds: by phase; they add up to the wall time (`TimeAccount.totals()`).
        tokens: supervised tokens trained on in that time.
        mfu: model FLOP/s over the matrix rate, 0 to 1; None if it was not measured.
        circumstances: None: the report says where the time went and gives no advice.
    """

    seconds: Mapping[Phase, float]
    tokens: int
    mfu: float | None = None
    circumstances: Circumstances | None = None

    @property
    def wall(self) -> float:
        """Seconds in all."""
        return sum(self.seconds.values())

    @property
    def tokens_per_second(self) -> float:
        """Over the whole wall time, evaluation and checkpoints included."""
        return self.tokens / self.wall if self.wall else 0.0

    def share(self, phase: Phase) -> float:
        """A phase's part of the wall time, 0 to 1."""
        return self.seconds.get(phase, 0.0) / self.wall if self.wall else 0.0

    def advice(self) -> list[str]:
        """The bottlenecks, largest first, each with what to set. None: the model itself takes the time."""
        facts = self.circumstances
        if self.wall < TELLING or facts is None:
            return []
        slow = sorted((p for p in _LIMITS if self.share(p) > _LIMITS[p]), key=self.share, reverse=True)
        advice = [
            f"{_LABELS[phase]} took {self.share(phase):.0%} of the time: {self._remedy(phase, facts)}"
            for phase in slow
        ]
        if facts.load > _BUSY:
            return [*advice, _busy(facts)]
        return advice + list(self._computing(facts))

    def _remedy(self, phase: Phase, facts: Circumstances) -> str:
        less = self.share(phase) / _LIMITS[phase]
        match phase:
            case "optimizer":
                steps = facts.gradient_accumulation_steps
                return f"gradient_accumulation_steps {_rounded(steps * less)} instead of {steps}"
            case "checkpoint":
                first = "" if facts.async_save else "async_save true, and "
                return f"{first}save_steps {_rounded(facts.save_steps * less)} instead of {facts.save_steps}"
            case "logging":
                often = facts.logging_steps
                return f"logging_steps {_rounded(often * less)} instead of {often}, or fewer trackers"
            case "evaluation" if facts.eval_steps is not None:
                often = facts.eval_steps
                sample = "evaluation.task_limit" if facts.tasks else "evaluation.max_packs"
                return f"eval_steps {_rounded(often * less)} instead of {often}, or {sample}"
            case "evaluation" if facts.tasks:
                return "a lower evaluation.task_limit, or a higher task_every"
            case "evaluation":
                return "set evaluation.max_packs, or hold out less"
            case _:
                return "put output_dir on a local disk: packs are read from its data/ folder"

    def _computing(self, facts: Circumstances) -> Iterator[str]:
        """Why the arithmetic itself is slower than it could be."""
        if self.share("forward_backward") < 0.5:
            return
        if facts.bf16_gain is not None:
            yield (
                f"forward/backward ran in {facts.precision}, and bf16 multiplies matrices "
                f"{facts.bf16_gain:.1f}× as fast here: bf16 true"
            )
        few = facts.micro_batch_tokens < _FEW_TOKENS.get(facts.device, 1024)
        if facts.packing == "off" and facts.filled < _FULL:
            yield f"packs were {facts.filled:.0%} full, as packing is off: data_config.packing auto fills it"
        elif few and (self.mfu is None or self.mfu < _LOW_MFU):
            yield (
                f"a micro-batch held {facts.micro_batch_tokens:,.0f} tokens, too few to keep this "
                f"{facts.device} busy: a batch_size above {facts.batch_size}"
            )
        elif self.mfu is not None and self.mfu < _LOW_MFU and not facts.compiled:
            yield (
                f"forward/backward ran at {self.mfu:.0%} of the machine's matrix rate: a larger batch_size, "
                "or compile true for a long run"
            )

    def __str__(self) -> str:
        ranked = sorted(self.seconds.items(), key=lambda item: -item[1])
        rows = [
            f"  {_LABELS[phase]:<18}{spent / self.wall:>6.1%}  {duration(spent):>9}"
            for phase, spent in ranked
            if spent
        ]
        head = f"{self.tokens:,} tokens in {duration(self.wall)}: {self.tokens_per_second:,.0f} tokens/s"
        return "\n".join([head, "where the time went:", *rows, *(f"slow: {text}" for text in self.advice())])


def _busy(facts: Circumstances) -> str:
    return (
        f"other programs used the machine too (load {facts.load:.1f} for each core): stop them; what was "
        "measured here says little"
    )


def _rounded(number: float) -> int:
    """Up to 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(number))
    return next(int(step * power) for step in (1, 2, 5, 10) if step * power >= number)
