"""A model that the hub cannot give is named at once; a copy in the hub's cache is taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brahma.core.errors import ModelError
from brahma.core.hub import reachable_source
from brahma.core.models import load_model
from brahma.core.spec import ModelSpec
from tests.core.run_folders import write_run


def configure(name: str) -> object:
    return ModelSpec.from_pretrained(name).hf_config()


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("load", [reachable_source, load_model, configure])
def test_a_hub_that_cannot_be_asked_is_told_within_seconds(load: Callable[[str], object]) -> None:
    begun = time.monotonic()
    with pytest.raises(ModelError, match="no such model") as raised:
        load("owner/nowhere")
    assert time.monotonic() - begun < 6
    assert raised.value.where == "owner/nowhere"
    assert "the hub cannot be asked" in str(raised.value.why)


def cached(cache: Path, name: str, file: str, text: str) -> Path:
    """A copy of `owner/<name>` in the hub's cache."""
    repository = cache / f"models--owner--{name}"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / file).write_text(text, encoding="utf-8")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123", encoding="utf-8")
    return snapshot


def test_a_copy_in_the_cache_is_used_when_the_hub_is_silent(no_hub: Path) -> None:
    snapshot = cached(no_hub, "copied", "config.json", '{"model_type": "llama"}')
    assert Path(reachable_source("owner/copied")) == snapshot
    assert ModelSpec.from_pretrained("owner/copied").to_dict()["model_type"] == "llama"


def test_a_copy_may_be_a_tokenizer_alone(no_hub: Path) -> None:
    snapshot = cached(no_hub, "words", "tokenizer.json", "{}")
    assert Path(reachable_source("owner/words")) == snapshot


@pytest.mark.usefixtures("no_hub")
def test_what_cannot_be_a_hub_id_is_named() -> None:
    with pytest.raises(ModelError, match="no such model") as raised:
        reachable_source("no spaces allowed")
    assert "cannot be a hub id" in str(raised.value.why)


def test_a_run_is_no_model_but_its_best_checkpoint_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path, "mine", checkpoints=(10, 20), best="checkpoint-10")
    with pytest.raises(ModelError, match="this is a run, not a model") as raised:
        reachable_source(run.directory)
    assert f'"{run.directory / "checkpoints" / "checkpoint-10"}"' in str(raised.value.hint)
    assert reachable_source(run.best) == str(run.best)


@pytest.mark.usefixtures("no_hub")
def test_a_runs_name_is_answered_with_its_best_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path, "mine", checkpoints=(10,))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no such model") as raised:
        reachable_source("mine")
    assert str(run.best) in str(raised.value.hint)
