"""Trackers: each row arrives, and none of them can stop a run."""

import logging
import math
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from brahma.core.config.sections import Choice
from brahma.core.entries import TrackerEntry
from brahma.core.errors import ConfigError, PluginError
from brahma.core.plugins import Registration
from brahma.train import trackers as module
from brahma.train.monitor import METRICS, MetricsWriter, rewind
from brahma.train.trackers import FakeTracker, Row, TensorBoardTracker, Trackers, open_trackers


def curve(directory: Path, tag: str = "train/loss") -> list[tuple[int, float]]:
    accumulator = EventAccumulator(str(directory))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def attempt(directory: Path, number: int, start: int, stop: int) -> None:
    """Train steps start..stop as one launch of a run does."""
    rewind(directory / METRICS, start - 1)
    with MetricsWriter(directory / METRICS, number, TensorBoardTracker(directory)) as writer:
        for step in range(start, stop + 1):
            writer.write(step, {"train/loss": float(number), "train/lr": 0.5})


def test_tensorboard_shows_the_rows(tmp_path):
    attempt(tmp_path, 1, 1, 3)
    assert curve(tmp_path) == [(1, 1.0), (2, 1.0), (3, 1.0)]
    assert curve(tmp_path, "train/lr") == [(1, 0.5), (2, 0.5), (3, 0.5)]


def test_a_row_is_in_the_event_file_before_the_next(tmp_path):
    tracker = TensorBoardTracker(tmp_path)
    tracker.log(1, {"step": 1, "attempt": 1, "time": 0.0, "train/loss": 2.0})
    assert curve(tmp_path) == [(1, 2.0)]
    tracker.close()


def test_a_resumed_curve_does_not_double(tmp_path):
    attempt(tmp_path, 1, 1, 9)
    attempt(tmp_path, 2, 6, 7)
    attempt(tmp_path, 3, 7, 10)
    assert curve(tmp_path) == [(s, 1.0) for s in range(1, 6)] + [(6, 2.0)] + [(s, 3.0) for s in range(7, 11)]


def test_a_run_begun_again_shows_only_its_new_curve(tmp_path):
    attempt(tmp_path, 1, 1, 5)
    attempt(tmp_path, 2, 1, 2)
    assert curve(tmp_path) == [(1, 2.0), (2, 2.0)]


def test_a_value_that_is_no_number_leaves_a_gap(tmp_path):
    with MetricsWriter(tmp_path / METRICS, 1, TensorBoardTracker(tmp_path)) as writer:
        writer.write(1, {"train/loss": 1.0})
        writer.write(2, {"train/loss": math.nan})
        writer.write(3, {"train/loss": 1.0})
    assert [step for step, _ in curve(tmp_path)] == [1, 3]


def test_a_tracker_that_raises_is_named_once_and_the_others_go_on(caplog):
    broken, healthy = FakeTracker(RuntimeError("no network")), FakeTracker()
    trackers = Trackers({"wandb (brahma-wandb 1.0)": broken, "tensorboard (brahma-train 0.1.0)": healthy})
    for step in (1, 2, 3):
        trackers.log(step, {"step": step})
    trackers.close()
    assert len(healthy.rows) == 3
    assert healthy.closed
    assert broken.calls == 1
    (record,) = caplog.records
    assert "wandb (brahma-wandb 1.0)" in record.getMessage()
    assert record.exc_info


def test_a_tracker_can_neither_end_the_run_nor_change_its_rows(caplog):
    class Exiting(FakeTracker):
        def log(self, step, row) -> None:
            row.clear()
            raise SystemExit(0)

    healthy, row = FakeTracker(), {"step": 1}
    trackers = Trackers({"exiting": Exiting(), "healthy": healthy})
    trackers.log(1, row)
    assert row == {"step": 1} == healthy.rows[0]
    assert "exiting" in caplog.text


def test_a_tracker_that_fails_to_close_is_named(caplog):
    class Failing(FakeTracker):
        def close(self) -> None:
            raise RuntimeError("gone")

    last = FakeTracker()
    Trackers({"failing": Failing(), "last": last}).close()
    assert "failing" in caplog.text
    assert last.closed


class FakePlugins:
    """The one tracker that the tests open."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.opened: list[FakeTracker] = []

    def registration(self, kind: str, name: str, where: str) -> Registration:
        if name != "fake":
            raise PluginError(f"no {kind} is called {name!r}", where=where)
        entry = TrackerEntry(name="fake", target="somewhere:make")
        found = Registration(entry, "fake", "brahma-fake", "1.2")
        object.__setattr__(found, "load", lambda where: self.make)
        return found

    def options(self, entry: TrackerEntry, choice: Choice, where: str) -> None:
        if choice.options:
            raise ConfigError("takes no options", where=where)

    def make(self, directory: Path, config: object, options: object) -> FakeTracker:
        if self.error:
            raise self.error
        self.opened.append(FakeTracker())
        return self.opened[-1]


def open_with(plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch, *choices: Choice) -> Trackers:
    monkeypatch.setattr(module, "get_plugins", lambda: plugins)
    return open_trackers(choices, Path("runs/x"), None)  # type: ignore[arg-type]


def test_trackers_are_made_from_their_entries(monkeypatch):
    plugins = FakePlugins()
    open_with(plugins, monkeypatch, Choice(name="fake")).log(1, {"step": 1})
    assert plugins.opened[0].rows == [{"step": 1}]


def test_an_unknown_tracker_is_refused_with_its_key(monkeypatch):
    with pytest.raises(PluginError) as caught:
        open_with(FakePlugins(), monkeypatch, Choice(name="fake"), Choice(name="wandbb"))
    assert caught.value.where == "training_config.trackers[1]"


def test_options_that_a_tracker_does_not_take_are_refused(monkeypatch):
    with pytest.raises(ConfigError):
        open_with(FakePlugins(), monkeypatch, Choice.model_validate({"name": "fake", "project": "x"}))


def test_a_tracker_that_cannot_be_opened_is_named_with_its_distribution(monkeypatch, caplog):
    with caplog.at_level(logging.WARNING):
        open_with(FakePlugins(ConnectionError("no route")), monkeypatch, Choice(name="fake")).log(1, {})
    assert "fake (brahma-fake 1.2)" in caplog.text


def test_what_a_tracker_says_about_its_own_configuration_is_an_error(monkeypatch):
    with pytest.raises(ConfigError):
        open_with(FakePlugins(ConfigError("no such project")), monkeypatch, Choice(name="fake"))


class Waits(FakeTracker):
    """Takes its time by the clock of a test."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = seconds

    def log(self, step: int, row: Row) -> None:
        super().log(step, row)
        self.clock[0] += self.seconds


@pytest.mark.parametrize(
    ("between", "taken", "named"),
    [(1.0, 0.5, True), (10.0, 0.5, False), (0.01, 0.02, False)],
    ids=["slow", "a small part", "a tiny model"],
)
def test_a_tracker_that_takes_much_of_the_time_is_named_once(
    between: float, taken: float, named: bool, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [0.0]
    slow = Waits(clock, taken)
    quick = FakeTracker()
    trackers = Trackers({"slow (theirs 1.0)": slow, "quick (ours 1.0)": quick}, seconds=lambda: clock[0])
    for step in range(1, 25):
        clock[0] += between
        trackers.log(step, {"step": step})
    told = [record.getMessage() for record in caplog.records]
    assert told == ["tracker slow (theirs 1.0) takes 33 % of the training's time"] * named
    assert len(slow.rows) == len(quick.rows) == 24
