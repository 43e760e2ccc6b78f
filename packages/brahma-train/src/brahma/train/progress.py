"""How far a run is: what its checkpoints keep beside the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brahma.train.loop import StepResult


class Progress:
    """How far a run is; what `trainer_state.json` keeps of it.

    Attributes:
        step: steps done.
        tokens: supervised tokens trained on.
        window_loss, window_tokens: summed since the last logged row.
        best_value, best_step: the best evaluation by the run's metric, and where it was.
        best_loss: the evaluation loss there.
        evaluations: between steps and at the end; pauses do not count.
        mark: value of the metric that the last improvement which counts came to.
        stale: evaluations since then.
    """

    def __init__(self) -> None:
        self.step = 0
        self.tokens = 0
        self.window_loss = 0.0
        self.window_tokens = 0
        self.best_loss: float | None = None
        self.best_step: int | None = None
        self.best_value: float | None = None
        self.evaluations = 0
        self.mark: float | None = None
        self.stale = 0

    def add(self, result: StepResult) -> None:
        self.step += 1
        self.tokens += result.tokens
        self.window_loss += result.loss_sum
        self.window_tokens += result.tokens

    def close_window(self) -> float | None:
        """Mean loss since the last row; None when nothing was trained on."""
        mean = self.window_loss / self.window_tokens if self.window_tokens else None
        self.window_loss, self.window_tokens = 0.0, 0
        return mean

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load(self, state: Mapping[str, Any]) -> None:
        """What a checkpoint kept. In older ones the best was the lowest loss, and no more was known."""
        lowest = state.get("best_loss")
        for name, before in vars(self).items():
            setattr(self, name, state.get(name, lowest if name in ("best_value", "mark") else before))
