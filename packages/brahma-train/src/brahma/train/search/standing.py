"""How a search stands now: its trials as they are stored, and the steps of those in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from brahma.core.errors import BrahmaError
from brahma.core.runs import RunDirectory
from brahma.core.sizes import duration
from brahma.train.search.records import TrialRecord, best_trial
from brahma.train.search.storage import Definition, Study
from brahma.train.search.table import TrialRow, expected_tokens, table_rows, tokens_at

_AGE = 2.0  # seconds for which what was read is good: other processes write, too


class Standing:
    """A search that goes on, in this process and perhaps in others.

    Args:
        folder: of the study.
        wanted: trials that there will be.
        max_tokens: that they may take together.

    Raises:
        RunError: there is no such study.
    """

    def __init__(
        self, folder: Path, wanted: int, max_tokens: int | None, now: Callable[[], float] = monotonic
    ) -> None:
        self._study = Study(folder)
        self._now = now
        self._wanted = wanted
        self._max_tokens = max_tokens
        definition = self._study.definition
        assert definition is not None  # it was begun
        self.definition: Definition = definition
        self._stored: Sequence[TrialRecord] = ()
        self._own: tuple[str, int] | None = None
        self._taken: int | None = None
        self.read()
        self._began, self._tokens_before = now(), self.tokens

    def read(self) -> None:
        """Read the trials anew. Where that fails, what was read before stands: it is only shown."""
        self._read_at = self._now()
        try:
            self._stored = self._study.trials()
        except (BrahmaError, OSError):
            return

    def take(self, number: int | None) -> None:
        """This process trains that trial now, whoever holds its lock yet; None: it trains none."""
        self._taken = number

    def refresh(self) -> None:
        """Read the trials anew, if it was long ago."""
        if self._now() - self._read_at >= _AGE:
            self.read()

    def moved(self, run: str, step: int) -> None:
        """The run that this process trains has done a step."""
        self._own = run, step

    @property
    def trials(self) -> list[TrialRecord]:
        """As they were read last, by number."""
        taken = self._taken
        return [replace(trial, alive=True) if trial.number == taken else trial for trial in self._stored]

    def trial_of(self, run: str) -> TrialRecord | None:
        """The trial that a run is of."""
        return next((trial for trial in self.trials if trial.run == run), None)

    @property
    def rows(self) -> list[TrialRow]:
        """The best first."""
        return table_rows(
            self.trials, higher_is_better=self.definition.higher_is_better, step_of=self.step_of
        )

    @property
    def best(self) -> TrialRecord | None:
        return best_trial(self.trials, higher_is_better=self.definition.higher_is_better)

    @property
    def tokens(self) -> int:
        """That all trials have been trained on by now."""
        return sum(self._tokens_of(trial) for trial in self.trials)

    @property
    def expected(self) -> float | None:
        """Tokens that the whole search will take; None before the first trial."""
        if not self.trials:
            return None
        expected = expected_tokens(self.trials, self._wanted, self.definition.reduction_factor)
        return expected if self._max_tokens is None else min(expected, self._max_tokens)

    @property
    def left(self) -> str:
        """`ETA 3m 20s`, by what all processes have done since this one joined; empty at the end."""
        done, expected = self.tokens, self.expected
        if self.trials and expected is not None and done >= expected:
            return ""
        since = self._now() - self._began
        rate = (done - self._tokens_before) / since if since > 0 else 0.0
        if expected is None or rate <= 0:
            return "ETA …"
        return f"ETA {duration((expected - done) / rate)}"

    def step_of(self, trial: TrialRecord) -> int:
        """The step that a trial in training has got to."""
        if self._own is not None and self._own[0] == trial.run:
            return self._own[1]
        return step_on_disk(self._study, trial)

    def _tokens_of(self, trial: TrialRecord) -> int:
        if trial.target is None or trial.reason:
            return trial.spent
        return max(trial.spent, tokens_at(trial, self.step_of(trial)))


def step_on_disk(study: Study, trial: TrialRecord) -> int:
    """The step that a run says it has got to; 0 where it says nothing yet."""
    try:
        state = RunDirectory(study.output_dir / "runs" / trial.run).read_state()
    except BrahmaError:
        return 0
    return 0 if state is None else state.step
