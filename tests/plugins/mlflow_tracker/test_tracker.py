"""The tracker mlflow on a real store in a folder.

The folder is not called mlflow: pytest would import that library to find out what this module is called.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config import Choice, Config
from brahma.train.trackers import Trackers, open_trackers
from tests.train.small_run import interrupted, train

ROW: dict[str, Any] = {
    "step": 3,
    "attempt": 1,
    "time": 1000.5,
    "train/loss": 2.5,
    "train/lr": None,
    "nonfinite": {},
}


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # which leaves a file in the home folder


def opened(folder: Path, **options: Any) -> Trackers:
    config = Config.model_validate(
        {
            "model_config": {"preset": "nano"},
            "data_config": {"train": "x.txt"},
            "training_config": {"lr": 0.25},
            "output_dir": str(folder),
        }
    )
    directory = folder / "runs" / "one"
    directory.mkdir(parents=True, exist_ok=True)
    return open_trackers([Choice.model_validate({"name": "mlflow", **options})], directory, config)


def client(folder: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=(folder / "mlruns").as_uri())


def run_id(folder: Path, run: str = "one") -> str:
    return str(json.loads((folder / "runs" / run / "mlflow.json").read_text())["run_id"])


def test_configuration_and_rows_are_in_the_store(tmp_path: Path) -> None:
    tracker = opened(tmp_path, experiment="harbour")
    tracker.log(3, ROW)
    tracker.close()
    kept = client(tmp_path).get_run(run_id(tmp_path))
    assert kept.info.run_name == "one"
    assert kept.info.status == "FINISHED"
    assert kept.data.params["training_config.lr"] == "0.25"
    assert kept.data.metrics == {"train/loss": 2.5}
    (point,) = client(tmp_path).get_metric_history(run_id(tmp_path), "train/loss")
    assert (point.step, point.timestamp) == (3, 1000500)
    assert client(tmp_path).get_experiment(kept.info.experiment_id).name == "harbour"


def test_a_run_whose_mlflow_run_is_gone_gets_a_new_one(tmp_path: Path) -> None:
    opened(tmp_path).close()
    kept = tmp_path / "runs" / "one" / "mlflow.json"
    told = json.loads(kept.read_text())
    kept.write_text(json.dumps(told | {"run_id": "0" * 32}))
    opened(tmp_path).close()
    assert run_id(tmp_path) != "0" * 32


@pytest.mark.slow
def test_a_resumed_run_goes_on_in_its_mlflow_run(tmp_path: Path) -> None:
    options: dict[str, Any] = {"trackers": ["mlflow"], "logging_steps": 1}
    interrupted(tmp_path, 4, **options)
    first = run_id(tmp_path, "run")
    train(tmp_path, resume="auto", **options)
    assert run_id(tmp_path, "run") == first
    steps = [point.step for point in client(tmp_path).get_metric_history(first, "train/loss")]
    assert sorted(set(steps)) == list(range(1, 9))
    assert client(tmp_path).get_run(first).info.status == "FINISHED"


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named_once_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "brahma"):
        tracker = opened(tmp_path, tracking_uri="http://127.0.0.1:9")
        tracker.log(3, ROW)
        tracker.close()
    assert time.monotonic() - began < 60
    (told,) = [each for each in caplog.records if each.name.startswith("brahma")]
    assert "tracker mlflow (brahma-mlflow" in told.getMessage()
