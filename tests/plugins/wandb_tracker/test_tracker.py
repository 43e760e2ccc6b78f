"""The tracker wandb, offline: what it stores is read back from its file.

The folder is not called wandb: pytest would import that library to find out what this module is called.
"""

from __future__ import annotations

import json
import logging
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from brahma.core.config import Choice, Config
from brahma.core.errors import ConfigError
from brahma.train.trackers import Trackers, open_trackers

ROW: dict[str, Any] = {
    "step": 3,
    "attempt": 1,
    "time": 1000.5,
    "train/loss": 2.5,
    "train/lr": None,
    "nonfinite": {},
}
_HEADER, _BLOCK = 7, 32768  # of the file, and of a record; LevelDB's log format


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No key, no settings, no server; wandb keeps them for the process, and forgets them afterwards."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    yield
    wandb.teardown()


def opened(folder: Path, **options: Any) -> Trackers:
    config = Config.model_validate(
        {
            "model_config": {"preset": "nano"},
            "data_config": {"train": "x.txt"},
            "training_config": {"lr": 0.25},
        }
    )
    directory = folder / "one"
    directory.mkdir(exist_ok=True)
    return open_trackers([Choice.model_validate({"name": "wandb", **options})], directory, config)


def records(path: Path) -> Iterator[Any]:
    """What wandb stored, in order."""
    from wandb.proto import wandb_internal_pb2

    data, at, held = path.read_bytes(), _HEADER, b""
    while at + _HEADER <= len(data):
        if _BLOCK - at % _BLOCK < _HEADER:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + _HEADER])
        held += data[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]  # made at import
            record.ParseFromString(held)
            held = b""
            yield record


def stored(path: Path, *, patience: float = 20.0) -> list[Any]:
    """All records: wandb's own process may write the last of them a moment after `close`."""
    end = time.monotonic() + patience
    while not any(record.HasField("exit") for record in records(path)) and time.monotonic() < end:
        time.sleep(0.05)
    return list(records(path))


def test_without_a_key_rows_are_stored_for_later_under_one_id(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for step in (3, 4):
        time.sleep(1.1)  # wandb names a folder by its second
        tracker = opened(tmp_path, project="harbour", tags=["chat"])
        tracker.log(step, ROW | {"step": step})
        tracker.close()
    identity = json.loads((tmp_path / "one" / "wandb.json").read_text())["id"]
    files = sorted((tmp_path / "one" / "wandb").glob("offline-run-*/*.wandb"))
    assert [file.name for file in files] == [f"run-{identity}.wandb"] * len(files)
    found = [record for file in files for record in stored(file)]
    (run, *_) = [record.run for record in found if record.HasField("run")]
    assert (run.project, run.display_name, list(run.tags)) == ("harbour", "one", ["chat"])
    values = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert values["training_config"]["lr"] == 0.25
    rows = [record.history for record in found if record.HasField("history")]
    told = [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row.item}
        for row in rows
    ]
    assert [(row["step"], row["train/loss"]) for row in told] == [(3, 2.5), (4, 2.5)]
    assert all("train/lr" not in row for row in told)
    assert capfd.readouterr() == ("", "")


def test_its_process_may_start_slowly(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert wandb.setup().settings.x_service_wait >= 300


def test_online_without_a_key_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wandb has no API key") as caught:
        opened(tmp_path, mode="online")
    assert "wandb login" in str(caught.value)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named_once_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("brahma_wandb.tracker._PATIENCE", 3.0)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "brahma"):
        tracker = opened(tmp_path)
        tracker.log(3, ROW)
        tracker.close()
    assert time.monotonic() - began < 60
    (told,) = [each for each in caplog.records if each.name.startswith("brahma")]
    assert "tracker wandb (brahma-wandb" in told.getMessage()
