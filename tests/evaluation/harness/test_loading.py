"""lm-eval's stock tasks on local files: their rows as the tasks expect them, and nothing is fetched."""

from __future__ import annotations

import inspect
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import BrahmaError, ConfigError, DataError, RowError
from tests.evaluation.harness.local.files import (
    GSM8K,
    HELLASWAG,
    write_all,
    write_mmlu,
    write_rows,
)

pytest.importorskip("lm_eval")

from brahma.evaluation.harness.loading import LoadedTasks, load_tasks

OWN_TASK = """
task: harbour
dataset_path: me/harbour
output_type: multiple_choice
test_split: test
fewshot_split: train
doc_to_text: "{{question}}"
doc_to_target: answer
doc_to_choice: ["yes", "no"]
metadata: {version: 3}
"""
GROUP = """
group: sea
task: [harbour, hellaswag]
aggregate_metric_list: [{metric: acc}]
"""


@pytest.fixture(autouse=True)
def _nothing_is_fetched_or_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Offline, and a hub's cache of its own that must stay empty."""
    import datasets.config
    import huggingface_hub.constants as constants

    cache = tmp_path / "hub-cache"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    yield
    assert not [file for file in cache.rglob("*") if file.is_file()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_all(tmp_path / "data")


def _docs(loaded: LoadedTasks, name: str) -> list[dict[str, Any]]:
    return list(loaded.tasks[name].eval_docs)


def test_hellaswag_is_asked_as_ever(data: Path) -> None:
    loaded = load_tasks("hellaswag", data_dir=data)
    task = loaded.tasks["hellaswag"]
    first, second = _docs(loaded, "hellaswag")
    assert task.doc_to_text(first) == "Mending nets: A man sits on a quay. He"
    assert task.doc_to_choice(first)[1] == "mends. a net."  # its own cleaning of ` [title]`
    assert (task.doc_to_target(first), task.doc_to_target(second)) == (1, 3)
    assert {key: first[key] for key in HELLASWAG} == {**HELLASWAG, "label": "1"}
    assert (task.VERSION, task.config.dataset_path) == (1.0, "Rowan/hellaswag")
    assert loaded.files["hellaswag"] == (data / "hellaswag_val1000" / "hellaswag.jsonl",)
    assert loaded.notes == (f"hellaswag: rows from {data}/hellaswag_val1000, whose name begins so",)


def test_mmlu_takes_its_examples_from_dev(data: Path) -> None:
    loaded = load_tasks(["mmlu_anatomy"], data_dir=data, num_fewshot=5)
    task = loaded.tasks["mmlu_anatomy"]
    first = _docs(loaded, "mmlu_anatomy")[0]
    prompt = task.fewshot_context(first, num_fewshot=task.config.num_fewshot)
    assert prompt.startswith(
        "The following are multiple choice questions (with answers) about anatomy.\n\nBone 0?"
    )
    assert prompt.count("\nAnswer: ") == 5
    assert prompt.endswith("How many bones, in all?\nA. 1\nB. 2\nC. 206\nD. 4\nAnswer:")
    assert (task.doc_to_target(first), first["subject"]) == (2, "anatomy")


def test_truthfulqa_means_its_three_tasks(data: Path) -> None:
    loaded = load_tasks("truthfulqa", data_dir=data, num_fewshot=3)
    assert loaded.names == ("truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen")
    (one,), (two,) = _docs(loaded, "truthfulqa_mc1"), _docs(loaded, "truthfulqa_mc2")
    assert loaded.tasks["truthfulqa_mc1"].doc_to_text(one).endswith("\n\nQ: Is the Moon cheese?\nA:")
    assert loaded.tasks["truthfulqa_mc1"].doc_to_choice(one) == ["No, rock.", "Yes.", "It is cheddar."]
    results = [(-1.0, False)] * 4
    assert loaded.tasks["truthfulqa_mc2"].process_results(two, results)["acc"] == pytest.approx(0.5)
    (answers,) = _docs(loaded, "truthfulqa_gen")
    assert answers["correct_answers"] == ["No, rock.", "It is rock.", "No, rock.", "I have no comment."]
    assert answers["incorrect_answers"] == ["Yes.", "It is cheddar.", "No, rock."]
    assert [task.config.num_fewshot for task in loaded.tasks.values()] == [0, 0, 0]  # they say so themselves


def test_gsm8k_takes_its_examples_from_train(data: Path) -> None:
    loaded = load_tasks("gsm8k", data_dir=data)
    task = loaded.tasks["gsm8k"]
    (doc,) = _docs(loaded, "gsm8k")
    prompt = task.fewshot_context(doc, num_fewshot=task.config.num_fewshot)
    assert prompt.count("Question: And") == 5
    assert prompt.endswith(f"Question: {GSM8K['question']}\nAnswer:")
    assert task.doc_to_target(doc) == GSM8K["answer"]
    assert load_tasks("gsm8k", data_dir=data).tasks["gsm8k"].fewshot_context(doc, num_fewshot=5) == prompt


def test_wikitext_is_evaluated_by_the_page(data: Path) -> None:
    loaded = load_tasks("wikitext", data_dir=data)
    first, second = _docs(loaded, "wikitext")
    assert loaded.tasks["wikitext"].doc_to_target(second) == " = Harbour =\n\nA harbour has ships.\n"
    assert loaded.tasks["wikitext"].doc_to_text(first) == ""


def test_replaced_words_in_wikitext_are_told(data: Path) -> None:
    (data / "wikitext2" / "test.txt").write_text(" = <unk> = \n A page . \n")
    assert any("rare words are <unk>" in note for note in load_tasks("wikitext", data_dir=data).notes)


def test_a_group_has_its_tasks_once(data: Path) -> None:
    from brahma.evaluation.harness.registry import registry

    for subject in {name.removeprefix("mmlu_") for name in registry().leaves("mmlu_stem")}:
        write_mmlu(data / "mmlu", subject, dev=0)
    loaded = load_tasks("mmlu_anatomy,mmlu_stem,hellaswag", data_dir=data)
    assert set(loaded.task_dict["groups"]) == {"mmlu_stem"}
    assert set(loaded.task_dict["group_map"]["mmlu_stem"]) == set(registry().leaves("mmlu_stem"))
    assert len(loaded.tasks) == 20


def test_nothing_is_left_on_lm_evals_classes(data: Path) -> None:
    from lm_eval.api.task import ConfigurableTask, Task

    before = Task.download, ConfigurableTask.download
    load_tasks("hellaswag", data_dir=data)
    with pytest.raises(DataError):
        load_tasks("hellaswag", data_dir=data, num_fewshot=1)
    assert (Task.download, ConfigurableTask.download) == before


def test_a_tasks_code_is_still_shown_in_its_configuration(data: Path) -> None:
    loaded = load_tasks("hellaswag", data_dir=data)
    assert "_process_doc" in loaded.tasks["hellaswag"].dump_config()["process_docs"]


def test_rows_are_processed_once(data: Path) -> None:
    task = load_tasks("hellaswag", data_dir=data).tasks["hellaswag"]
    assert task.eval_docs is task.eval_docs
    assert inspect.unwrap(task.config.process_docs) is not task.config.process_docs


def test_a_task_that_is_a_python_class_has_its_rows_and_its_name(data: Path) -> None:
    row = {"id": "1", "title": "t", "context": "c", "question": "q", "answers": {"text": ["a"]}}
    file = write_rows(data / "squad_v2" / "validation.jsonl", [row])
    loaded = load_tasks("squadv2", data_dir=data)
    assert loaded.files == {"squadv2": (file,)}
    assert _docs(loaded, "squadv2") == [row]


def test_the_fingerprint_is_of_the_content(data: Path) -> None:
    before = load_tasks("gsm8k,hellaswag", data_dir=data).fingerprints
    assert load_tasks("gsm8k,hellaswag", data_dir=data).fingerprints == before
    write_rows(data / "gsm8k" / "train.jsonl", [{**GSM8K, "question": f"Another {i}?"} for i in range(6)])
    after = load_tasks("gsm8k,hellaswag", data_dir=data).fingerprints
    assert after["hellaswag"] == before["hellaswag"]
    assert after["gsm8k"] != before["gsm8k"]


class TestOwnTasks:
    @pytest.fixture
    def include(self, tmp_path: Path) -> Path:
        folder = tmp_path / "tasks"
        folder.mkdir()
        (folder / "harbour.yaml").write_text(OWN_TASK)
        return folder

    def test_a_task_of_ones_own_has_rows_of_ones_own(self, data: Path, include: Path) -> None:
        write_rows(data / "harbour" / "test.jsonl", [{"question": "Wet?", "answer": 0}])
        write_rows(data / "harbour" / "train.jsonl", [{"question": "Dry?", "answer": 1}])
        loaded = load_tasks("harbour", data_dir=data, include_path=include, num_fewshot=1)
        (doc,) = _docs(loaded, "harbour")
        task = loaded.tasks["harbour"]
        assert task.fewshot_context(doc, num_fewshot=1) == "Dry? no\n\nWet?"
        assert task.VERSION == 3

    def test_a_group_of_ones_own_has_stock_tasks_in_it(self, data: Path, include: Path) -> None:
        (include / "sea.yaml").write_text(GROUP)
        write_rows(data / "harbour" / "test.jsonl", [{"question": "Wet?", "answer": 0}])
        loaded = load_tasks("sea", data_dir=data, include_path=[include])
        assert set(loaded.tasks) == {"harbour", "hellaswag"}

    def test_files_that_the_yaml_names_are_taken_where_there_is_no_folder(
        self, data: Path, include: Path, tmp_path: Path
    ) -> None:
        file = write_rows(tmp_path / "rows.jsonl", [{"question": "Wet?", "answer": 0}])
        named = f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {file}, train: {file}}}}}"
        (include / "harbour.yaml").write_text(OWN_TASK.replace("dataset_path: me/harbour", named))
        loaded = load_tasks("harbour", data_dir=data, include_path=include)
        assert _docs(loaded, "harbour") == [{"question": "Wet?", "answer": 0}]
        assert loaded.files == {"harbour": ()}
        shutil.rmtree(tmp_path / "hub-cache")  # the datasets library keeps what a YAML names

    def test_files_elsewhere_that_the_yaml_names_are_not_fetched(self, data: Path, include: Path) -> None:
        named = "dataset_path: json\ndataset_kwargs: {data_files: {test: 'https://example.org/a.jsonl'}}"
        (include / "harbour.yaml").write_text(OWN_TASK.replace("dataset_path: me/harbour", named))
        with pytest.raises(DataError, match="no folder has the data of this task") as caught:
            load_tasks("harbour", data_dir=data, include_path=include)
        assert f"place {data}/harbour/test.jsonl" in (caught.value.hint or "")

    def test_a_row_without_what_the_templates_read_is_named(self, data: Path, include: Path) -> None:
        file = write_rows(data / "harbour" / "test.jsonl", [{"question": "Wet?", "answer": 0}, {"answer": 1}])
        with pytest.raises(RowError, match='"question" is missing') as caught:
            load_tasks("harbour", data_dir=data, include_path=include)
        assert caught.value.where == f"{file}:2"

    def test_a_task_that_lm_eval_cannot_make_is_an_error(self, data: Path, include: Path) -> None:
        (include / "harbour.yaml").write_text(OWN_TASK.replace("multiple_choice", "guesses"))
        write_rows(data / "harbour" / "test.jsonl", [{"question": "Wet?", "answer": 0}])
        with pytest.raises(ConfigError, match="cannot make this task") as caught:
            load_tasks("harbour", data_dir=data, include_path=include)
        assert "guesses" in (caught.value.why or "")


def test_offline_without_a_data_directory_says_what_to_give() -> None:
    with pytest.raises(DataError, match="Rowan/hellaswag cannot be loaded") as caught:
        load_tasks("hellaswag")
    assert "give --data-dir DIR with DIR/hellaswag/validation.jsonl" in (caught.value.hint or "")
    assert '"endings"' in (caught.value.hint or "")


def test_a_hub_where_nobody_listens_is_asked_once(monkeypatch: pytest.MonkeyPatch, no_hub: Path) -> None:
    import datasets.config
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    with pytest.raises(DataError, match="cais/mmlu cannot be loaded"):
        load_tasks("mmlu")  # 57 data sets, half a minute each where it is asked for each
    assert not constants.HF_HUB_OFFLINE
    assert not datasets.config.HF_HUB_OFFLINE


def test_every_task_without_data_is_named(data: Path) -> None:
    with pytest.raises(DataError, match="56 tasks have no data: mmlu_abstract_algebra, ") as caught:
        load_tasks("mmlu", data_dir=data)
    assert f"place {data}/mmlu/test/abstract_algebra_test.csv" in (caught.value.hint or "")


def test_examples_that_are_not_there_are_an_error(data: Path) -> None:
    with pytest.raises(DataError, match='2 few-shot examples come from the split "train"') as caught:
        load_tasks("hellaswag", data_dir=data, num_fewshot=2)
    assert caught.value.where == "hellaswag"
    assert f"place {data}/hellaswag_val1000/train.jsonl" in (caught.value.hint or "")
    assert (caught.value.hint or "").endswith("or ask for 0 examples")


def test_fewer_examples_than_asked_for_are_an_error(data: Path) -> None:
    with pytest.raises(DataError, match=r'7 few-shot examples.*the split "train" has 6') as caught:
        load_tasks("gsm8k", data_dir=data, num_fewshot=7)
    assert (caught.value.where, caught.value.hint) == ("gsm8k", "ask for 6 or fewer")


def test_one_more_example_is_needed_where_lm_eval_draws_one_more(data: Path) -> None:
    """Of a task without a test split it takes the question for one of the examples."""
    for split in ("validation", "train"):
        write_rows(data / "hellaswag_val1000" / f"{split}.jsonl", [HELLASWAG] * 3)
    with pytest.raises(DataError, match=r'3 few-shot examples.*the split "train" has 3') as caught:
        load_tasks("hellaswag", data_dir=data, num_fewshot=3)
    assert caught.value.hint == "ask for 2 or fewer"
    assert load_tasks("hellaswag", data_dir=data, num_fewshot=2).tasks


def test_a_bad_row_is_named(data: Path) -> None:
    file = write_rows(data / "hellaswag_val1000" / "hellaswag.jsonl", [HELLASWAG, {**HELLASWAG, "label": 9}])
    with pytest.raises(RowError, match='"label"') as caught:
        load_tasks("hellaswag", data_dir=data)
    assert caught.value.where == f"{file}:2"


def test_code_of_a_model_is_run_only_when_its_task_is_named(data: Path) -> None:
    with pytest.raises(ConfigError, match="humaneval would execute") as caught:
        load_tasks("hellaswag,humaneval", data_dir=data)
    assert "--allow-code humaneval" in (caught.value.hint or "")


@pytest.mark.parametrize("names", ["hellaswag", "truthfulqa", "gsm8k", "wikitext"])
def test_an_empty_data_directory_names_the_file_to_place(tmp_path: Path, names: str) -> None:
    with pytest.raises(BrahmaError) as caught:
        load_tasks(names, data_dir=tmp_path)
    assert f"place {tmp_path}/" in (caught.value.hint or "")


def test_libraries_say_nothing(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_tasks("hellaswag,wikitext,gsm8k", data_dir=data)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("lm_eval").level != logging.CRITICAL
