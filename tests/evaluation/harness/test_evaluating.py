"""Tasks by name through the Evaluator: lm-eval's figures, kept responses, and nothing of it in a terminal."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from brahma.core.entries import TaskEntry
from brahma.core.errors import ConfigError, DataError, TemplateError
from brahma.core.plugins import Plugins, Registration
from brahma.evaluation import Evaluator
from brahma.evaluation.harness.results import TaskResults
from tests.evaluation.harness.local.files import HELLASWAG, write_all, write_rows

pytest.importorskip("lm_eval")

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

NAMES = ("hellaswag", "truthfulqa_mc1", "wikitext", "gsm8k")
GROUP = """
group: pair
task: [hellaswag, truthfulqa_mc1]
aggregate_metric_list: [{metric: acc}]
metadata: {version: 7}
"""
FAILING = """
task: failing
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_target: 0
doc_to_choice: ["yes", "no"]
process_results: !function mine.judge
metric_list: [{{metric: acc}}]
"""
LONG = {**HELLASWAG, "ctx": "A man sits on a quay and waits. " * 40, "ctx_a": "A man sits. " * 60}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def folder(talker_folder: Path) -> Path:
    return talker_folder


@pytest.fixture
def evaluator(folder: Path) -> Evaluator:
    return Evaluator(folder, device="cpu")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_figures_are_those_of_lm_evals_own_model(evaluator: Evaluator, data: Path) -> None:
    """Multiple choice, rolling likelihoods and texts, by `simple_evaluate` with its HFLM."""
    import lm_eval.evaluator
    from lm_eval.models.huggingface import HFLM

    from brahma.evaluation.harness.loading import load_tasks
    from brahma.evaluation.harness.quiet import quiet_libraries

    found = evaluator.evaluate(NAMES, data_dir=data, cache=False)
    theirs = HFLM(pretrained=str(evaluator.model_path), device="cpu", batch_size=1)
    with quiet_libraries():
        tasks = load_tasks(NAMES, data_dir=data)
        expected = lm_eval.evaluator.evaluate(theirs, dict(tasks.task_dict), bootstrap_iters=0)
    for name in NAMES:
        wanted = {
            key.replace(",none", ""): value
            for key, value in expected["results"][name].items()
            if isinstance(value, float) and "stderr" not in key
        }
        assert dict(found[name]) == pytest.approx(wanted, rel=1e-4)
        assert found.tasks[name].version == str(expected["versions"][name])
        assert found.tasks[name].num_fewshot == expected["n-shot"][name]


def test_a_repeated_evaluation_loads_no_model(folder: Path, data: Path, cache: Path) -> None:
    first = Evaluator(folder, device="cpu").evaluate(NAMES, data_dir=data, cache=cache)
    evaluator = Evaluator(folder, device="cpu")
    second = evaluator.evaluate(NAMES, data_dir=data, cache=cache)
    assert "model" not in evaluator.__dict__
    assert (first.effort.remembered, first.effort.requests) == (0, second.effort.requests)
    assert second.effort.remembered == second.effort.requests >= 10
    assert second.tasks == first.tasks


def test_other_tasks_ask_only_what_is_new(folder: Path, data: Path, cache: Path) -> None:
    evaluator = Evaluator(folder, device="cpu")
    one = evaluator.evaluate("truthfulqa_mc1", data_dir=data, cache=cache)
    both = evaluator.evaluate("truthfulqa_mc1,hellaswag", data_dir=data, cache=cache)
    assert both.effort.remembered == one.effort.requests < both.effort.requests


@pytest.mark.parametrize("change", ["weights", "tokenizer", "dtype"])
def test_another_model_remembers_nothing(
    change: str, folder: Path, plain_model: LlamaForCausalLM, data: Path, cache: Path, tmp_path: Path
) -> None:
    Evaluator(folder, device="cpu").evaluate("hellaswag", data_dir=data, cache=cache)
    other = shutil.copytree(folder, tmp_path / "other")
    if change == "weights":
        weights = other / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\x00\x3f")  # the last one
    elif change == "tokenizer":
        config = json.loads((other / "tokenizer_config.json").read_text())
        (other / "tokenizer_config.json").write_text(json.dumps({**config, "add_bos_token": True}))
    dtype = "bfloat16" if change == "dtype" else None
    results = Evaluator(other, device="cpu", dtype=dtype).evaluate("hellaswag", data_dir=data, cache=cache)
    assert results.effort.remembered == 0


def test_a_copy_of_a_model_remembers_all(folder: Path, data: Path, cache: Path, tmp_path: Path) -> None:
    Evaluator(folder, device="cpu").evaluate("hellaswag", data_dir=data, cache=cache)
    copy = shutil.copytree(folder, tmp_path / "copy")
    results = Evaluator(copy, device="cpu").evaluate("hellaswag", data_dir=data, cache=cache)
    assert results.effort.remembered == results.effort.requests


def test_a_model_in_memory_is_known_by_what_it_holds(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, data: Path, cache: Path
) -> None:
    import torch

    def remembered() -> int:
        evaluator = Evaluator.from_model(plain_model, tokenizer)
        return evaluator.evaluate("truthfulqa_mc1", data_dir=data, cache=cache).effort.remembered

    assert remembered() == 0
    assert remembered() > 0
    with torch.no_grad():
        plain_model.lm_head.weight[7] += 0.1
    assert remembered() == 0


def test_no_cache_keeps_and_reads_nothing(
    evaluator: Evaluator, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for _ in range(2):
        results = evaluator.evaluate("hellaswag", data_dir=data, cache=False)
        assert results.effort.remembered == 0
    assert not (tmp_path / "home" / "brahma" / "evaluation").exists()


def test_contexts_that_are_cut_are_counted_remembered_or_not(
    model_folder: Path, tmp_path: Path, cache: Path
) -> None:
    write_rows(tmp_path / "data" / "hellaswag" / "validation.jsonl", [HELLASWAG, LONG])
    for remembered in (0, 8):
        results = Evaluator(model_folder, device="cpu").evaluate(
            "hellaswag", data_dir=tmp_path / "data", cache=cache
        )
        effort = results.effort
        assert (effort.requests, effort.remembered, effort.truncated) == (8, remembered, 4)
        assert effort.max_length == 64


def test_limit_and_examples_are_said(evaluator: Evaluator, data: Path, cache: Path) -> None:
    results = evaluator.evaluate(["hellaswag"], data_dir=data, limit=1, cache=cache)
    task = results.tasks["hellaswag"]
    assert (task.examples, task.of_examples, len(task.samples)) == (1, 2, 1)
    (sample,) = task.samples
    assert sample.doc["ind"] == 7
    assert sample.text.splitlines()[0] == "Mending nets: A man sits on a quay. He"
    assert "mends. a net." in sample.text
    assert len(sample.arguments) == len(sample.responses) == 4
    assert sample.metrics.keys() == {"acc", "acc_norm"}
    assert task.figures["acc"].higher_is_better
    json.dumps([sample.doc, sample.arguments, sample.responses, sample.target])


def test_figures_of_filters_have_their_names(evaluator: Evaluator, data: Path, cache: Path) -> None:
    results = evaluator.evaluate("gsm8k", data_dir=data, num_fewshot=2, cache=cache)
    names = {"exact_match,strict-match", "exact_match,flexible-extract"}
    assert results["gsm8k"].keys() == names
    (sample,) = results.tasks["gsm8k"].samples
    assert sample.metrics.keys() == names
    assert results.tasks["gsm8k"].num_fewshot == 2


def test_a_task_that_fixes_its_examples_keeps_them_and_that_is_said(
    evaluator: Evaluator, data: Path, cache: Path
) -> None:
    results = evaluator.evaluate("truthfulqa_mc1,gsm8k", data_dir=data, num_fewshot=1, cache=cache)
    assert [each.num_fewshot for each in results.tasks.values()] == [0, 1]
    assert any("truthfulqa_mc1" in note for note in results.notes)


def test_groups_have_means_and_their_tasks(evaluator: Evaluator, data: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "pair.yaml").write_text(GROUP)
    results = evaluator.evaluate("pair", data_dir=data, include_path=tmp_path / "own", cache=False)
    assert list(results) == ["pair", "hellaswag", "truthfulqa_mc1"]
    group = results.groups["pair"]
    sizes = {name: task.examples for name, task in results.tasks.items()}
    mean = sum(results[name]["acc"] * size for name, size in sizes.items()) / sum(sizes.values())
    assert results["pair"]["acc"] == pytest.approx(mean)
    assert (group.examples, group.version, group.num_fewshot) == (3, "7", 0)
    assert group.figures["acc"].higher_is_better
    assert group.samples == ()


def test_the_document_has_lm_evals_layout(evaluator: Evaluator, data: Path, cache: Path) -> None:
    document = evaluator.evaluate("hellaswag", data_dir=data, cache=cache, limit=2).to_dict()
    assert {
        "results",
        "group_subtasks",
        "configs",
        "versions",
        "n-shot",
        "higher_is_better",
    } < document.keys()
    assert {"n-samples", "config", "date", "lm_eval_version", "task_hashes", "samples"} < document.keys()
    assert document["results"]["hellaswag"].keys() > {"alias", "acc,none", "acc_stderr,none"}
    assert document["n-samples"]["hellaswag"] == {"original": 2, "effective": 2}
    assert document["config"]["limit"] == 2
    assert document["config"]["model_args"]["pretrained"] == evaluator.model_path
    assert document["brahma"]["requests"] == 4  # the two examples ask the same


def test_nothing_reaches_the_terminal_but_progress(
    evaluator: Evaluator, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    evaluator.evaluate(NAMES, data_dir=data, cache=False)
    written = capfd.readouterr()
    assert written.out == ""
    ours = ("loading", "reading", "scoring", "writing", "tokenising", "hashing")
    assert [line for line in written.err.splitlines() if not line.startswith(ours)] == []


def test_the_callers_random_numbers_are_left_alone(evaluator: Evaluator, data: Path) -> None:
    import torch

    def draws() -> tuple[Any, ...]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    def seed() -> None:
        random.seed(5), np.random.seed(5), torch.manual_seed(5)

    seed()
    expected = draws()
    seed()
    evaluator.evaluate("hellaswag", data_dir=data, cache=False)
    assert draws() == expected


def test_unknown_tasks_are_named_before_anything_is_loaded(evaluator: Evaluator, data: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        evaluator.evaluate(["helaswag", "hellaswag"], data_dir=data)
    assert "helaswag" in str(raised.value)
    assert "hellaswag" in str(raised.value.hint)
    assert "model" not in evaluator.__dict__


def test_data_that_are_not_there_are_named_before_anything_is_loaded(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="hellaswag"):
        evaluator.evaluate("hellaswag", data_dir=tmp_path)
    assert "model" not in evaluator.__dict__


def test_a_chat_template_that_is_not_there_is_told(evaluator: Evaluator, data: Path) -> None:
    evaluator.tokenizer.chat_template = None
    with pytest.raises(TemplateError, match="no chat template"):
        evaluator.evaluate("hellaswag", data_dir=data, chat_template=True, cache=False)


@pytest.mark.parametrize(
    "options", [{"limit": 0}, {"num_fewshot": -1}, {"seed": -2}, {"batch_size": 0}, {"batch_size": "large"}]
)
def test_numbers_out_of_range_are_refused(evaluator: Evaluator, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        evaluator.evaluate("hellaswag", **options)


def test_a_task_that_fails_by_itself_is_no_bug_of_ours(
    evaluator: Evaluator, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text(FAILING.format(file=data / "gsm8k" / "test.jsonl"))
    (tmp_path / "mine.py").write_text("def judge(doc, results):\n    return {'acc': doc['nothing']}\n")
    with pytest.raises(ConfigError, match="failing") as raised:
        evaluator.evaluate("failing", include_path=tmp_path, cache=False)
    assert raised.value.why == "KeyError: 'nothing'"


def test_a_model_that_fails_is_not_called_a_tasks_mistake(
    evaluator: Evaluator, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del evaluator.model.model.layers  # nothing a user could do
    with pytest.raises(AttributeError):
        evaluator.evaluate("hellaswag", data_dir=data, cache=False)


def test_no_task_at_all_is_refused(evaluator: Evaluator) -> None:
    with pytest.raises(ConfigError, match="no task"):
        evaluator.evaluate(" , ")


def alphabet(evaluator: Evaluator, options: object) -> dict[str, float]:
    """A task as a plugin brings it."""
    assert options is None
    return {"letters": 26.0}


def test_a_plugins_task_stands_beside_lm_evals_and_its_name_wins(
    evaluator: Evaluator, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = Plugins()
    for name in ("alphabet", "gsm8k"):
        entry = TaskEntry(name=name, target=f"{__name__}:alphabet")
        plugins.registrations.append(Registration(entry, "alphabet", "brahma-alphabet", "1.5"))
    monkeypatch.setattr("brahma.evaluation.harness.evaluating.get_plugins", lambda: plugins)
    results: TaskResults = evaluator.evaluate("alphabet,hellaswag,gsm8k", data_dir=data, cache=False)
    assert dict(results["alphabet"]) == dict(results["gsm8k"]) == {"letters": 26.0}
    assert results.tasks["alphabet"].version == "1.5"
    assert "acc" in results["hellaswag"]
    assert results.to_dict()["results"]["alphabet"]["letters,none"] == 26.0
