"""What a shell is offered, without a shell."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from brahma.core import complete
from brahma.core.runs import create_run

PARAMETER = click.Argument(["word"])


def context(**values: object) -> click.Context:
    found = click.Context(click.Command("any"))
    found.params.update(values)
    return found


def values(items: complete.Items) -> list[str]:
    return [item.value for item in items]


def test_runs_are_those_of_the_output_directory(tmp_path: Path) -> None:
    for name in ("second", "first", "sector"):
        create_run(tmp_path, name, "")
    ctx = context(output_dir=tmp_path)
    assert values(complete.run_names(ctx, PARAMETER, "")) == ["first", "second", "sector"]
    assert values(complete.run_names(ctx, PARAMETER, "sec")) == ["second", "sector"]
    assert values(complete.resume(ctx, PARAMETER, "")) == ["never", "auto", "first", "second", "sector"]


def test_where_no_run_begins_so_a_model_is_a_folder(tmp_path: Path) -> None:
    create_run(tmp_path, "mine", "")
    ctx = context(output_dir=tmp_path)
    assert values(complete.models(ctx, PARAMETER, "mi")) == ["mine"]
    assert [item.type for item in complete.models(ctx, PARAMETER, "./models/")] == ["dir"]


def test_without_runs_nothing_is_offered(tmp_path: Path) -> None:
    assert complete.run_names(context(output_dir=tmp_path), PARAMETER, "") == []


def test_searches_are_offered_by_name(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / "searches" / name).mkdir(parents=True)
    ctx = context(output_dir=tmp_path)
    assert values(complete.search_names(ctx, PARAMETER, "s")) == ["second"]
    assert complete.search_names(context(output_dir=tmp_path / "none"), PARAMETER, "") == []


def test_presets_are_offered() -> None:
    assert values(complete.presets(context(), PARAMETER, "m")) == ["micro", "medium"]


def test_keys_stand_with_their_section_and_an_equals_sign() -> None:
    keys = values(complete.config_keys(context(), PARAMETER, ""))
    assert {"training_config.lr=", "data_config.seq_length=", "run_name=", "lora_config.r="} <= set(keys)
    assert "training_config=" not in keys
    assert values(complete.config_keys(context(), PARAMETER, "training_config.epo")) == [
        "training_config.epochs="
    ]


def test_configuration_files_and_folders_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.yaml", "c.toml", "d.txt", ".hidden.json", "deep/e.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert values(complete.config_files(context(), PARAMETER, "")) == ["a.json", "b.yaml", "c.toml", "deep/"]
    assert values(complete.config_files(context(), PARAMETER, "de")) == ["deep/"]
    assert values(complete.config_files(context(), PARAMETER, "deep/")) == ["deep/e.yml"]
    absolute = f"{tmp_path}/deep/"
    assert values(complete.config_files(context(), PARAMETER, absolute)) == [f"{absolute}e.yml"]
    assert values(complete.config_files(context(), PARAMETER, "absent/")) == []


def test_names_with_blanks_are_left_to_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my run.json").touch()
    monkeypatch.chdir(tmp_path)
    assert [item.type for item in complete.config_files(context(), PARAMETER, "my")] == ["file"]
