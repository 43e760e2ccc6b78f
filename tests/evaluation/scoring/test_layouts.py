"""Texts as batches: every token is there once, and each target is predicted by the right one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import ModelError
from brahma.evaluation.scoring.layout import Laid
from brahma.evaluation.scoring.requests import Request, is_cut, text_of, windows
from brahma.evaluation.scoring.rows import RowBatches
from brahma.evaluation.scoring.tree import TreeBatches

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=12)
REQUESTS = st.lists(st.builds(Request, TOKENS, TOKENS), min_size=1, max_size=25)


def way_to(laid: Laid, token: int) -> list[int]:
    """Flat tokens from the beginning of its text to this one."""
    assert laid.ends is not None
    return [j for j in range(token + 1) if token < laid.ends[j]]


@given(requests=REQUESTS, budget=st.integers(1, 60))
def test_a_tree_holds_each_text_and_each_beginning_once(requests: list[Request], budget: int) -> None:
    texts = [text_of(request, 16) for request in requests]
    batches = TreeBatches(texts)
    seen: list[int] = []
    start = 0
    while start < len(texts):
        end = batches.end(start, budget)
        laid = batches.lay(start, end)
        numbers = batches.order[start:end]
        assert len(laid.ids) <= max(budget, len(texts[numbers[0]].ids))
        beginnings = {tuple(texts[n].ids[: k + 1]) for n in numbers for k in range(len(texts[n].ids))}
        assert len(laid.ids) == len(beginnings)
        slots, targets = (np.split(x, np.cumsum(laid.counts)[:-1]) for x in (laid.slots, laid.targets))
        for number, slot, target in zip(numbers, slots, targets, strict=True):
            text = texts[number]
            way = way_to(laid, int(slot[-1]))
            assert laid.ids[way].tolist() == text.ids.tolist()
            assert laid.depths is not None
            assert laid.depths[way].tolist() == list(range(len(way)))
            assert slot.tolist() == way[-len(target) :]
            assert target.tolist() == text.targets.tolist()
        seen += numbers
        start = end
    assert sorted(seen) == list(range(len(texts)))


@given(requests=REQUESTS, budget=st.integers(1, 60))
def test_rows_hold_each_text_within_the_budget(requests: list[Request], budget: int) -> None:
    texts = [text_of(request, 16) for request in requests]
    batches = RowBatches(texts)
    start = 0
    while start < len(texts):
        end = batches.end(start, budget)
        laid = batches.lay(start, end)
        assert laid.ids.size <= budget or len(laid.ids) == 1
        length = laid.ids.shape[1]
        slots = np.split(laid.slots, np.cumsum(laid.counts)[:-1])
        for number, slot in zip(batches.order[start:end], slots, strict=True):
            row, last = divmod(int(slot[-1]), length)
            assert laid.ids[row, : last + 1].tolist() == texts[number].ids.tolist()
            assert slot.tolist() == list(range(slot[-1] - len(slot) + 1, slot[-1] + 1))
        start = end


def test_a_batch_ends_where_the_least_is_shared() -> None:
    shots = list(range(10))
    questions = [
        Request([*shots, 20 + n, 30 + n], [40 + answer, 50]) for n in range(6) for answer in range(3)
    ]
    batches = TreeBatches([text_of(request, 100) for request in questions])
    end = batches.end(0, 10 + 5 * 4 + 4)  # room for four questions and two answers of the fifth
    assert end == 4 * 3


@given(tokens=st.lists(st.integers(0, 9), max_size=40), max_length=st.integers(1, 12))
def test_windows_predict_each_token_once_with_as_much_before_it_as_fits(
    tokens: list[int], max_length: int
) -> None:
    found = windows(tokens, 99, max_length)
    assert [token for window in found for token in window.continuation] == tokens
    for number, window in enumerate(found):
        assert not is_cut(window, max_length)
        if number:
            assert len(window.context) + len(window.continuation) == max_length + 1
        else:
            assert list(window.context) == [99]


def test_a_long_request_loses_its_beginning() -> None:
    request = Request([1, 2, 3, 4], [5, 6])
    assert not is_cut(request, 5)
    assert is_cut(request, 4)
    text = text_of(request, 4)
    assert text.ids.tolist() == [2, 3, 4, 5]
    assert text.targets.tolist() == [5, 6]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request([], [1]), "without a context"),
        (Request([1], []), "without a continuation"),
        (Request([1], [2, 3, 4]), "longer than the model's context of 2"),
    ],
)
def test_what_cannot_be_scored_is_named(request_: Request, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        text_of(request_, 2)
