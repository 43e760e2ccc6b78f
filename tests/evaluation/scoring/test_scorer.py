"""The Scorer's answers are those of each request alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PreTrainedModel

from brahma.core.errors import DeviceError
from brahma.core.models import PACKED, load_model
from brahma.evaluation.scoring import scorer as module
from brahma.evaluation.scoring.requests import Request, Scored
from brahma.evaluation.scoring.scorer import Scorer, tokens_of
from tests.core.models.architectures import REFUSED, TRAINED, saved
from tests.core.models.tiny import evaluated_llama

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=9)
REQUESTS = st.lists(st.builds(Request, TOKENS, TOKENS), max_size=20)
SHOTS = list(range(3, 20))
QUESTIONS = [
    Request([*SHOTS[: 17 - long], *range(q, q + 5 + q % 3)], [answer, *range(answer % 4)])
    for q, long in ((20, 0), (30, 0), (31, 9), (40, 17))
    for answer in (1, 2, 3, 8)
]


def alone(model: PreTrainedModel, request: Request, max_length: int) -> Scored:
    """By a whole pass of the model over this request, and all its logits."""
    ids = torch.tensor([*request.context, *request.continuation])[-(max_length + 1) :]
    with torch.no_grad():
        logits = model(input_ids=ids[None, :-1], use_cache=False).logits[0].float()
    asked = len(request.continuation)
    log_p = logits[-asked:].log_softmax(-1)
    target = ids[-asked:]
    return Scored(float(log_p.gather(1, target[:, None]).sum()), bool((log_p.argmax(-1) == target).all()))


def assert_equal(found: Sequence[Scored], expected: Sequence[Scored]) -> None:
    assert [each.greedy for each in found] == [each.greedy for each in expected]
    for a, b in zip(found, expected, strict=True):
        assert a.logprob == pytest.approx(b.logprob, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(requests=REQUESTS, max_tokens=st.integers(1, 80))
def test_requests_together_have_the_answers_that_each_has_alone(
    requests: list[Request], max_tokens: int
) -> None:
    model = evaluated_llama(2)
    found = Scorer(model, 12, max_tokens).score(requests)
    assert_equal(found, [alone(model, request, 12) for request in requests])


@pytest.mark.parametrize("model_type", [*TRAINED, "bloom", "mamba", "rwkv"])
def test_every_architecture_is_scored_as_its_own_code_computes_it(model_type: str, tmp_path: Path) -> None:
    changes = REFUSED[model_type][1] if model_type in REFUSED else None
    folder = saved(tmp_path, model_type, changes)
    plain = AutoModelForCausalLM.from_pretrained(folder)
    plain.train(False)
    found = Scorer(load_model(folder), 22, 64).score(QUESTIONS)
    assert_equal(found, [alone(plain, request, 22) for request in QUESTIONS])


@pytest.mark.parametrize("model_type", ["llama", "mamba"])
def test_a_batch_size_is_met_whatever_the_context_and_its_memory_is_bounded(
    model_type: str, tmp_path: Path
) -> None:
    assert tokens_of("auto", 10**30) == "auto"
    assert tokens_of(4, 256) == 1024
    assert tokens_of(4, 2**20) == 4 * 2048  # not all the texts of a model that could read a million tokens
    changes = REFUSED[model_type][1] if model_type in REFUSED else None
    model = load_model(saved(tmp_path, model_type, changes))
    endless = Scorer(model, 10**18, tokens_of(10**30, 10**18)).score(QUESTIONS)
    assert_equal(endless, Scorer(model, 64, tokens_of(1, 64)).score(QUESTIONS))


def test_answers_come_with_their_batch_and_are_the_same_every_time() -> None:
    model = evaluated_llama(2)
    came: list[tuple[int, Scored]] = []
    first = Scorer(model, 64, 30).score(QUESTIONS, lambda *each: came.append(each))
    assert sorted(came) == list(enumerate(first))
    assert Scorer(model, 64, 30).score(QUESTIONS) == first


def test_what_is_shared_is_computed_once_and_the_head_only_where_it_is_asked() -> None:
    model = evaluated_llama(2)
    read: list[int] = []
    with model.get_input_embeddings().register_forward_hook(
        lambda _m, args, _o: read.append(args[0].numel())
    ):
        Scorer(model, 64).score([Request(SHOTS, [answer]) for answer in range(8)])  # tried first, by its own
        read.clear()
        Scorer(model, 64).score([Request(SHOTS, [answer]) for answer in range(8)])
        Scorer(model, 64).score([Request(SHOTS, [answer, 5]) for answer in range(8)])
    assert read == [len(SHOTS), len(SHOTS) + 8]


def test_the_model_stays_as_it_was() -> None:
    model = evaluated_llama(2)
    model.train()
    try:
        Scorer(model, 64).score(QUESTIONS)
        assert model.training
        assert model.config._attn_implementation == PACKED
    finally:
        model.train(False)


def test_requests_that_lose_their_beginning_are_counted() -> None:
    scorer = Scorer(evaluated_llama(2), 20)
    scorer.score(QUESTIONS)
    lengths = [len(context) + len(continuation) for context, continuation in QUESTIONS]
    assert scorer.truncated == sum(length > 21 for length in lengths) > 0


def test_texts_of_any_length_are_scored_in_windows() -> None:
    model = evaluated_llama(2)
    texts = [[], [5], list(range(10)), list(range(25))]
    came: list[tuple[int, float]] = []
    found = Scorer(model, 10).score_rolling(texts, 60, lambda *each: came.append(each))
    pieces = [
        [],
        [Request([60], [5])],
        [Request([60], range(10))],
        [Request([60], range(10)), Request([9], range(10, 20)), Request(range(14, 20), range(20, 25))],
    ]
    expected = [sum(alone(model, piece, 10).logprob for piece in each) for each in pieces]
    assert found == pytest.approx(expected, abs=1e-4)
    assert sorted(came) == list(enumerate(found))


def test_without_memory_the_batches_become_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    model, answers, sizes = evaluated_llama(2), module._answers, []

    def small(*args: object) -> object:
        sizes.append(len(args[2].ids))  # type: ignore[attr-defined]
        if sizes[-1] > 40:
            raise torch.OutOfMemoryError
        return answers(*args)  # type: ignore[arg-type]

    expected = Scorer(model, 64).score(QUESTIONS)
    monkeypatch.setattr(module, "_answers", small)
    assert_equal(Scorer(model, 64, 120).score(QUESTIONS), expected)
    assert max(sizes) > 60
    assert sizes[-1] <= 40


def test_a_single_text_without_memory_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(module, "_answers", never)
    with pytest.raises(DeviceError, match="single text"):
        Scorer(evaluated_llama(2), 64).score(QUESTIONS)
