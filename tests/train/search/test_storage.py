"""A study on disk: what is stored is read again, whatever happened to who wrote it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import MissingDependencyError, RunError
from brahma.train.search.journal import open_storage
from brahma.train.search.parameters import Value
from brahma.train.search.ranges import Numbers, Values
from brahma.train.search.storage import Definition, NewTrial, Study, differences

PARAMS: dict[str, Value] = {"lr": 1e-3, "name": "a", "flag": True, "none": None}


def definition(**changes: Any) -> Definition:
    fields: dict[str, Any] = {
        "space": {
            "lr": Numbers(1e-5, 1e-2, log=True),
            "name": Values(("a", "b")),
            "flag": Values((True, False)),
            "none": Values((None, 2)),
        },
        "paths": {name: f"training_config.{name}" for name in PARAMS},
        "metric": "loss",
        "higher_is_better": False,
        "sampler": {"name": "tpe"},
        "seed": 0,
        "reduction_factor": 3,
        "divisors": (9, 3, 1),
        "base": {"training_config.lr": 1e-3},
        "data": "abc",
    }
    return Definition(**{**fields, **changes})


def made(folder: Path, storage: str = "journal") -> Study:
    study = Study(folder / "searches" / "study", storage)
    with study.deciding():
        study.begin(definition())
    return study


def new(number: int = 0) -> NewTrial:
    return NewTrial(params=PARAMS, run=f"run-{number}", steps=(1, 3, 9), tokens=(10, 30, 90))


@pytest.fixture(params=["journal", "file", "sqlite"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Study:
    places = {
        "journal": "journal",
        "file": f"{tmp_path}/a/my.journal",
        "sqlite": f"sqlite:///{tmp_path}/s.db",
    }
    return made(tmp_path, places[request.param])


def test_what_is_stored_is_read_again(study: Study) -> None:
    study.add(new(0))
    study.add(new(1))
    study.reach(0, 0, 3.5, last=False)
    study.set_target(0, 1)
    study.set_stops(0, (4,))
    study.give_up(1, "out of memory", 5)
    again = Study.open("study", study.output_dir)
    assert again.definition == definition()
    first, second = again.trials()
    assert (first.params, first.values, first.target, first.status) == (PARAMS, (3.5,), 1, "waiting")
    assert [type(value) for value in first.params.values()] == [float, str, bool, type(None)]
    assert (first.steps, first.tokens, first.stops, first.run) == ((1, 3, 9), (10, 30, 90), (4,), "run-0")
    assert (second.status, second.reason, second.spent) == ("failed", "out of memory", 5)


def test_a_trial_is_running_as_long_as_its_process_trains_it(study: Study) -> None:
    number = study.add(new())
    with study.training(number):
        assert study.trials()[0].status == "running"
        with pytest.raises(RunError, match="trial 0 is being trained by process"), study.training(number):
            pass
    assert study.trials()[0].status == "waiting"


def test_a_kill_is_for_memory_only_where_the_system_may_have_counted_one(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = study.add(new())
    for before, now, perhaps in [
        ("a:1", "a:1", False),
        ("a:1", "a:2", True),
        ("a:1", "b:1", True),
        ("", "", True),
    ]:
        monkeypatch.setattr("brahma.train.search.locks.memory_kills", lambda said=before: said)
        with study.training(number):
            pass
        monkeypatch.setattr("brahma.train.search.locks.memory_kills", lambda said=now: said)
        assert study.perhaps_out_of_memory(number) == perhaps, (before, now)


def test_a_trial_at_its_end_is_complete_for_optuna_too(study: Study) -> None:
    import optuna

    study.add(new())
    for rung, value in enumerate((3.0, 2.0)):
        study.reach(0, rung, value, last=False)
    study.reach(0, 2, 1.0, last=False)  # and killed, before it was called complete
    assert study.trials()[0].status == "finished"
    study.settle()
    storage = open_storage(study.place, study.folder)
    found = optuna.load_study(study_name="study", storage=storage)
    assert (found.best_trial.state.name, found.best_value, found.best_params) == ("COMPLETE", 1.0, PARAMS)
    study.settle()
    assert study.trials()[0].values == (3.0, 2.0, 1.0)


def test_a_line_that_a_kill_has_torn_is_left_out(tmp_path: Path) -> None:
    study = made(tmp_path)
    study.add(new(0))
    journal = study.folder / "study.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"worker_id":"x","stu')
    again = Study.open("study", tmp_path)
    assert len(again.trials()) == 1
    assert journal.read_bytes() == whole
    again.add(new(1))
    assert [trial.run for trial in Study.open("study", tmp_path).trials()] == ["run-0", "run-1"]


def test_a_line_that_another_process_has_torn_spoils_no_other(tmp_path: Path) -> None:
    study = made(tmp_path)
    study.add(new(0))
    with (study.folder / "study.journal").open("ab") as journal:
        journal.write(b'{"op_code":4,"worker_id":"x","stu')
    study.add(new(1))
    assert [trial.run for trial in Study.open("study", tmp_path).trials()] == ["run-0", "run-1"]


def test_a_journal_that_is_none_is_told(tmp_path: Path) -> None:
    study = made(tmp_path)
    (study.folder / "study.journal").write_bytes(b"not json\nnor this\n")
    with pytest.raises(RunError, match="the study's storage failed"):
        Study.open("study", tmp_path).trials()


def test_a_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises((RunError, MissingDependencyError)) as caught:
        open_storage("postgresql://me:secret@nowhere.invalid/db", tmp_path)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_kept_but_known_to_the_process_that_was_given_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a database's server: sqlite under a URL with a login."""
    opened: list[str] = []

    def opens(place: str, folder: Path) -> Any:
        opened.append(place)
        return open_storage(f"sqlite:///{tmp_path}/study.db", folder)

    monkeypatch.setattr("brahma.train.search.storage.open_storage", opens)
    url = "postgresql://me:secret@host/db"
    study = made(tmp_path, url)
    study.add(new())
    assert "secret" not in (study.folder / "search.json").read_text()
    again = Study.open("study", tmp_path)
    assert (again.place, len(again.trials())) == ("postgresql://me@host/db", 1)
    assert opened == [url, url]


def test_a_databases_driver_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError) as caught:
        open_storage("postgresql+psycopg2cffi://me@nowhere.invalid/db", tmp_path)
    assert caught.value.hint == "pip install psycopg2cffi"


def test_differences_are_named() -> None:
    new = definition(
        space={**definition().space, "lr": Numbers(1e-4, 1e-2, log=True)},
        metric="perplexity",
        divisors=(3, 1),
        base={"training_config.lr": 1e-3, "lora_config.r": 8},
    )
    assert differences(definition(), definition()) == []
    assert differences(definition(), new) == [
        "lr: 1e-05 to 0.01, logarithmic; now 0.0001 to 0.01, logarithmic",
        'metric: "loss"; now "perplexity"',
        "rungs, as parts of a trial: 1/9, 1/3, 1/1; now 1/3, 1/1",
        "lora_config.r: null; now 8",
    ]


def test_a_study_of_another_version_is_refused() -> None:
    with pytest.raises(RunError, match="another version of Brahma"):
        Definition.from_dict({**definition().to_dict(), "version": 99})


@pytest.mark.parametrize("read", ["definition", "course"])
def test_a_database_that_breaks_is_named(tmp_path: Path, read: str) -> None:
    study = made(tmp_path, f"sqlite:///{tmp_path}/s.db")
    assert study.definition == definition()
    with closing(sqlite3.connect(tmp_path / "s.db")) as database:
        database.execute("DROP TABLE study_user_attributes")
    with pytest.raises(RunError, match="the study's storage failed") as caught:
        getattr(study, read)
    assert caught.value.where == f"sqlite:///{tmp_path}/s.db"
