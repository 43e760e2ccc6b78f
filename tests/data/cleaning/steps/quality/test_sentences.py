"""Where sentences end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.cleaning.steps.quality.sentences import sentence_spans


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n", []),
        ("no end", ["no end"]),
        ('One. "Two?" Three!', ["One. ", '"Two?" ', "Three!"]),
        ("Version 3.11 is out.", ["Version 3.11 is out."]),
        ("Так. 一。二！", ["Так. ", "一。", "二！"]),
    ],
)
def test_a_mark_and_a_blank_end_a_sentence(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@given(st.text(st.sampled_from("ab. \n。!\"'")))
def test_sentences_join_up_to_the_text(text: str) -> None:
    bounds = [0, *(place for span in sentence_spans(text) for place in span)]
    assert bounds[1::2] == bounds[:-1:2]
    assert not text[bounds[-1] :].strip()
