"""evaluate_custom beyond the loss, with a tiny model that really writes and chooses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brahma.core.errors import (
    ConfigError,
    DataError,
    MissingDependencyError,
    ModelError,
    PluginError,
    RowError,
    TemplateError,
)
from brahma.core.plugins import get_plugins
from brahma.data import Dataset
from brahma.evaluation import Evaluator, Generator
from brahma.evaluation.custom.answers import Answer
from brahma.evaluation.custom.libraries import bleu, rouge_l
from brahma.evaluation.custom.overlap import exact_match, f1, normalised
from tests.evaluation.conftest import CONTEXT
from tests.plugin_factory import install_distribution, plugin_site

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROMPTS = ["The quick brown", "def add(a, b):", "One.", "Naïve café owners don't count bytes: 日本語,"]
BUDGET = 12


@pytest.fixture(scope="module")
def evaluator(model_folder: Path) -> Evaluator:
    return Evaluator(model_folder, device="cpu", batch_size=3)


@pytest.fixture(scope="module")
def outputs(model_folder: Path) -> list[str]:
    """What the model writes, asked one by one."""
    generator = Generator(model_folder, device="cpu")
    return [generator.generate(each, temperature=0, max_new_tokens=BUDGET)[0] for each in PROMPTS]


@pytest.fixture(scope="module")
def rows(outputs: list[str]) -> list[dict[str, Any]]:
    """Two right answers, one nearly right, one wrong."""
    assert all(map(normalised, outputs))
    right = [outputs[0], outputs[1], f"{outputs[2]} and more words", "something else"]
    return [
        {"prompt": prompt, "completion": text, "id": number}
        for number, (prompt, text) in enumerate(zip(PROMPTS, right, strict=True))
    ]


def answers_to(rows: list[dict[str, Any]], outputs: list[str]) -> list[Answer]:
    return [
        Answer(row["prompt"], text, (row["completion"],), row)
        for row, text in zip(rows, outputs, strict=True)
    ]


def test_the_likeliest_answers_are_compared(
    evaluator: Evaluator, rows: list[dict[str, Any]], outputs: list[str]
) -> None:
    names = ["exact_match", "f1", "bleu", "rouge_l"]
    found = evaluator.evaluate_custom(rows, metrics=names, max_new_tokens=BUDGET, examples=True)
    assert [each.output for each in found.examples] == outputs
    answers = answers_to(rows, outputs)
    expected = {
        metric.__name__: pytest.approx(metric(answers)) for metric in (exact_match, f1, bleu, rouge_l)
    }
    assert dict(found.metrics) == expected
    assert found["exact_match"] == 0.5
    assert found.stderr["exact_match"] == pytest.approx((1 / 3) ** 0.5 / 2)  # of 1, 1, 0, 0
    assert set(found.stderr) == set(names)
    assert (found["documents"], found["skipped"], found["truncated"], found["failed"]) == (4, 0, 0, 0)
    assert "loss" not in found
    assert found.examples[2].figures["exact_match"] == 0
    assert found.examples[2].references == (rows[2]["completion"],)
    assert found.examples[2].where == "<rows>:3"


def test_the_batch_size_does_not_matter_and_the_same_comes_again(
    model_folder: Path, rows: list[dict[str, Any]]
) -> None:
    found = [
        Evaluator(model_folder, device="cpu", batch_size=size).evaluate_custom(
            rows, metrics="f1,bleu", max_new_tokens=BUDGET
        )
        for size in (1, 2, 8)
    ]
    assert found[0] == found[1] == found[2]


def test_the_loss_can_be_asked_for_beside_answers(evaluator: Evaluator, rows: list[dict[str, Any]]) -> None:
    alone = evaluator.evaluate_custom(rows)
    both = evaluator.evaluate_custom(rows, metrics=["perplexity", "f1"], max_new_tokens=4)
    assert set(both.metrics) == {"perplexity", "f1"}
    assert both.perplexity == alone.perplexity
    assert both.tokens == alone.tokens
    assert evaluator.evaluate_custom(rows, metrics="loss").metrics == {"loss": alone.loss}
    with pytest.raises(KeyError, match="'loss' was not measured"):
        both.loss  # noqa: B018


def test_a_file_gives_what_rows_give(
    evaluator: Evaluator, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    expected = evaluator.evaluate_custom(rows, metrics=["f1"], max_new_tokens=4)
    for data in (path, str(tmp_path / "*.jsonl"), [path], Dataset.from_file(path)):
        assert evaluator.evaluate_custom(data, metrics=["f1"], max_new_tokens=4) == expected


def test_conversations_are_answered_through_the_template(evaluator: Evaluator, model_folder: Path) -> None:
    messages = [{"role": "user", "content": "Over?"}]
    generator = Generator(model_folder, device="cpu")
    text = generator.generate([messages], temperature=0, max_new_tokens=BUDGET)[0]
    row = {"messages": [*messages, {"role": "assistant", "content": text or "nothing"}]}
    settings: dict[str, Any] = {"metrics": "exact_match", "max_new_tokens": BUDGET, "examples": True}
    found = evaluator.evaluate_custom([row], **settings)
    assert found.examples[0].output == text
    assert found["exact_match"] == 1
    assert found.stderr == {}  # of one example there is none

    asked = evaluator.evaluate_custom(
        [{"prompt": "Over?", "completion": text or "nothing"}], chat_template=True, **settings
    )
    assert asked.examples[0].output == text
    system = [{"role": "system", "content": "Be brief."}, *messages]
    told = evaluator.evaluate_custom([row], system_instruction="Be brief.", **settings)
    assert told.examples[0].output == generator.generate([system], temperature=0, max_new_tokens=BUDGET)[0]


def test_the_template_of_a_data_set_is_used(evaluator: Evaluator, model_folder: Path, tmp_path: Path) -> None:
    template = tmp_path / "plain.jinja"
    template.write_text(
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    row = {"messages": [{"role": "user", "content": "One."}, {"role": "assistant", "content": "x"}]}
    data = Dataset.from_rows([row], template=template)
    before = evaluator.tokenizer.chat_template
    found = evaluator.evaluate_custom(data, metrics="f1", max_new_tokens=BUDGET, examples=True)
    tokenizer = Generator(model_folder, device="cpu").tokenizer
    tokenizer.chat_template = template.read_text()
    generator = Generator.from_model(evaluator.model, tokenizer)
    (wanted,) = generator.generate([row["messages"][:1]], temperature=0, max_new_tokens=BUDGET)
    assert found.examples[0].output == wanted
    by_name = evaluator.evaluate_custom(
        [row], metrics="f1", max_new_tokens=BUDGET, examples=True, chat_template=str(template)
    )
    assert by_name.examples == found.examples
    assert evaluator.tokenizer.chat_template == before


def test_a_stop_text_ends_an_answer_and_draws_are_seeded(
    evaluator: Evaluator, rows: list[dict[str, Any]], outputs: list[str]
) -> None:
    stop = outputs[0][3:5]
    found = evaluator.evaluate_custom(
        rows[:1], metrics="f1", max_new_tokens=BUDGET, stop=[stop], examples=True
    )
    assert found.examples[0].output == outputs[0].partition(stop)[0]
    drawn = [
        evaluator.evaluate_custom(
            rows, metrics="f1", temperature=1.5, seed=seed, max_new_tokens=8, examples=True
        ).examples
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_prompt_that_leaves_no_room_is_cut_from_the_left_and_counted(
    evaluator: Evaluator, tokenizer: PreTrainedTokenizerBase
) -> None:
    long, short = "The lazy dog jumps over. " * 12, "One."
    found = evaluator.evaluate_custom(
        [{"prompt": long, "completion": "x"}, {"prompt": short, "completion": "x"}],
        metrics="f1",
        max_new_tokens=10,
        examples=True,
    )
    assert found.truncated == found["truncated"] == 1
    from brahma.evaluation.writing import Task, Writer

    ids = tokenizer(long, add_special_tokens=False)["input_ids"]
    kept = [1, *ids[-(CONTEXT - 10 - 1) :]]
    from brahma.evaluation.sampling import Sampling

    writer = Writer(evaluator.model, tokenizer)
    (text,) = writer.write([Task(kept, 10, (2,), 0)], Sampling(temperature=0), batch_size=1)
    assert found.examples[0].output == text


def test_more_new_tokens_than_the_context_has_are_refused(
    evaluator: Evaluator, rows: list[dict[str, Any]]
) -> None:
    with pytest.raises(ModelError, match="no room for a prompt") as raised:
        evaluator.evaluate_custom(rows, metrics="f1", max_new_tokens=CONTEXT)
    assert "at most 62" in str(raised.value.hint)


def test_a_scoring_function_is_asked_of_each_example(
    evaluator: Evaluator, rows: list[dict[str, Any]], outputs: list[str]
) -> None:
    def score(example: dict[str, Any], output: str) -> dict[str, float]:
        return {"id": example["id"], "length": len(output)}

    found = evaluator.evaluate_custom(rows, score=score, max_new_tokens=BUDGET, examples=True)
    assert found.metrics == {"id": 1.5, "length": sum(map(len, outputs)) / 4}
    assert found.stderr["id"] == pytest.approx((5 / 3) ** 0.5 / 2)
    assert found.examples[3].figures == {"id": 3, "length": len(outputs[3])}
    only_prompts = [{"prompt": "One."}]
    assert (
        evaluator.evaluate_custom(only_prompts, score=lambda row, out: True, max_new_tokens=2)["score"] == 1
    )


def test_a_scoring_function_that_raises_is_told_and_the_others_go_on(
    evaluator: Evaluator, rows: list[dict[str, Any]]
) -> None:
    def score(example: dict[str, Any], output: str) -> float:
        return 6 / float(example["id"])

    found = evaluator.evaluate_custom(rows, metrics="f1", score=score, max_new_tokens=2, examples=True)
    assert found["score"] == pytest.approx((6 + 3 + 2) / 3)
    assert found["failed"] == 1
    (failure,) = found.failures
    assert failure.where == "<rows>:1"
    assert failure.message.startswith("ZeroDivisionError")
    assert set(found.examples[0].figures) == {"f1"}


CHOICES: list[dict[str, Any]] = [
    {"question": "The quick brown fox", "choices": ["jumps over", "count bytes", "One."], "answer": 0},
    {"prompt": "def add(a, b):", "choices": ["return a + b", "日本語", "lazy"], "answer": "B"},
    {"question": "One.\n", "choices": ["dog", "fox jumps over the lazy dog"], "answer": "dog"},
]


def test_rows_with_choices_give_accuracies(evaluator: Evaluator) -> None:
    found = evaluator.evaluate_custom(CHOICES, examples=True)
    assert set(found.metrics) == {"acc", "acc_norm", "acc_bytes"} == set(found.stderr)
    for example, row in zip(found.examples, CHOICES, strict=True):
        likeliest = max(range(len(example.logprobs)), key=example.logprobs.__getitem__)
        assert example.output == row["choices"][likeliest]
        assert example.figures["acc"] == (example.output == example.references[0])
    assert found["acc"] == sum(each.figures["acc"] for each in found.examples) / 3
    assert evaluator.evaluate_custom(CHOICES, metrics="acc").metrics == {"acc": found["acc"]}


def test_the_likeliest_choice_is_what_a_scoring_function_is_given(evaluator: Evaluator) -> None:
    seen = []

    def score(example: dict[str, Any], output: str) -> float:
        seen.append(output)
        return output in example["choices"]

    found = evaluator.evaluate_custom(CHOICES, score=score, examples=True)
    assert found.metrics == {"score": 1.0}
    assert seen == [each.output for each in found.examples]


def test_choices_are_scored_as_by_hand(evaluator: Evaluator, plain_model: Any, tokenizer: Any) -> None:
    import torch

    found = evaluator.evaluate_custom(CHOICES[:1], examples=True).examples[0].logprobs
    context = [1, *tokenizer("The quick brown fox", add_special_tokens=False)["input_ids"]]
    for logprob, choice in zip(found, ["jumps over", "count bytes", "One."], strict=True):
        ids = [1, *tokenizer(f"The quick brown fox {choice}", add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            log_p = plain_model(torch.tensor([ids[:-1]])).logits[0].double().log_softmax(-1)
        by_hand = sum(float(log_p[at - 1, ids[at]]) for at in range(len(context), len(ids)))
        assert logprob == pytest.approx(by_hand, abs=1e-4)


def test_choices_behind_the_template_are_the_assistants_words(
    evaluator: Evaluator, plain_model: Any, tokenizer: Any
) -> None:
    import torch

    found = evaluator.evaluate_custom(CHOICES[:1], chat_template=True, examples=True).examples[0].logprobs
    opening = "<s><|user|>The quick brown fox</s><|assistant|>"
    context = tokenizer(opening, add_special_tokens=False)["input_ids"]
    ids = [*context, *tokenizer("One.", add_special_tokens=False)["input_ids"]]
    with torch.no_grad():
        log_p = plain_model(torch.tensor([ids[:-1]])).logits[0].double().log_softmax(-1)
    by_hand = sum(float(log_p[at - 1, ids[at]]) for at in range(len(context), len(ids)))
    assert found[2] == pytest.approx(by_hand, abs=1e-4)


def test_a_question_longer_than_the_context_is_cut_and_counted(evaluator: Evaluator) -> None:
    long = {**CHOICES[0], "question": "The lazy dog jumps over. " * 12}
    assert evaluator.evaluate_custom([*CHOICES, long])["truncated"] == 1


def test_a_choice_longer_than_the_context_is_named_by_its_row(evaluator: Evaluator) -> None:
    long = {**CHOICES[0], "choices": ["dog", "The lazy dog jumps over. " * 12]}
    with pytest.raises(ModelError, match=r"a choice of .* is longer than the model's context") as raised:
        evaluator.evaluate_custom([CHOICES[0], long])
    assert raised.value.where == "<rows>:2"


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        ([PROMPTS[0]], {"metrics": "exakt_match"}, "no metric is called 'exakt_match'"),
        ([PROMPTS[0]], {"metrics": []}, "no metric is named"),
        ([PROMPTS[0]], {"metrics": " ,"}, "no metric is named"),
        ([PROMPTS[0]], {"metrics": ["acc"]}, "'acc' is of rows with choices"),
        (CHOICES, {"metrics": ["f1"]}, "'f1' is not of rows with choices"),
        (CHOICES, {"metrics": ["loss"]}, "'loss' is not of rows with choices"),
        (CHOICES, {"max_new_tokens": 3}, "max_new_tokens is of no use here"),
        ([PROMPTS[0]], {"max_new_tokens": 3}, "max_new_tokens is of no use here"),
        ([PROMPTS[0]], {"chat_template": True}, "chat_template is of no use here"),
        ([PROMPTS[0]], {"system_instruction": "x"}, "system_instruction is of no use here"),
        ([PROMPTS[0]], {"metrics": "loss", "examples": True}, "examples is of no use here"),
        ([PROMPTS[0]], {"limit": 0}, "limit is 0"),
        ([{"prompt": "?"}], {"metrics": "f1", "temperature": -1.0}, "temperature is -1"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_loaded(
    data: Any, options: dict[str, Any], says: str, model_folder: Path
) -> None:
    evaluator = Evaluator(model_folder, device="cpu")
    with pytest.raises(ConfigError, match=says) as raised:
        evaluator.evaluate_custom(data, **options)
    assert raised.value.hint
    assert "model" not in evaluator.__dict__


def test_a_limit_takes_the_first_rows(
    evaluator: Evaluator, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Whether rows come from a list, a file or a data set, and whatever is measured."""
    file = tmp_path / "rows.jsonl"
    file.write_text("\n" + "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for metrics in ("perplexity", "f1", "perplexity,f1"):
        options: dict[str, Any] = {"metrics": metrics, **({"max_new_tokens": 4} if "f1" in metrics else {})}
        wanted = evaluator.evaluate_custom(rows[:2], **options)
        for data in (rows, file, Dataset.from_file(file)):
            assert evaluator.evaluate_custom(data, limit=2, **options) == wanted
        assert evaluator.evaluate_custom(rows, limit=9, **options)["documents"] == len(rows)
    assert evaluator.evaluate_custom(CHOICES, limit=1) == evaluator.evaluate_custom(CHOICES[:1])


def test_what_lies_behind_the_limit_is_not_looked_at(
    evaluator: Evaluator, rows: list[dict[str, Any]]
) -> None:
    spoilt = [rows[0], {"nothing": 1}]
    with pytest.raises(RowError):
        evaluator.evaluate_custom(spoilt)
    assert evaluator.evaluate_custom(spoilt, limit=1)["documents"] == 1


@pytest.mark.parametrize(
    ("row", "says", "hint"),
    [
        ({"question": "?", "options": ["a", "b"], "answer": 0}, "no known format", 'Rename "options" to "ch'),
        ({"foo": 1}, "no known format", '{"text"}'),
        ({"question": "?", "answer": "!"}, "no known format", 'Rename "question" to "prompt"'),
    ],
)
def test_a_row_of_no_format_is_told_all_formats(
    row: dict[str, Any], says: str, hint: str, model_folder: Path
) -> None:
    for metrics in (None, "f1"):
        with pytest.raises(RowError, match=says) as raised:
            Evaluator(model_folder).evaluate_custom([row], metrics=metrics)
        assert hint in str(raised.value.hint)
        assert '{"question": "…", "choices": ["…", "…"], "answer": 0}' in str(raised.value.hint)


def test_a_question_alone_has_no_loss(model_folder: Path) -> None:
    conversation = {"messages": [{"role": "user", "content": "?"}], "references": ["!"]}
    for row in ({"prompt": "?", "references": ["!"]}, conversation):
        for metrics in (None, "f1,loss"):
            with pytest.raises(RowError, match="a question alone") as raised:
                Evaluator(model_folder).evaluate_custom([row], metrics=metrics)
            assert "metrics=" in str(raised.value.hint)


def test_a_row_without_an_answer_is_told_before_anything_is_loaded(model_folder: Path) -> None:
    evaluator = Evaluator(model_folder, device="cpu")
    with pytest.raises(RowError, match="no answer to compare with"):
        evaluator.evaluate_custom([{"prompt": "?", "completion": "!"}, {"prompt": "?"}], metrics="f1")
    with pytest.raises(RowError, match="running text"):
        evaluator.evaluate_custom(["a text"], metrics="f1")
    with pytest.raises(DataError, match="there are no rows"):
        evaluator.evaluate_custom([], metrics="f1")
    assert "model" not in evaluator.__dict__


def test_a_library_that_is_missing_is_told_before_anything_is_loaded(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    evaluator = Evaluator(model_folder, device="cpu")
    with pytest.raises(MissingDependencyError, match="BLEU"):
        evaluator.evaluate_custom([{"prompt": "?", "completion": "!"}], metrics="bleu")
    assert "model" not in evaluator.__dict__


def test_a_conversation_for_a_model_without_a_template_is_refused(
    evaluator: Evaluator, tokenizer: Any
) -> None:
    from copy import deepcopy

    bare = deepcopy(tokenizer)
    bare.chat_template = None
    row = {"prompt": "One.", "completion": "x"}
    with pytest.raises(TemplateError, match="no chat template") as raised:
        Evaluator.from_model(evaluator.model, bare).evaluate_custom([row], metrics="f1", chat_template=True)
    assert raised.value.where == "<rows>:1"


PLUGIN = """
    import statistics
    from brahma.core.entries import MetricEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_metrics():
        for name in ("longest", "words", "breaks", "speaks"):
            target = f"brahma_trial:{name}"
            yield MetricEntry(name=name, target=target, summary="Of a test", of="answers")

    def longest(answers):
        return max(len(each.output) for each in answers)

    def words(answers):
        return statistics.fmean(each.example["id"] for each in answers)

    def breaks(answers):
        raise ValueError("no judge")

    def speaks(answers):
        return "good"
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with plugin_site(tmp_path, monkeypatch):
        files = {"brahma_trial.py": PLUGIN}
        install_distribution(tmp_path, "brahma-trial", files=files, entry_points={"trial": "brahma_trial"})
        assert get_plugins().broken == []
        yield


@pytest.mark.usefixtures("plugin")
def test_a_metric_of_a_plugin_is_asked_for_by_its_name(
    evaluator: Evaluator, rows: list[dict[str, Any]], outputs: list[str]
) -> None:
    found = evaluator.evaluate_custom(rows, metrics="longest,words", max_new_tokens=BUDGET)
    assert found.metrics == {"longest": max(map(len, outputs)), "words": 1.5}
    assert found.stderr["words"] == pytest.approx((5 / 3) ** 0.5 / 2)
    assert found.stderr["longest"] > 0  # by resampling
    assert "longest" not in evaluator.evaluate_custom(rows)  # a metric of answers is asked for by name


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "why"), [("breaks", "ValueError: no judge"), ("speaks", "'good', no number")]
)
def test_a_metric_that_fails_is_named_with_its_distribution(name: str, why: str, model_folder: Path) -> None:
    evaluator = Evaluator(model_folder, device="cpu")
    with pytest.raises(PluginError, match=f"metric '{name}' of brahma-trial") as raised:
        evaluator.evaluate_custom([{"prompt": "?", "completion": "!"}], metrics=name)
    assert why in str(raised.value.why)
    assert "model" not in evaluator.__dict__


def test_results_show_their_errors(evaluator: Evaluator, rows: list[dict[str, Any]]) -> None:
    found = evaluator.evaluate_custom(rows, metrics="exact_match", max_new_tokens=BUDGET)
    assert repr(found).startswith("Results(exact_match=0.5000±0.2887, documents=4, skipped=0, truncated=0")
    assert dict(found) == {name: found[name] for name in found}
