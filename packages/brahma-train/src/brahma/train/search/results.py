"""What a search came to: the best configuration as a file, and what it took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brahma.core.config import ResolvedConfig
from brahma.core.config.writing import save_config
from brahma.core.errors import BrahmaError, RunError
from brahma.core.runs import Run
from brahma.train.search.parameters import Value
from brahma.train.search.records import TrialRecord
from brahma.train.search.space import Space


@dataclass(frozen=True)
class SearchResult:
    """What a search came to.

    Attributes:
        name: of the study.
        file: the best configuration; `brahma train --config` takes it.
        best: the best of the trials that got furthest.
        trials: all, by number.
        checkpoint: of the best trial, where its value was measured; None where it is gone.
    """

    name: str
    file: Path
    best: TrialRecord
    trials: tuple[TrialRecord, ...]
    checkpoint: Path | None

    @property
    def params(self) -> Mapping[str, Value]:
        """The best values."""
        return self.best.params

    @property
    def value(self) -> float:
        """Of the metric."""
        assert self.best.value is not None
        return self.best.value

    @property
    def tokens(self) -> int:
        """That all trials were trained on."""
        return sum(trial.spent for trial in self.trials)

    @property
    def tokens_anew(self) -> int:
        """That it would have taken to train each trial that goes on from its first step again."""
        return sum(trial.anew for trial in self.trials)

    @property
    def tokens_in_full(self) -> int:
        """That it would have taken to train each trial to its end."""
        return sum(trial.lost if trial.reason else trial.tokens[-1] for trial in self.trials)


def write_best(path: Path, base: ResolvedConfig, space: Space, best: TrialRecord) -> None:
    """Write the configuration of a trial: what the base configuration gives, with the trial's values.

    Raises:
        ConfigError: it cannot be written.
    """
    trial = space.document(best.params)
    document: dict[str, Any] = {}
    for key, value, _ in base.given():
        if not key.startswith("search.") and key not in ("run_name", "search"):
            _put(document, key, value)
    changed = [*space.paths.values()]
    if base.config.training.max_steps is not None:
        changed.append("training_config.max_steps")
    for key in changed:
        _put(document, key, _value_at(trial, key))
    document.setdefault("output_dir", base.config.output_dir)
    save_config(json.dumps(document, indent=2, ensure_ascii=False) + "\n", path)


def result_of(
    name: str, file: Path, best: TrialRecord | None, trials: Sequence[TrialRecord], runs: Path
) -> SearchResult:
    """The result of a search that is over.

    Raises:
        RunError: no trial got as far as the first rung.
    """
    if best is None:
        raise no_result(name, trials)
    return SearchResult(name, file, best, tuple(trials), _checkpoint(runs / best.run, best))


def no_result(name: str, trials: Sequence[TrialRecord]) -> RunError:
    """The error of a search that has nothing to show; it gives each reason once."""
    reasons = list(dict.fromkeys(trial.reason for trial in trials if trial.reason))
    if not reasons:
        return RunError(
            f"search {name} came to no result",
            why="the token budget is too small for a single trial's first rung",
            hint="raise search.max_tokens, or lower search.min_steps",
        )
    return RunError(
        f"all {len(trials)} trials of search {name} failed",
        why="; ".join(reasons[:3]),
        hint="make the ranges smaller; `brahma train` with the base configuration must work first",
    )


def _checkpoint(folder: Path, best: TrialRecord) -> Path | None:
    try:
        checkpoints = Run(folder).checkpoints
    except BrahmaError:
        return None
    wanted = f"checkpoint-{best.steps[best.rung]}"
    return next(
        (path for path in checkpoints if path.name == wanted), checkpoints[-1] if checkpoints else None
    )


def _value_at(document: Mapping[str, Any], key: str) -> Any:
    value: Any = document
    for part in key.split("."):
        value = value[part]
    return value


def _put(document: dict[str, Any], key: str, value: Any) -> None:
    *around, last = key.split(".")
    for part in around:
        inner = document.get(part)
        if not isinstance(inner, dict):
            document[part] = inner = {}
        document = inner
    document[last] = value
