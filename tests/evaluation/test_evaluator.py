"""The Evaluator against losses computed by hand with plain transformers, document by document."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brahma.core.entries import TaskEntry
from brahma.core.errors import DataError, DeviceError, ModelError
from brahma.core.plugins import Plugins, Registration
from brahma.evaluation import Evaluator, Results
from tests.evaluation.conftest import CONTEXT, TEXTS

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase


def loss_by_hand(model: Any, ids: list[int], first_target: int = 1, window: int | None = None) -> float:
    """Summed loss of the targets from `first_target` on; longer documents in windows that share one token."""
    import torch

    window = window or len(ids)
    total = 0.0
    for start in range(0, len(ids) - 1, window):
        piece = torch.tensor([ids[start : start + window + 1]])
        with torch.no_grad():
            losses = -model(piece[:, :-1]).logits.double().log_softmax(-1)
        for position in range(piece.shape[1] - 1):
            if start + position + 1 >= first_target:
                total += float(losses[0, position, piece[0, position + 1]])
    return total


def text_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [1, *ids, 2]


@pytest.fixture
def evaluator(model_folder: Path) -> Evaluator:
    return Evaluator(model_folder, device="cpu")


def test_the_total_is_that_of_each_document_alone(
    evaluator: Evaluator, plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    results = evaluator.evaluate_custom([{"text": text} for text in TEXTS])
    documents = [text_ids(tokenizer, text) for text in TEXTS]
    total = sum(loss_by_hand(plain_model, ids) for ids in documents)
    tokens = sum(len(ids) - 1 for ids in documents)
    num_bytes = sum(len(text.encode()) for text in TEXTS)
    assert results.tokens == tokens
    assert results.bytes == num_bytes
    assert results.documents == len(TEXTS)
    assert results.skipped == results.split == 0
    assert results.loss == pytest.approx(total / tokens, rel=1e-5)
    assert results.perplexity == pytest.approx(math.exp(total / tokens), rel=1e-4)
    assert results.bits_per_byte == pytest.approx(total / math.log(2) / num_bytes, rel=1e-5)


def test_of_a_completion_the_answer_alone_is_scored(
    evaluator: Evaluator, plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    results = evaluator.evaluate_custom([{"prompt": "def add(a, b):", "completion": " Add two numbers."}])
    prompt = tokenizer("def add(a, b):", add_special_tokens=False)["input_ids"]
    answer = tokenizer(" Add two numbers.", add_special_tokens=False)["input_ids"]
    ids = [1, *prompt, *answer, 2]
    assert results.tokens == len(answer) + 1
    assert results.bytes == len(b" Add two numbers.")
    assert results.loss * results.tokens == pytest.approx(
        loss_by_hand(plain_model, ids, first_target=1 + len(prompt)), rel=1e-5
    )


def test_of_a_conversation_the_answers_alone_are_scored(
    evaluator: Evaluator, plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    messages = [{"role": "user", "content": "Over?"}, {"role": "assistant", "content": "The lazy dog."}]
    results = evaluator.evaluate_custom([{"messages": messages}])
    ids = tokenizer("<s><|user|>Over?</s><|assistant|>The lazy dog.</s>", add_special_tokens=False)[
        "input_ids"
    ]
    answer = tokenizer("The lazy dog.", add_special_tokens=False)["input_ids"]
    assert results.tokens == len(answer) + 1
    assert results.loss * results.tokens == pytest.approx(
        loss_by_hand(plain_model, ids, first_target=len(ids) - len(answer) - 1), rel=1e-5
    )


def test_a_document_that_is_too_long_is_scored_in_pieces_and_counted(
    model_folder: Path, plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    long = TEXTS[0] * 4
    results = Evaluator(model_folder, device="cpu", seq_length=16).evaluate_custom([long, TEXTS[3]])
    ids, short = text_ids(tokenizer, long), text_ids(tokenizer, TEXTS[3])
    assert len(ids) > 17 >= len(short)
    assert results.split == 1
    assert results.tokens == len(ids) + len(short) - 2
    total = loss_by_hand(plain_model, ids, window=16) + loss_by_hand(plain_model, short)
    assert results.loss * results.tokens == pytest.approx(total, rel=1e-5)


def test_the_batch_size_does_not_matter(model_folder: Path) -> None:
    losses = [
        Evaluator(model_folder, device="cpu", seq_length=16, batch_size=size).evaluate_custom(TEXTS).loss
        for size in (1, 3, 64)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)


def test_paths_globs_and_data_sets_give_what_rows_give(evaluator: Evaluator, tmp_path: Path) -> None:
    from brahma.data import Dataset

    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    expected = evaluator.evaluate_custom(TEXTS)
    for data in (path, str(path), str(tmp_path / "*.jsonl"), [path], Dataset.from_file(path)):
        assert evaluator.evaluate_custom(data) == expected


def test_skipped_rows_are_counted(evaluator: Evaluator, tmp_path: Path) -> None:
    from brahma.data import Dataset

    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "good"}\n{"text": 3}\n{"text": "good too"}\n', encoding="utf-8")
    results = evaluator.evaluate_custom(Dataset.from_file(path, on_bad_row="skip"))
    assert (results.documents, results.skipped) == (2, 1)
    with pytest.raises(DataError, match=r"rows\.jsonl:2"):
        evaluator.evaluate_custom(path)


def test_a_model_in_memory_stays_as_it_is(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, evaluator: Evaluator
) -> None:
    plain_model.train()
    plain_model.model.layers[0].train(False)
    results = Evaluator.from_model(plain_model, tokenizer).evaluate_custom(TEXTS)
    assert results.loss == pytest.approx(evaluator.evaluate_custom(TEXTS).loss, rel=1e-5)
    assert plain_model.training
    assert not plain_model.model.layers[0].training
    assert plain_model.config._attn_implementation == "eager"
    assert all(parameter.grad is None for parameter in plain_model.parameters())


def test_the_first_packs_alone_can_be_scored(
    evaluator: Evaluator, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    from brahma.data import Dataset
    from brahma.data.prepare import prepare
    from brahma.evaluation import evaluate_packs

    packs = prepare(
        Dataset.from_rows(TEXTS),
        tokenizer=tokenizer,
        seq_length=16,
        packing="concat",
        directory=tmp_path,
        workers=1,
    ).train
    some = evaluate_packs(evaluator.model, packs, batch_size=2, max_packs=3)
    every = evaluate_packs(evaluator.model, packs, batch_size=2)
    assert some.tokens == int(packs.supervised[:3].sum()) < every.tokens
    assert some.bytes == round(every.bytes * some.tokens / every.tokens)
    assert evaluate_packs(evaluator.model, packs, batch_size=2, max_packs=10_000) == every


def test_results_are_a_mapping_that_reads_well(evaluator: Evaluator) -> None:
    results = evaluator.evaluate_custom(["The lazy dog."])
    assert isinstance(results, Results)
    assert results["loss"] == results.loss
    assert results["documents"] == 1
    assert {"loss", "perplexity", "bits_per_byte", "tokens", "bytes", "documents", "skipped"} <= set(results)
    assert dict(results) == {name: results[name] for name in results}
    assert "bits_per_byte=" in repr(results)
    assert json.dumps(dict(results))
    with pytest.raises(KeyError):
        results["accuracy"]


def test_the_sequence_length_is_the_models_own(evaluator: Evaluator) -> None:
    assert evaluator.seq_length == CONTEXT


@pytest.mark.parametrize("nothing", [[], [""], ["", ""]])
def test_no_text_is_named(nothing: list[str], evaluator: Evaluator) -> None:
    with pytest.raises(DataError):
        evaluator.evaluate_custom(nothing)


def test_an_empty_file_is_named(evaluator: Evaluator, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        evaluator.evaluate_custom(path)


def test_rows_and_paths_in_one_list_are_refused(evaluator: Evaluator, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="paths and rows"):
        evaluator.evaluate_custom(["a text", tmp_path])


def test_a_sequence_longer_than_the_models_context_is_refused(model_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"seq_length 65 .* 64"):
        Evaluator(model_folder, device="cpu", seq_length=CONTEXT + 1).evaluate_custom(TEXTS)


def alphabet(evaluator: Evaluator, options: object) -> dict[str, float]:
    """A task as a plugin brings it."""
    assert options is None
    return dict(evaluator.evaluate_custom(["a b c d e f g"]))


def test_a_task_of_a_plugin_is_run_by_its_name(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = Plugins()
    entry = TaskEntry(name="alphabet", target=f"{__name__}:alphabet")
    plugins.registrations.append(Registration(entry, "alphabet", "brahma-alphabet", "1.0"))
    monkeypatch.setattr("brahma.evaluation.harness.evaluating.get_plugins", lambda: plugins)
    assert evaluator.evaluate(["alphabet"]) == {
        "alphabet": dict(evaluator.evaluate_custom(["a b c d e f g"]))
    }


def test_an_unknown_device_is_named(model_folder: Path) -> None:
    evaluator = Evaluator(model_folder, device="warp")
    with pytest.raises(DeviceError, match="'warp'") as raised:
        evaluator.model  # noqa: B018
    assert raised.value.hint


def test_an_unknown_dtype_is_named_before_a_model_is_looked_for() -> None:
    with pytest.raises(DeviceError, match="'float12'") as raised:
        Evaluator("no such model", dtype="float12")
    assert "bfloat16" in str(raised.value.hint)


def test_an_evaluator_shows_its_model_and_loads_nothing_for_it(evaluator: Evaluator) -> None:
    path = evaluator.model_path
    assert repr(evaluator) == f"Evaluator({path!r}, not loaded yet, batch_size=8)"
    dtype = evaluator.model.dtype
    assert repr(evaluator) == f"Evaluator({path!r}, {dtype} on cpu, batch_size=8)"
