"""Tasks by name: aliases, wildcards, one's own; unknown ones with the nearest name."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from brahma.core.errors import ConfigError, MissingDependencyError

pytest.importorskip("lm_eval")

from brahma.evaluation.harness import registry as module
from brahma.evaluation.harness.registry import (
    TaskSummary,
    find_tasks,
    list_tasks,
    lm_eval_version,
    registry,
)

OWN = "task: harbour\ndataset_path: me/harbour\ntest_split: test\ndoc_to_text: q\ndoc_to_target: a\n"


def test_names_are_found_in_lists_and_with_commas_each_once() -> None:
    assert find_tasks("hellaswag, mmlu,hellaswag") == ("hellaswag", "mmlu")
    assert find_tasks(["gsm8k", "hellaswag,gsm8k"]) == ("gsm8k", "hellaswag")


def test_an_alias_means_its_tasks() -> None:
    assert find_tasks("truthfulqa") == ("truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen")
    assert find_tasks("wikitext2") == ("wikitext",)


def test_wildcards_are_those_of_a_shell() -> None:
    assert find_tasks("truthfulqa_mc?") == ("truthfulqa_mc1", "truthfulqa_mc2")
    assert "mmlu_anatomy" in find_tasks("mmlu_a*")


def test_a_group_stands_for_its_tasks_through_groups_and_tags() -> None:
    assert len(registry().leaves("mmlu")) == 57
    assert registry().leaves("mmlu_anatomy") == ("mmlu_anatomy",)
    assert registry().leaves("no such") == ()
    assert {"mmlu", "mmlu_stem", "mmlu_anatomy"} <= set(registry().within("mmlu"))
    assert registry().within("no such") == ()


def test_all_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="2 tasks are not known") as caught:
        find_tasks("hellaswig,hellaswag,mmlu_anatmy")
    first, second = caught.value.problems
    assert 'did you mean "hellaswag"?' in (first.hint or "")
    assert 'did you mean "mmlu_anatomy"?' in (second.hint or "")


@pytest.mark.parametrize("names", ["qqqqqqqqqqqq", "mmlu_qqq*"])
def test_an_unknown_name_without_a_near_one_says_how_to_list(names: str) -> None:
    with pytest.raises(ConfigError, match="no task is called") as caught:
        find_tasks(names)
    assert "--list-tasks" in (caught.value.hint or "")


@pytest.mark.parametrize("names", ["", " , ", []])
def test_no_name_is_an_error(names: str | list[str]) -> None:
    with pytest.raises(ConfigError, match="no task is named"):
        find_tasks(names)


def test_tasks_are_listed_by_a_part_of_their_name() -> None:
    found = {each.name: each for each in list_tasks("truthfulqa_mc")}
    assert found["truthfulqa_mc1"].output_type == "multiple_choice"
    assert all("truthfulqa_mc" in name for name in found)
    kinds = {each.name: each.kind for each in list_tasks("mmlu_stem*")}
    assert (kinds["mmlu_stem"], kinds["mmlu_stem_tasks"]) == ("group", "tag")
    assert len(list_tasks()) > 10_000


class TestOwnTasks:
    def test_they_are_found_beside_the_stock_ones_and_win(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(OWN)
        (tmp_path / "theirs.yaml").write_text(OWN.replace("harbour", "hellaswag"))
        known = registry(tmp_path)
        assert known.resolve("harbour,gsm8k") == ("harbour", "gsm8k")
        assert known.summaries["hellaswag"].path == str(tmp_path / "theirs.yaml")
        assert registry().summaries["hellaswag"].path != str(tmp_path / "theirs.yaml")

    def test_one_that_is_called_like_an_alias_is_meant(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(OWN.replace("harbour", "wikitext2"))
        assert find_tasks("wikitext2", include_path=tmp_path) == ("wikitext2",)

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(OWN)
        (tmp_path / "torn.yaml").write_text("task: [harbour\n")
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            find_tasks("harbour", include_path=tmp_path)
        assert caught.value.where == str(tmp_path / "torn.yaml")

    def test_a_file_that_others_include_is_no_mistake(self, tmp_path: Path) -> None:
        (tmp_path / "base.yaml").write_text("dataset_path: me/harbour\n")
        (tmp_path / "mine.yaml").write_text("include: base.yaml\ntask: harbour\n")
        assert find_tasks("harbour", include_path=[tmp_path]) == ("harbour",)

    def test_a_folder_that_is_not_there_or_has_none_is_named(self, tmp_path: Path) -> None:
        for folder, told in ((tmp_path / "none", "no such folder"), (tmp_path, "no task is in this folder")):
            with pytest.raises(ConfigError, match=told) as caught:
                find_tasks("harbour", include_path=folder)
            assert caught.value.where == str(folder)

    def test_the_file_of_a_task_is_no_name(self) -> None:
        with pytest.raises(ConfigError, match="no task is called") as caught:
            find_tasks("my/harbour.yaml")
        assert "give its folder" in (caught.value.hint or "")


class TestKeptIndex:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "brahma" / "index.json"

    def test_it_comes_back_as_it_was_written(self, file: Path) -> None:
        here = Path(__file__).parent
        found = {
            "a": TaskSummary("a", "task", __file__, output_type="multiple_choice", runs_code=True),
            "t": TaskSummary("t", "tag", None, members=("a",)),
        }
        module._write(file, found, here)
        assert module._read(file, here) == found
        assert [each.name for each in file.parent.iterdir()] == ["index.json"]
        assert str(here) not in file.read_text()  # another environment's tasks lie elsewhere

    def test_one_that_is_damaged_or_of_another_place_is_not_used(self, file: Path, tmp_path: Path) -> None:
        assert module._read(file, tmp_path) is None
        module._write(file, {"a": TaskSummary("a", "task", str(tmp_path / "gone.yaml"))}, tmp_path)
        assert module._read(file, tmp_path) is None
        for damaged in ("", "[", "{}", '[{"name": "a"}]', '[{"of": "another version"}]'):
            file.write_text(damaged)
            assert module._read(file, tmp_path) is None

    def test_a_folder_that_cannot_be_written_is_done_without(self, tmp_path: Path) -> None:
        (tmp_path / "brahma").write_text("a file where the folder should be")
        module._write(tmp_path / "brahma" / "index.json", {}, tmp_path)
        assert (tmp_path / "brahma").read_text().startswith("a file")

    def test_its_name_has_the_version(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        file = module._index_file(module._distribution())
        assert file is not None
        assert file.parent == tmp_path / "brahma"
        assert lm_eval_version() in file.name


def test_without_lm_eval_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "distribution", absent)
    with pytest.raises(MissingDependencyError, match="needs brahma-eval") as caught:
        lm_eval_version()
    assert caught.value.hint == 'pip install "brahma-eval[tasks]"'
