"""A study on disk: what is searched, and its trials. Everything that shows a search reads this and the runs.

<output_dir>/searches/<name>/search.json     what is searched, and where the study is kept
<output_dir>/searches/<name>/study.journal   the trials, unless another storage was asked for
<output_dir>/searches/<name>/search.lock     held (flock) while a process decides what to do next
<output_dir>/searches/<name>/locks/<number>  held while a process trains the trial of that number
<output_dir>/searches/<name>/best.json       the best configuration so far
<output_dir>/runs/<name>-trial-<number>/     the run of a trial
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.errors import RunError
from brahma.core.passwords import without_passwords
from brahma.core.runs.files import read_object, write_json
from brahma.train.search.history import distribution
from brahma.train.search.journal import open_storage, storage_errors
from brahma.train.search.locks import is_locked, locked, perhaps_out_of_memory
from brahma.train.search.parameters import Value
from brahma.train.search.ranges import Range, range_from_dict
from brahma.train.search.records import TrialRecord, best_trial

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FOLDER = "searches"
_VERSION = 1
_LOGINS: dict[str, str] = {}  # URL without its password -> as it was given to this process: kept nowhere else


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What makes a study: all who join it search the same.

    Attributes:
        space: name -> range.
        paths: name -> dotted key.
        metric: as `search.metric` has it.
        sampler: name and options.
        divisors: of a trial's length, at each rung.
        base: the configuration that is varied, but for what changes nothing of a trial.
        data: fingerprint of the packs.
    """

    space: Mapping[str, Range]
    paths: Mapping[str, str]
    metric: str
    higher_is_better: bool
    sampler: Mapping[str, Any]
    seed: int
    reduction_factor: int | None
    divisors: tuple[int, ...]
    base: Mapping[str, Any]
    data: str

    def to_dict(self) -> dict[str, Any]:
        space = {name: span.to_dict() for name, span in self.space.items()}
        fields = {name: value for name, value in vars(self).items() if name != "space"}
        return {"version": _VERSION, **fields, "divisors": list(self.divisors), "space": space}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Definition:
        """Raises RunError for one of another version."""
        if stored.get("version") != _VERSION:
            raise RunError(
                "the study was made by another version of Brahma",
                why=f"its definition has version {stored.get('version')}, this is version {_VERSION}",
                hint="finish it with the version that began it, or choose another search.name",
            )
        fields = {name: value for name, value in stored.items() if name != "version"}
        space = {name: range_from_dict(span) for name, span in fields["space"].items()}
        return cls(**{**fields, "space": space, "divisors": tuple(fields["divisors"])})


@dataclass(frozen=True, kw_only=True)
class NewTrial:
    """What is stored of a trial when it begins; see `TrialRecord`."""

    params: Mapping[str, Value]
    run: str
    steps: tuple[int, ...]
    tokens: tuple[int, ...]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How far a search goes: who joins it may change that.

    Attributes:
        trials, max_tokens: that are asked for.
        over: whether it got there.
    """

    trials: int
    max_tokens: int | None
    over: bool = False


class Study:
    """A study on disk, read anew at each access.

    Args:
        folder: `<output_dir>/searches/<name>`.
        storage: as `search.storage` has it; None: as the study was made. Of a URL, the password is that which
            this process was given, or what the database's driver finds (PGPASSWORD, ~/.pgpass).

    Attributes:
        place: where the study is kept; without a password.

    Raises:
        RunError: there is no study, or it cannot be read.
    """

    def __init__(self, folder: Path, storage: str | None = None) -> None:
        self.folder = folder
        self.name = folder.name
        given = storage if storage is not None else str(read_object(folder / "search.json")["storage"])
        self.place = without_passwords(given)
        if given != self.place:
            _LOGINS[self.place] = given
        self._opened: BaseStorage | None = None
        self._id: int | None = None

    @classmethod
    def open(cls, name: str | Path, output_dir: str | Path = ".") -> Study:
        """The study of that name in `output_dir/searches`, or in that folder.

        Raises:
            RunError: there is none; the nearest name is given.
        """
        from brahma.core.suggest import suggestion

        searches = Path(output_dir).absolute() / FOLDER
        for folder in (searches / str(name), Path(name).absolute()):
            if (folder / "search.json").is_file():
                return cls(folder)
        known = [path.parent.name for path in searches.glob("*/search.json")]
        raise RunError(
            f"no search is called {str(name)!r}",
            where=str(searches),
            hint=suggestion(str(name), known, nothing="there is none yet; `brahma search` makes one"),
        )

    @property
    def output_dir(self) -> Path:
        return self.folder.parent.parent

    @property
    def best_file(self) -> Path:
        """Where the best configuration is written."""
        return self.folder / "best.json"

    @property
    def definition(self) -> Definition | None:
        """What is searched; None where the study was not begun."""
        stored = self._attribute("definition")
        return None if stored is None else Definition.from_dict(stored)

    def begin(self, definition: Definition) -> None:
        """Store what is searched, under the lock.

        Raises:
            RunError: it cannot be written.
        """
        from optuna.study import StudyDirection

        direction = StudyDirection.MAXIMIZE if definition.higher_is_better else StudyDirection.MINIMIZE
        with storage_errors(self.place):
            try:
                study = self._study()
            except KeyError:
                study = self._storage.create_new_study([direction], self.name)
            self._storage.set_study_user_attr(study, "definition", definition.to_dict())
        write_json(self.folder / "search.json", {"storage": self.place, **definition.to_dict()})

    @property
    def course(self) -> Course | None:
        """As it was stored last; None where the study was not begun."""
        stored = self._attribute("course")
        return None if stored is None else Course(**stored)

    def set_course(self, course: Course) -> None:
        with storage_errors(self.place):
            self._storage.set_study_user_attr(self._study(), "course", vars(course))

    def trials(self) -> list[TrialRecord]:
        """All trials, by number."""
        with storage_errors(self.place):
            try:
                found = self._storage.get_all_trials(self._study(), deepcopy=False)
            except KeyError:
                return []
        return [self._record(trial) for trial in found]

    def best(self) -> TrialRecord | None:
        """The best trial of those that got furthest."""
        definition = self.definition
        if definition is None:
            return None
        return best_trial(self.trials(), higher_is_better=definition.higher_is_better)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Hold the study: what is read in this block stays so until its end, whoever else has joined."""
        with locked(self.folder / "search.lock", wait=True):
            yield

    def perhaps_out_of_memory(self, number: int) -> bool:
        """Whether the process that trained this trial last, and was killed, may have been so for memory."""
        return perhaps_out_of_memory(self._lock(number))

    @contextmanager
    def training(self, number: int) -> Iterator[None]:
        """Be the process that trains this trial. Enter it while `deciding`.

        Raises:
            RunError: another process trains it.
        """
        with locked(self._lock(number), wait=False):
            yield

    def add(self, trial: NewTrial) -> int:
        """Store a trial that begins, or is given up before it begins; its number."""
        from optuna.trial import TrialState, create_trial

        definition = self.definition
        assert definition is not None
        spans = {name: distribution(span) for name, span in definition.space.items()}
        attributes: dict[str, Any] = {
            "run": trial.run,
            "steps": list(trial.steps),
            "tokens": list(trial.tokens),
            "target": 0,
            "stops": [],
        }
        if trial.reason:
            attributes["reason"] = trial.reason
        state = TrialState.FAIL if trial.reason else TrialState.RUNNING
        frozen = create_trial(
            state=state, params=dict(trial.params), distributions=spans, user_attrs=attributes
        )
        with storage_errors(self.place):
            created = self._storage.create_new_trial(self._study(), template_trial=frozen)
            return self._storage.get_trial_number_from_id(created)

    def set_target(self, number: int, rung: int) -> None:
        """Store that a trial is trained to a rung."""
        self._set(number, stops=[], target=rung)

    def set_stops(self, number: int, stops: tuple[int, ...]) -> None:
        """Store from where processes went on that were killed."""
        self._set(number, stops=list(stops))

    def reach(self, number: int, rung: int, value: float, *, last: bool) -> None:
        """Store the value of a rung that a trial has reached."""
        from optuna.trial import TrialState

        with storage_errors(self.place):
            trial = self._trial_id(number)
            stored = self._storage.get_trial(trial)
            if stored.state.is_finished():
                return
            spent = stored.user_attrs.get("spent", [])
            if len(spent) == rung:
                self._storage.set_trial_user_attr(trial, "spent", [*spent, self._spent_with(number, rung)])
            self._storage.set_trial_intermediate_value(trial, rung, value)
            if last:
                self._storage.set_trial_state_values(trial, TrialState.COMPLETE, [value])

    def give_up(self, number: int, reason: str, lost: int) -> None:
        """Store why a trial is not trained any further."""
        from optuna.trial import TrialState

        self._set(number, reason=reason, lost=lost)
        with storage_errors(self.place):
            self._storage.set_trial_state_values(self._trial_id(number), TrialState.FAIL)

    def settle(self) -> None:
        """Put right what a killed process left: a trial at its end that is not called complete."""
        for trial in self.trials():
            if trial.status == "finished":
                assert trial.value is not None
                self.reach(trial.number, trial.rung, trial.value, last=True)

    def forget(self) -> None:
        """Delete the study, but for the runs."""
        with storage_errors(self.place):
            self._storage.delete_study(self._study())
        self._id = None
        (self.folder / "search.json").unlink(missing_ok=True)

    def _attribute(self, name: str) -> Any:
        """What is stored with the study; None where there is no such thing, or no study."""
        with storage_errors(self.place):
            try:
                return self._storage.get_study_user_attrs(self._study()).get(name)
            except KeyError:
                return None

    def _spent_with(self, number: int, rung: int) -> int:
        """Tokens that all trials together were trained on when this one reached a rung."""
        return sum(trial.tokens[rung] if trial.number == number else trial.spent for trial in self.trials())

    def _set(self, number: int, **attributes: Any) -> None:
        with storage_errors(self.place):
            trial = self._trial_id(number)
            for name, value in attributes.items():
                self._storage.set_trial_user_attr(trial, name, value)

    def _record(self, trial: FrozenTrial) -> TrialRecord:
        from optuna.trial import TrialState

        known = trial.user_attrs
        values = tuple(trial.intermediate_values[rung] for rung in sorted(trial.intermediate_values))
        target = int(known["target"])
        reached = target < len(values) or trial.state == TrialState.FAIL
        return TrialRecord(
            number=trial.number,
            params=dict(trial.params),
            run=known["run"],
            steps=tuple(known["steps"]),
            tokens=tuple(known["tokens"]),
            values=values,
            target=None if reached else target,
            alive=not reached and is_locked(self._lock(trial.number)),
            stops=tuple(known["stops"]),
            reason=known.get("reason", "") if trial.state == TrialState.FAIL else "",
            lost=known.get("lost", 0) if trial.state == TrialState.FAIL else 0,
            spent_by_all=tuple(known.get("spent", ())),
        )

    @property
    def _storage(self) -> BaseStorage:
        if self._opened is None:
            self._opened = open_storage(_LOGINS.get(self.place, self.place), self.folder)
        return self._opened

    def _study(self) -> int:
        """Raises KeyError where the storage has no study of this name."""
        if self._id is None:
            self._id = self._storage.get_study_id_from_name(self.name)
        return self._id

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study(), number)

    def _lock(self, number: int) -> Path:
        return self.folder / "locks" / str(number)


def differences(old: Definition, new: Definition) -> list[str]:
    """In words, what of the study this search has otherwise; empty where it may join."""
    found = []
    for name in {**old.space, **new.space}:
        before, after = old.space.get(name), new.space.get(name)
        if before != after:
            found.append(f"{name}: {_in_words(before)}; now {_in_words(after)}")
    for field, label in _FIELDS.items():
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            found.append(f"{label}: {_shown(before)}; now {_shown(after)}")
    for key, was, now in _config_changes(old.base, new.base):
        found.append(f"{key}: {_shown(was)}; now {_shown(now)}")
    return found


_FIELDS = {
    "metric": "metric",
    "higher_is_better": "higher_is_better",
    "sampler": "sampler",
    "seed": "seed",
    "reduction_factor": "reduction_factor",
    "divisors": "rungs, as parts of a trial",
    "data": "data, by fingerprint",
}


def _in_words(span: Range | None) -> str:
    return "not searched" if span is None else str(span)


def _shown(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, tuple) else ", ".join(f"1/{each}" for each in value)


def _config_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    from brahma.core.config import diff

    return diff(old, new)
