"""`brahma search`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from brahma.core.errors import ConfigError
from brahma.train.search.command import search
from tests.train.search.small_search import write_base

pytestmark = pytest.mark.usefixtures("quick_start")


def test_the_last_line_is_the_path_of_the_best_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_base(tmp_path, {"name": None, "parameters": None})
    words = [
        "--config",
        str(path),
        "--trials",
        "3",
        "--optimize",
        "lr, warmup_steps",
        "--metric",
        "perplexity",
    ]
    shown = CliRunner().invoke(search, words, catch_exceptions=False)
    best = tmp_path / "searches" / "base_config" / "best.json"
    assert shown.stdout == f"{best}\n"
    assert "search base_config: the lowest perplexity of 3 trials" in shown.stderr
    assert "tokens in 3 trials" in shown.stderr
    training = json.loads(best.read_text())["training_config"]
    assert training.keys() >= {"lr", "warmup_steps", "max_steps"}


def test_what_is_wrong_is_said_before_anything_is_made(tmp_path: Path) -> None:
    path = write_base(tmp_path, {"parameters": None})
    with pytest.raises(ConfigError, match="no parameter is called 'batchsize'"):
        search.main(["--config", str(path), "--optimize", "batchsize"], standalone_mode=False)
    with pytest.raises(ConfigError, match="nothing is searched"):
        search.main(["--config", str(path)], standalone_mode=False)
    assert not (tmp_path / "searches").exists()
