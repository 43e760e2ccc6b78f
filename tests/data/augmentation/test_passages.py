"""The parts of a row that may change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.augmentation.passages import passages_of
from brahma.data.layouts import layout_of, texts_of

ASK = "Where do the fast boats go?"
ROWS: list[tuple[Any, list[str]]] = [
    ({"text": ASK}, [ASK]),
    (ASK, [ASK]),
    ({"prompt": ASK, "completion": "They go out to the sea."}, [ASK]),
    (
        {
            "messages": [
                {"role": "system", "content": "You answer with few words."},
                {"role": "user", "content": ASK},
                {"role": "assistant", "content": "They go out to the sea."},
                {"role": "user", "content": "And when do they return?"},
                {"role": "assistant", "content": "They return in the night."},
            ]
        },
        [ASK, "And when do they return?"],
    ),
    ({"instruction": ASK, "input": "a text to work on", "output": "The answer is the sea."}, [ASK]),
    (
        {
            "instruction": ASK,
            "output": "The answer is here.",
            "system": "You answer with few words.",
            "history": [["What is the sea like?", "The sea is very salty."]],
        },
        ["What is the sea like?", ASK],
    ),
    (
        {
            "system": "You answer with few words.",
            "conversations": [
                {"from": "human", "value": ASK},
                {"from": "gpt", "value": "They go out to the sea."},
            ],
        },
        [ASK],
    ),
]


@pytest.mark.parametrize(("row", "asked"), ROWS)
def test_what_is_asked_may_change_and_nothing_else(row: Any, asked: list[str]) -> None:
    layout = layout_of(row)
    passages = passages_of(row, layout, where="a:1")
    assert passages.texts == asked
    changed = passages.rebuilt(dict.fromkeys(range(len(asked)), "CHANGED"))
    before, after = texts_of(row, layout), texts_of(changed, layout)
    assert [new for old, new in zip(before, after, strict=True) if old not in asked] == [
        old for old in before if old not in asked
    ]
    assert [new for old, new in zip(before, after, strict=True) if old in asked] == ["CHANGED"] * len(asked)
    assert passages.rebuilt({}) == row


def test_paragraphs_change_one_by_one_and_code_is_never_cut() -> None:
    text = "The first one is here.\n\n```\na = 1\n\nb = 2\n```\n\n\nThe last one is there.\n"
    passages = passages_of(text, "text", where="a:1")
    assert passages.texts == ["The first one is here.", "The last one is there.\n"]
    assert passages.rebuilt({1: "X\n"}) == text.replace("The last one is there.", "X")


@given(st.text(alphabet="ab `~\n", max_size=80))
def test_the_paragraphs_are_the_whole_text(text: str) -> None:
    assert passages_of(text, "text", where="a:1").rebuilt({}) == text
