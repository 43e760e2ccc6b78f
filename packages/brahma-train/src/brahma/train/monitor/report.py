"""What a run says at its end: where the time went, and what to try when it went to the wrong place."""

from __future__ import annotations

from collections.abc import Mapping
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

# phase -> (share above which it holds the training up, what to try)
_ADVICE: dict[Phase, tuple[float, str]] = {
    "data": (0.10, "put output_dir on a local disk; packs are read from its data/ folder"),
    "optimizer": (
        0.25,
        "raise gradient_accumulation_steps or batch_size: fewer optimizer steps for each token",
    ),
    "checkpoint": (0.05, "raise save_steps, or keep async_save on"),
    "logging": (0.02, "raise logging_steps, or use fewer trackers"),
    "evaluation": (0.20, "raise eval_steps, or set evaluation.max_packs"),
}
_LOW_MFU = 0.3
_TELLING = 30.0  # seconds; a shorter run is all beginning


@dataclass(frozen=True)
class TimeReport:
    """Where the time of a run, or of one attempt of it, went.

    Attributes:
        seconds: by phase; they add up to the wall time (`TimeAccount.totals()`).
        tokens: supervised tokens trained on in that time.
        mfu: model FLOP/s over the matrix rate, 0 to 1; None if it was not measured.
    """

    seconds: Mapping[Phase, float]
    tokens: int
    mfu: float | None = None

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
        """The bottlenecks, largest first, each with what to try. None: the model itself takes the time."""
        if self.wall < _TELLING:
            return []
        found = [
            (self.share(phase), f"{_LABELS[phase]} took {self.share(phase):.0%} of the time: {remedy}")
            for phase, (limit, remedy) in _ADVICE.items()
            if self.share(phase) > limit
        ]
        advice = [text for _, text in sorted(found, reverse=True)]
        if not advice and self.mfu is not None and self.mfu < _LOW_MFU:
            advice.append(
                f"the model ran at {self.mfu:.0%} of the machine's matrix rate: raise batch_size, "
                "use bf16, or set compile for a long run"
            )
        return advice

    def __str__(self) -> str:
        ranked = sorted(self.seconds.items(), key=lambda item: -item[1])
        rows = [
            f"  {_LABELS[phase]:<18}{spent / self.wall:>6.1%}  {duration(spent):>9}"
            for phase, spent in ranked
            if spent
        ]
        head = f"{self.tokens:,} tokens in {duration(self.wall)}: {self.tokens_per_second:,.0f} tokens/s"
        return "\n".join([head, "where the time went:", *rows, *(f"slow: {text}" for text in self.advice())])
