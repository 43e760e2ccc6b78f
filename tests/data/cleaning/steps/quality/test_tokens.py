"""What a word is, and what a mark."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.cleaning.steps.quality.tokens import LETTER, WORDLIKE, split_tokens, token_strings

ON_ASCII = re.compile(r"\w+(?:[.,']\w+)*|\.+|-+|[^\w\s]")
MIXED = st.text(st.sampled_from("ab1_ .,'’-#\n\t\x1c\x00日本ねñé\u0301\u200d…!（𝒳𠀀"))


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_text_is_split_as_the_documented_expression_does(text: str) -> None:
    assert token_strings(text) == ON_ASCII.findall(text)


@given(st.one_of(st.text(), MIXED))
def test_tokens_hold_every_character_but_the_blanks(text: str) -> None:
    tokens = token_strings(text)
    assert "".join(tokens) == "".join(text.split())
    assert not any(re.search(r"\s", token) for token in tokens)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \n", []),
        ("Don't stop at 3.14, e.g. here.", ["Don't", "stop", "at", "3.14", ",", "e.g", ".", "here", "."]),
        ("wait... -- no!!", ["wait", "...", "--", "no", "!", "!"]),
        ("a,,b .c d.", ["a", ",", ",", "b", ".", "c", "d", "."]),
        ("l’été", ["l’été"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("日本語です。Go!", ["日", "本", "語", "で", "す", "。", "Go", "!"]),
        ("\ud800a", ["\ud800", "a"]),
    ],
)
def test_words_keep_what_stands_inside_them(text: str, tokens: list[str]) -> None:
    assert token_strings(text) == tokens


@given(st.one_of(st.text(), MIXED))
def test_a_token_has_a_letter_when_one_of_its_characters_is_one(text: str) -> None:
    has_letter = [any(map(str.isalpha, token)) for token in token_strings(text)]
    assert ((split_tokens(text).kinds & LETTER) != 0).tolist() == has_letter


def test_symbols_alone_are_no_word() -> None:
    tokens = split_tokens("- • # 7 x。 __ → 。")
    assert ((tokens.kinds & WORDLIKE) != 0).tolist() == [
        False,
        True,
        False,
        True,
        True,
        False,
        False,
        True,
        False,
    ]
