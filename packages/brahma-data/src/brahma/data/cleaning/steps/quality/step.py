"""The step: the groups of rules, one after the other, on a text that is split once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from brahma.data.cleaning.contract import Dropped, Rewritten, TextStep, Verdict
from brahma.data.cleaning.steps.quality import c4, fineweb, gopher_quality, gopher_repetition
from brahma.data.cleaning.steps.quality.options import QualityOptions
from brahma.data.cleaning.steps.quality.text import ScoredText

_Judge = Callable[[ScoredText], Dropped | Rewritten | None]


@dataclass(frozen=True)
class _Quality:
    """The step.

    Attributes:
        judges: of the groups, in their order.
    """

    judges: tuple[_Judge, ...]

    def __call__(self, text: str) -> Verdict:
        scored = ScoredText(text)
        counts: Mapping[str, int] = {}
        for judge in self.judges:
            verdict = judge(scored)
            if isinstance(verdict, Dropped):
                return verdict
            if verdict is not None:
                scored, counts = ScoredText(verdict.text), verdict.counts
        return Rewritten(scored.text, counts) if counts else True


def build(options: QualityOptions) -> TextStep:
    """The step with these options."""
    judges: dict[str, _Judge] = {
        "gopher_repetition": partial(gopher_repetition.judge, rules=options.gopher_repetition),
        "gopher_quality": partial(gopher_quality.judge, rules=options.gopher_quality),
        "c4": partial(c4.judge, rules=options.c4),
        "fineweb": partial(fineweb.judge, rules=options.fineweb),
    }
    return _Quality(tuple(judges[group] for group in options.groups))
