"""Every example runs on the data that it ships."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from brahma import Run, Search, Trainer
from brahma.core.config import load_config
from tests.docs.pages import ROOT

CONFIGURATIONS = sorted(path.name for path in (ROOT / "examples").glob("*.json"))


def train(name: str, *overrides: str) -> Run:
    return Trainer.from_config(load_config(Path("examples") / name, overrides)).fit()


def run_script(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(Path("examples") / name), run_name="__main__")


def validation_losses(run: Run) -> list[float]:
    return [row["eval/loss"] for row in run.metrics() if "eval/loss" in row]


@pytest.fixture(scope="module")
def base(clone: Path) -> Run:
    """What the other configurations start from."""
    return train("pretrain_text.json")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_an_example_configuration_is_valid(name: str) -> None:
    path = ROOT / "examples" / name
    assert load_config(path).source == path


def test_pretraining_on_text_lowers_the_validation_loss(base: Run) -> None:
    first, last = validation_losses(base)
    assert last < first


@pytest.mark.parametrize(
    "name", ["finetune_chat.json", "finetune_completion.json", "finetune_lora.json", "finetune_qlora.json"]
)
def test_tuning_starts_from_the_pretrained_checkpoint_and_learns(name: str, base: Run) -> None:
    run = train(name)
    losses = [row["train/loss"] for row in run.metrics() if "train/loss" in row]
    assert run.status == "finished"
    assert losses[-1] < losses[0]


def test_a_search_finds_what_is_no_worse_than_the_configuration_as_given(clone: Path) -> None:
    result = Search(Path("examples") / "search.json").run()
    given = result.trials[0]
    rung = min(result.best.rung, given.rung)
    assert (len(result.trials), given.params["lr"]) == (6, 2e-3)
    assert result.best.values[rung] <= given.values[rung]
    assert result.tokens <= 100_000
    assert [path.name for path in result.pictures] == ["history.png", "importance.png", "parameters.png"]
    assert load_config(result.file).config.training.lr == result.params["lr"]


def test_evaluate_custom_measures_and_writes(
    base: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script(monkeypatch, "evaluate_custom.py", str(base.directory))
    out = capsys.readouterr().out
    assert "bits per byte" in out
    assert "said:  exact match" in out
    assert "chose: accuracy" in out
    assert "wrote:" in out


def test_sdk_train_names_the_best_checkpoint(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script(monkeypatch, "sdk_train.py", "output")
    assert str(Run(clone / "output" / "runs" / "run-1").best) in capsys.readouterr().out


def test_prepare_data_cleans_splits_and_converts(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_script(monkeypatch, "prepare_data.py", "output/data")
    out = capsys.readouterr().out
    assert "cleaned by the profile repair-chat: 24 of 24" in out
    assert "validation: " in out
    converted = (clone / "output" / "data" / "train_sharegpt.jsonl").read_text("utf-8").splitlines()
    assert 15 < len(converted) < 24
    assert "conversations" in json.loads(converted[0])


def test_every_example_is_listed_in_the_readme() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    files = [path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".json")]
    assert [name for name in files if f"({name})" not in text] == []
