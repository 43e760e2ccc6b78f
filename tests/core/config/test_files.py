"""The files that a configuration names are there, or are named with their lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brahma.core.config import load_config
from brahma.core.config.files import check_files
from brahma.core.errors import ConfigError


def write(folder: Path, **data: object) -> Path:
    values = {"model_config": {"preset": "nano"}, "tokenizer": {"train": {}}, "data_config": data}
    path = folder / "my.json"
    path.write_text(json.dumps(values, indent=1))
    return path


def test_files_folders_and_globs_that_are_there_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    path = write(tmp_path, train=["a.txt", "*.txt", "."], validation="a.txt", template="a.txt")
    check_files(load_config(path))


def test_the_folder_of_the_tasks_data_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    path = write(tmp_path, train="a.txt")
    values = json.loads(path.read_text()) | {"evaluation": {"tasks": "hellaswag", "data_dir": "tasks"}}
    path.write_text(json.dumps(values))
    with pytest.raises(ConfigError) as caught:
        check_files(load_config(path))
    [problem] = caught.value.problems
    assert problem.message.endswith(f"there is no such file or folder: {tmp_path}/tasks")


def test_everything_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one")
    train = ["txet.txt", "https://example.org/a.txt", "*.jsonl", "no/where.txt"]
    with pytest.raises(ConfigError) as caught:
        check_files(load_config(write(tmp_path, train=train, template="t.jinja")))
    told = [(problem.message.partition(":")[2].strip(), problem.hint) for problem in caught.value.problems]
    assert told == [
        (f"there is no such file or folder: {tmp_path}/txet.txt", "did you mean text.txt?"),
        ("https://example.org/a.txt is an address; nothing is fetched", "download it, and name the file"),
        (f"no file matches {tmp_path}/*.jsonl", "`**` reaches into folders"),
        (
            f"there is no such file or folder: {tmp_path}/no/where.txt",
            f"the folder {tmp_path}/no is not there either; a path is relative to the file that names it",
        ),
        (
            f"there is no such file or folder: {tmp_path}/t.jinja",
            f"it is looked for in {tmp_path}; check the name",
        ),
    ]
    lines = [str(problem.where).rpartition("my.json:")[2] for problem in caught.value.problems]
    assert lines == ["9", "9", "9", "9", "15"]


def test_a_flag_is_named_as_the_place_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    resolved = load_config(write(tmp_path, train="a.txt"), ["data_config.train=b.txt"])
    with pytest.raises(ConfigError) as caught:
        check_files(resolved)
    assert caught.value.problems[0].where == "--set"


def test_data_that_was_placed_in_the_data_folder_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, out, config = (tmp_path / name for name in ("here", "out", "config"))
    for folder in (here, out, config):
        (folder / "data").mkdir(parents=True)
    monkeypatch.chdir(here)
    path = write(config, train="a.jsonl", validation=["b.jsonl", "*.txt"])
    for folder in (config, here, out):  # each goes before the last
        (folder / "data" / "a.jsonl").write_text("{}")
        assert load_config(path, ["output_dir=../out"]).config.data.train == str(folder / "data" / "a.jsonl")
    (here / "data" / "b.jsonl").write_text("{}")
    (here / "data" / "c.txt").write_text("c")
    resolved = load_config(path, ["output_dir=../out"])
    check_files(resolved)
    assert resolved.config.data.validation == [str(here / "data" / "b.jsonl"), str(here / "data" / "*.txt")]
    assert resolved.origins["data_config.train"].endswith(", found in data/")
    (config / "a.jsonl").write_text("{}")
    resolved = load_config(path, ["output_dir=../out"])
    assert resolved.config.data.train == str(config / "a.jsonl")
    assert "found" not in resolved.origins["data_config.train"]
