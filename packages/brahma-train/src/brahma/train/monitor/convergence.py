"""What can be seen over many steps of a training that does not learn what it should; each is said once.

Pure, as the watch: numbers in, notices out.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from brahma.train.monitor.watch import Notice

FEW_TOKENS = 0.2
"""Tokens for each parameter; a new model that sees fewer learns next to nothing (20 is compute-optimal)."""

_HIGH_LR = {True: 5e-4, False: 5e-5}  # without a warm-up, for a new model and for a trained one
_HIGH_ADAPTER_LR = 1e-3  # adapters start at zero and bear ten times what all weights do
_MANY_EPOCHS = 10  # past about 4 the same text teaches less and less, https://arxiv.org/abs/2305.16264
_RECENT = 5  # logged rows whose median says where the loss stands
_DIVERGED = 1.2  # times the first loss
_GUESSING = 0.97  # of ln(vocabulary)
_FLAT = 0.995  # of the first loss
_ENOUGH_STEPS = 50  # before a loss is called flat; and half of the run
_WORSE = 1.02  # times the best evaluation, twice in a row
_MUCH_WORSE = 1.1  # or once
_CLIPPED_ROWS = 50
_CLIPPED = 5  # times max_grad_norm


class Convergence:
    """Follows the logged rows and evaluations of one attempt.

    Args:
        total_steps: of the run.
        warmup_steps: of these; gradients are clipped often during the warm-up.
        vocab_size: of the model; its logarithm is the loss of guessing.
        max_grad_norm: where gradients are clipped; 0: they are not.
        keeps_best: the checkpoint of the lowest evaluation loss is kept.
    """

    def __init__(
        self,
        *,
        total_steps: int,
        warmup_steps: int,
        vocab_size: int,
        max_grad_norm: float,
        keeps_best: bool = True,
    ) -> None:
        self._half = max(_ENOUGH_STEPS, total_steps // 2)
        self._warmup_steps = warmup_steps
        self._guess = math.log(vocab_size)
        self._max_grad_norm = max_grad_norm
        self._keeps_best = keeps_best
        self._first: list[float] = []
        self._rows = 0
        self._began = 0  # the step of the first row: a resumed attempt begins in the middle
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._norms: deque[float] = deque(maxlen=_CLIPPED_ROWS)
        self._best = (math.inf, 0, math.inf)  # evaluation loss, its step, the training loss there
        self._worse = 0
        self._said: set[str] = set()

    def logged(self, step: int, loss: float, grad_norm: float) -> list[Notice]:
        """Take a logged step: the mean loss since the last one, and the norm before clipping."""
        if len(self._first) < _RECENT:
            self._first.append(loss)
        self._began = self._began or step
        self._rows += 1
        self._recent.append(loss)
        if step > self._warmup_steps:
            self._norms.append(grad_norm)
        found = {"loss": self._stalled(step), "norm": self._clipped(step)}
        return self._once(found)

    def evaluated(self, step: int, loss: float) -> list[Notice]:
        """Take an evaluation."""
        now = median(self._recent) if self._recent else math.inf
        best, _, then = self._best
        if loss <= best:
            self._best, self._worse = (loss, step, now), 0
            return []
        self._worse = self._worse + 1 if loss > _WORSE * best else 0
        if (self._worse < 2 and loss <= _MUCH_WORSE * best) or now >= then:
            return []
        return self._once({"overfitting": _overfitting(step, loss, now, self._best, self._keeps_best)})

    def _once(self, found: dict[str, Notice | None]) -> list[Notice]:
        new = {name: notice for name, notice in found.items() if notice and name not in self._said}
        self._said |= new.keys()
        return [notice for notice in new.values() if notice is not None]

    def _stalled(self, step: int) -> Notice | None:
        """The loss is above where it began, or has hardly moved in half of the run."""
        if len(self._recent) < _RECENT or len(self._first) < _RECENT:
            return None
        first, now = self._first[0], median(self._recent)
        if now > _DIVERGED * first and min(self._recent) > first:
            return Notice(
                f"step {step}: the loss is {now:.4g}, and it began at {first:.4g}: the training has diverged",
                "a new run with a tenth of this lr, and warmup_steps of 1 to 5 % of the run",
            )
        if step < self._half or step <= self._warmup_steps + _ENOUGH_STEPS // 2:
            return None
        if now > _GUESSING * self._guess:
            return Notice(
                f"step {step}: the loss is {now:.4g}, as of guessing (ln of the vocabulary is "
                f"{self._guess:.4g}): the model has learnt nothing",
                "a higher lr if it is below 1e-4, a lower one if it is above 1e-2; look at the data with "
                "`brahma data inspect`",
            )
        # Rows that are both the first and the last say nothing of where the loss went.
        apart = self._rows >= 2 * _RECENT and step >= self._began + _ENOUGH_STEPS // 2
        if apart and now > _FLAT * median(self._first):
            return Notice(
                f"step {step}: the loss is flat: {median(self._first):.4g} at the start, {now:.4g} now",
                "an lr 3 to 10 times higher; if the model knows this data already, other data",
            )
        return None

    def _clipped(self, step: int) -> Notice | None:
        limit = self._max_grad_norm
        if limit == 0 or len(self._norms) < _CLIPPED_ROWS or min(self._norms) <= limit:
            return None
        usual = median(self._norms)
        if usual <= _CLIPPED * limit:
            return None
        return Notice(
            f"step {step}: every gradient of the last {_CLIPPED_ROWS} rows was clipped: their norm is "
            f"{usual:.3g}, max_grad_norm {limit:g}",
            f"a lower lr or a larger batch; if the loss falls well, max_grad_norm {2 * usual:.2g}",
        )


def _overfitting(
    step: int, loss: float, now: float, before: tuple[float, int, float], keeps_best: bool
) -> Notice:
    best, at, then = before
    use = f"use checkpoint-{at}, which is kept as the best; " if keeps_best else ""
    return Notice(
        f"step {step}: the evaluation loss has risen from {best:.4g} at step {at} to {loss:.4g}, while the "
        f"training loss fell from {then:.4g} to {now:.4g}: the model learns its data by heart",
        f"{use}next time fewer epochs, more data, or a lower lr",
    )


def check_schedule(lr: float, warmup_steps: int, *, new_model: bool, adapters: bool = False) -> list[Notice]:
    """What to say about the learning rate before training starts.

    A new model bears the default lr from the first step; one that is trained already is thrown off by a
    tenth of that, when all its weights are trained.
    """
    if warmup_steps or lr <= (_HIGH_ADAPTER_LR if adapters else _HIGH_LR[new_model]):
        return []
    if adapters:
        return [
            Notice(
                f"lr {lr:g} from the first step is high for adapters: the loss may spike or stay high",
                "an lr of 1e-4 to 5e-4, or warmup_steps of 1 to 5 % of the run",
            )
        ]
    if new_model:
        return [
            Notice(
                f"lr {lr:g} from the first step, without a warm-up: the loss may spike or stay high",
                "warmup_steps of 1 to 5 % of the run",
            )
        ]
    return [
        Notice(
            f"lr {lr:g} from the first step on a model that is trained already: it may forget what it knows",
            "an lr of 5e-6 to 1e-5, or warmup_steps of 1 to 5 % of the run",
        )
    ]


def check_amount(
    *, parameters: int, tokens: int, epochs: float, new_model: bool, limited: bool
) -> list[Notice]:
    """What to say about the amount of data before training starts.

    Args:
        parameters: of the model.
        tokens: supervised ones of an epoch.
        epochs: of the run.
        limited: the user asked for so many steps or minutes: that it is short is no news.
    """
    notices = []
    if new_model and not limited and tokens * epochs < FEW_TOKENS * parameters:
        notices.append(
            Notice(
                f"a new model of {parameters:,} parameters will see {round(tokens * epochs):,} tokens: "
                "too few to learn a language from",
                "more text (20 tokens a parameter is a good measure), a smaller model, or a base_model",
            )
        )
    if epochs > _MANY_EPOCHS:
        notices.append(
            Notice(
                f"each of the {tokens:,} tokens will be seen {epochs:,.0f} times: past 4 times or so a model "
                "learns them by heart",
                "fewer epochs or more data; with data_config.validation the best checkpoint is kept",
            )
        )
    return notices
