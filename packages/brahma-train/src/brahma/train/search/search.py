"""`Search`: tries configurations, compares them on their way, and lets the best go on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from brahma.core.config import ResolvedConfig, SearchSection
from brahma.core.config.choices import check_choices
from brahma.core.config.files import check_files
from brahma.core.errors import EXIT_TERMINATED, BrahmaError, ConfigError, ModelError, RunError, TrainingError
from brahma.core.runs import Run, RunDirectory
from brahma.train.search import events
from brahma.train.search.display import open_search_display
from brahma.train.search.joining import Joining
from brahma.train.search.lengths import plan_of, tokens_until
from brahma.train.search.measure import Measure
from brahma.train.search.opening import SearchOptions, open_base
from brahma.train.search.parameters import Value
from brahma.train.search.pictures import try_to_draw
from brahma.train.search.records import TrialRecord, best_trial
from brahma.train.search.results import SearchResult, result_of, write_best
from brahma.train.search.rungs import (
    Done,
    Promote,
    Resume,
    Start,
    Wait,
    next_action,
    rung_steps,
)
from brahma.train.search.space import asked_parameters
from brahma.train.search.storage import FOLDER, Course, NewTrial, Study
from brahma.train.search.trial import TrialFailedError, newest_step, reason_of, train_trial, was_killed

_POLL_SECONDS = 1.0  # between two looks at what other processes do
_MEMORY_KILLS, _KILLS = 2, 5  # on the way to a rung, without a new checkpoint between them


@dataclass(frozen=True)
class _Task:
    """What a process does next: train a trial to a rung."""

    number: int
    rung: int


class Search:
    """A search for better settings; `run` searches.

    Args:
        config: the base configuration, or its file; its `search` section says what is varied.
        options: keys of that section, in place of what stands there.
        optimize: names of what is varied; None: all of `search.parameters`.
        observer: is told what happens, beside the display.

    Raises:
        ConfigError: with what is wrong in the configuration.
    """

    def __init__(
        self,
        config: ResolvedConfig | Mapping[str, Any] | str | Path,
        *,
        optimize: Sequence[str] | None = None,
        observer: events.Observer | None = None,
        **options: Unpack[SearchOptions],
    ) -> None:
        self._base = open_base(config, options)
        self._config = self._base.config
        self._section = self._config.search or SearchSection()
        self._observer = observer
        self._show: events.Observer = lambda event: None
        _refuse_several_processes()
        check_files(self._base)
        check_choices(self._base)
        parameters = asked_parameters(optimize, self._config)
        self._measure = Measure(self._section, self._config)
        stem = self._base.source.stem if self._base.source is not None else "search"
        self.name = self._section.name or stem
        folder = Path(self._config.output_dir).absolute() / FOLDER / self.name
        self.study = Study(folder, self._section.storage)
        self._joining = Joining(self.study, self._base, parameters, self._measure)
        self._exhausted = False

    def run(self) -> SearchResult:
        """Search to the end: all trials tried, and none left that may go on; or the tokens spent.

        Under the same name and space it joins a search that other processes do, or goes on with one that was
        stopped or killed: as if it had never been.

        Raises:
            RunError: the study of this name searches something else, or no trial came to a result.
            BrahmaError: what is wrong with the data, the model or the machine.
            KeyboardInterrupt, SystemExit: it was asked to stop; a checkpoint is written.
        """
        with _terminating() as terminated, open_search_display() as shown:
            self._show = shown
            with self.study.deciding():
                self._joined = self._joining.join()
                self._set_course(over=False)
            self._tell(self._begun())
            while (task := self._next_task()) is not None:
                with task[1]:
                    self._train(task[0])
                _leave_if(terminated)
            self._set_course(over=True)
            result = self._result()
            try_to_draw(self.study)
            return result

    def _set_course(self, *, over: bool) -> None:
        section = self._section
        self.study.set_course(Course(trials=section.trials, max_tokens=section.max_tokens, over=over))

    def _tell(self, event: events.Event) -> None:
        self._show(event)
        if self._observer is not None:
            self._observer(event)

    def _begun(self) -> events.SearchBegun:
        return events.SearchBegun(
            name=self.name,
            folder=self.study.folder,
            space={name: str(span) for name, span in self._joined.space.ranges.items()},
            metric=self._measure.name,
            higher_is_better=self._measure.higher_is_better,
            rungs=tuple("the end" if each == 1 else f"1/{each}" for each in self._joined.divisors),
            trials=self._section.trials,
            max_tokens=self._section.max_tokens,
            known=len(self.study.trials()),
        )

    def _next_task(self) -> tuple[_Task, ExitStack] | None:
        """What to train next, with the lock on it; None when all is done."""
        waiting = False
        while True:
            with self.study.deciding():
                trials = self.study.trials()
                rules = replace(self._joined.rules, exhausted=self._exhausted)
                action = next_action(trials, rules)
                if isinstance(action, Resume | Promote | Start):
                    task = self._claim(action, trials)
                    if task is not None:
                        lock = ExitStack()
                        lock.enter_context(self.study.training(task.number))
                        return task, lock
                    continue
            if isinstance(action, Done):
                if action.budget:
                    spent = sum(trial.spent for trial in trials)
                    self._tell(events.BudgetSpent(spent, self._section.max_tokens or 0))
                return None
            assert isinstance(action, Wait)
            if not waiting:
                waiting = True
                self._tell(events.Waiting())
            time.sleep(_POLL_SECONDS)

    def _claim(self, action: Resume | Promote | Start, trials: Sequence[TrialRecord]) -> _Task | None:
        """Store what is going to be done; None where it turns out that it cannot be."""
        match action:
            case Start():
                return self._start(trials)
            case Promote(number, rung):
                self.study.set_target(number, rung)
                trial = trials[number]
                self._tell(events.Promoted(number, rung, trial.steps[rung - 1], trial.steps[rung]))
                return _Task(number, rung)
            case Resume(number):
                return self._resume(trials[number])

    def _resume(self, trial: TrialRecord) -> _Task | None:
        """Take up a trial that was left; one whose process is killed again and again is given up."""
        assert trial.target is not None
        folder = self._runs / trial.run
        step = newest_step(Run(folder)) if folder.is_dir() else 0
        if was_killed(folder):
            stops = (*trial.stops, step)
            memory, kills = self.study.perhaps_out_of_memory(trial.number), stops.count(step)
            if kills >= (_MEMORY_KILLS if memory else _KILLS):
                reason = f"the system killed its process {kills} times after step {step}"
                self._give_up(trial, f"{reason}: perhaps out of memory" if memory else reason, step)
                return None
            self.study.set_stops(trial.number, stops)
        self._tell(events.TrialResumed(trial.number, trial.params, trial.run, step))
        return _Task(trial.number, trial.target)

    def _start(self, trials: Sequence[TrialRecord]) -> _Task | None:
        values = self._values(trials)
        if values is None:
            self._exhausted = True
            self._tell(events.Exhausted(len(trials)))
            return None
        number = len(trials)
        run = f"{self.name}-trial-{number}"
        if (self._runs / run).exists():
            raise RunError(
                f"there is a run called {run} already, and it is not of this search",
                where=str(self._runs / run),
                hint=f"search under another name: --name; or delete it: brahma runs delete {run}",
            )
        try:
            config = self._joined.space.configuration(values, run)
            check_choices(config)
            plan = plan_of(config.config, self._joined.packs)
            steps = rung_steps(plan.total_steps, self._joined.divisors)
            if steps is None:
                raise ConfigError(
                    f"{plan.total_steps} steps are too few for {len(self._joined.divisors)} rungs"
                )
        except BrahmaError as error:  # between corners that are fine
            new = NewTrial(params=values, run=run, steps=(1,), tokens=(0,), reason=_refusal(error))
            self.study.add(new)
            self._tell(events.TrialFailed(number, values, new.reason))
            return None
        tokens = tuple(tokens_until(plan, step) for step in steps)
        if tokens[0] > self._joined.rules.left(trials):
            self._exhausted = True
            return None
        self.study.add(NewTrial(params=values, run=run, steps=steps, tokens=tokens))
        self._tell(events.TrialStarted(number, values, run, steps[0]))
        return _Task(number, 0)

    def _values(self, trials: Sequence[TrialRecord]) -> dict[str, Value] | None:
        """Of the next trial: the first is the base configuration itself, if that lies in the space."""
        base = self._joined.space.base_values() if not trials else None
        return base if base is not None else self._joined.sampler.suggest(trials)

    def _train(self, task: _Task) -> None:
        """Train a trial to a rung, and store what came of it."""
        trial = self.study.trials()[task.number]
        last = task.rung == len(trial.steps) - 1
        step = trial.steps[task.rung]
        config = self._joined.space.configuration(trial.params, trial.run)
        try:
            run = train_trial(config, None if last else step)
            value = self._value(run, min(step, run.state.step))
        except TrialFailedError as error:
            self._give_up(trial, str(error), self._step_of(trial))
            return
        except (ConfigError, ModelError) as error:
            if isinstance(error, ConfigError) and error.where == "search.metric":
                raise
            if not any(each.values for each in self.study.trials()):
                raise  # perhaps it is not these values that are wrong
            self._give_up(trial, reason_of(error), self._step_of(trial))
            return
        with self.study.deciding():
            self.study.reach(task.number, task.rung, value, last=last)
            self._write_best()
        tokens = trial.tokens[task.rung]
        if last:
            self._tell(events.TrialFinished(task.number, step, tokens, value))
        else:
            self._tell(events.RungReached(task.number, task.rung, step, tokens, value))

    def _value(self, run: Run, step: int) -> float:
        try:
            return self._measure.of(run, step)
        except TrainingError as error:
            raise TrialFailedError(reason_of(error)) from error

    def _give_up(self, trial: TrialRecord, reason: str, step: int) -> None:
        plan = plan_of(self._joined.space.configuration(trial.params, trial.run).config, self._joined.packs)
        lost = max(0, tokens_until(plan, step) - trial.spent)
        self.study.give_up(trial.number, reason, lost)
        self._tell(events.TrialFailed(trial.number, trial.params, reason))

    def _step_of(self, trial: TrialRecord) -> int:
        """The last step that a run is known to have done."""
        state = RunDirectory(self._runs / trial.run).read_state()
        return 0 if state is None else state.step

    @property
    def _runs(self) -> Path:
        return self.study.output_dir / "runs"

    def _write_best(self) -> TrialRecord | None:
        best = best_trial(self.study.trials(), higher_is_better=self._measure.higher_is_better)
        if best is not None:
            write_best(self.study.best_file, self._base, self._joined.space, best)
        return best

    def _result(self) -> SearchResult:
        with self.study.deciding():
            best = self._write_best()
            return result_of(self.name, self.study.best_file, best, self.study.trials(), self._runs)


def _refusal(error: BrahmaError) -> str:
    problems = error.problems if isinstance(error, ConfigError) else ()
    return reason_of(problems[0] if problems else error)


def _refuse_several_processes() -> None:
    """Raises ConfigError under torchrun: a trial is trained by one process."""
    if int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise ConfigError(
            "a search trains each trial in one process",
            where="WORLD_SIZE",
            hint="start it without torchrun; several searches of one name share the work",
        )


def _leave_if(terminated: threading.Event) -> None:
    """Leave now, if the signal's exception was lost: Python drops one that is raised in a callback."""
    if terminated.is_set():
        raise SystemExit(EXIT_TERMINATED)


@contextmanager
def _terminating() -> Iterator[threading.Event]:
    """Leave by SystemExit on SIGTERM between the trials too; a trial in training sees to that itself."""
    terminated = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield terminated
        return

    def leave(_number: int, _frame: object) -> None:
        terminated.set()
        raise SystemExit(EXIT_TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, before)
