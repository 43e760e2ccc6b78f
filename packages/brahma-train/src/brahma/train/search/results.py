"""What a search came to: the best configuration as a file, and what it took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.config import Config, ResolvedConfig, load_config
from brahma.core.config.writing import save_config
from brahma.core.errors import BrahmaError, RunError
from brahma.core.extras import needs
from brahma.core.runs import Run
from brahma.train.search.opening import given_document, put
from brahma.train.search.parameters import Value
from brahma.train.search.records import TrialRecord
from brahma.train.search.space import Space
from brahma.train.search.storage import Definition, Study
from brahma.train.search.table import in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
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

    @classmethod
    def open(cls, name: str | Path, output_dir: str | Path = ".") -> SearchResult:
        """What the search of that name in `output_dir/searches` has come to by now.

        Raises:
            RunError: there is none, or it has come to nothing yet.
        """
        return result_so_far(Study.open(name, output_dir))

    @property
    def definition(self) -> Definition:
        """What was searched: ranges, metric, rungs."""
        definition = Study(self.file.parent).definition
        assert definition is not None  # it has trials
        return definition

    @property
    def best_config(self) -> Config:
        """The best configuration, checked.

        Raises:
            ConfigError: the file is not there any more, or was changed.
        """
        return load_config(self.file).config

    @property
    def best_run(self) -> Run:
        """The run of the best trial; its checkpoint is `checkpoint`."""
        return Run(self.file.parent.parent.parent / "runs" / self.best.run)

    @property
    def pictures(self) -> tuple[Path, ...]:
        """`history.png`, `importance.png` and `parameters.png`, those that there are."""
        from brahma.train.search.pictures import picture_paths

        return tuple(path for path in picture_paths(self.file.parent) if path.exists())

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw how the search went; a notebook shows what is returned.

        Args:
            path: where to save it too; the ending chooses the format: png, svg, pdf, …

        Raises:
            RunError: the format is unknown, or `path` cannot be written.
            MissingDependencyError: matplotlib is not installed.
        """
        from brahma.core.plot import save_figure
        from brahma.train.search.pictures import plot_history

        figure = plot_history(self.name, self.trials, self.definition)
        if path is not None:
            save_figure(figure, Path(path))
        return figure

    def to_pandas(self) -> pd.DataFrame:
        """A row for each trial, by number: its values, how far it got, what it came to, and why it failed.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        with needs("brahma-core[pandas]", "a table of trials"):
            import pandas as pd
        rows = [
            {
                "status": trial.status,
                **trial.params,
                "step": trial.steps[trial.rung] if trial.values else 0,
                "total_steps": trial.steps[-1],
                "value": trial.value,
                "tokens": trial.spent,
                "run": trial.run,
                "reason": trial.reason,
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="trial"))

    def __repr__(self) -> str:
        best = f"best trial {self.best.number} with {self.value:.5g}: {in_words(self.params)}"
        return f"<SearchResult {self.name!r}: {len(self.trials)} trials, {best}, in {str(self.file)!r}>"

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
    document = given_document(base)
    for key in ("search", "run_name"):
        document.pop(key, None)
    changed = [*space.paths.values()]
    if base.config.training.max_steps is not None:
        changed.append("training_config.max_steps")
    for key in changed:
        put(document, key, _value_at(trial, key))
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


def result_so_far(study: Study) -> SearchResult:
    """What a search that may still go on has come to.

    Raises:
        RunError: to nothing yet.
    """
    best, trials = study.best(), study.trials()
    course = study.course
    if best is None and not (course is not None and course.over):
        raise RunError(
            f"search {study.name} has come to nothing yet",
            where=str(study.folder),
            hint="wait until the first trial is compared",
        )
    return result_of(study.name, study.best_file, best, trials, study.output_dir / "runs")


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
