"""Runs that go on after what is installed has changed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import PluginError
from brahma.core.plugins import PLUGINS_VARIABLE, get_plugins
from brahma.core.runs import Run
from tests.train.adapter_run import adapter_run, base_run
from tests.train.small_run import signal_at_step

pytestmark = pytest.mark.usefixtures("quick_start")


def stopped(base: Path, folder: Path, **changes: Any) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        signal_at_step(patch, 3, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            adapter_run(base, folder, **changes)
    return Run(folder / "runs" / "run")


def test_another_quantizer_is_never_taken_in_the_middle_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, any_quantizer = base_run(tmp_path / "base"), {"bits": 4, "group_size": 32}
    stopped(base, tmp_path, quantization=any_quantizer)
    monkeypatch.setenv(PLUGINS_VARIABLE, "brahma-hqq")
    get_plugins.cache_clear()
    try:
        with pytest.raises(PluginError, match="the quantizer 'bitsandbytes' is not installed"):
            adapter_run(base, tmp_path, quantization=any_quantizer, resume="auto")
    finally:
        monkeypatch.undo()
        get_plugins.cache_clear()
    run = adapter_run(base, tmp_path, quantization=any_quantizer, resume="auto")
    assert run.status == "finished"
    record = json.loads((run.last / "brahma_adapter.json").read_text())
    assert record["quantization"]["quantizer"]["name"] == "bitsandbytes"


def test_a_plugin_of_another_version_is_told_at_a_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = base_run(tmp_path / "base")
    environment = stopped(base, tmp_path).directory / "environment.json"
    noted = json.loads(environment.read_text())
    now = noted["plugins"]["brahma-hqq"]
    noted["plugins"]["brahma-hqq"] = "0.0.9"
    environment.write_text(json.dumps(noted))
    capsys.readouterr()
    adapter_run(base, tmp_path, resume="auto")
    assert f"brahma-hqq was 0.0.9 and is {now}" in capsys.readouterr().err
    assert json.loads(environment.read_text())["plugins"]["brahma-hqq"] == now
