"""datatrove's own filters, given our words, as the oracle: verdict, reason and text."""

import random
from typing import Any

import pytest
from benchmarks.quality import GROUPS, our_judge, their_judge
from hypothesis import given, settings
from hypothesis import strategies as st

PROSE = (
    "The river ran past the old mill and that was the end of the road.",
    "They have come to be with the others, of whom nobody had spoken before!",
    '"Where is it?" she asked, and he pointed to the hill.',
    "Nothing of that kind was ever seen in the valley [1] again.",
    "see also: the index of names",
    "- a bullet with some words in it",
    "• another bullet",
    "and so it went on...",
    "Home | About | Contact",
    "This site uses cookies to be better.",
    "Please turn JavaScript on to have the map.",
    "if (x) { return 1; }",
    "Lorem ipsum dolor sit amet.",
    "#tag #tag #tag",
    "12 34 56 78 90",
    "日本語の文章です。次の文章です。",
    "Это предложение написано по-русски.",
    "w" * 1001 + " is long.",
    "",
    "",
    "  ",
    "Short.",
)
WEB = {
    "gopher_quality": {"min_words": 8, "min_stop_words": 1},
    "c4": {"min_sentences": 2, "max_word_length": 12},
    "fineweb": {"max_duplicate_line_characters": 0.3},
}
WEB_THERE = {
    "gopher_quality": {"min_doc_words": 8, "min_stop_words": 1},
    "c4": {"min_num_sentences": 2, "max_word_length": 12},
    "fineweb": {"char_duplicates_ratio": 0.3},
}
LOOSE = {
    "gopher_repetition": {
        "max_duplicate_paragraphs": None,
        "max_duplicate_paragraph_characters": None,
        "max_duplicate_lines": None,
        "max_duplicate_line_characters": None,
        "max_top_2_gram": 0.6,
        "max_top_3_gram": 0.5,
        "max_top_4_gram": 0.5,
    },
    "gopher_quality": {"min_words": 1, "min_stop_words": None, "min_alphabetic_words": None},
    "c4": {"final_punctuation": False, "min_words_per_line": None, "min_sentences": 1, "javascript": False},
    "fineweb": {"allow_no_punctuation": True, "final_marks": ".:", "short_line": 5, "max_short_lines": 0.5},
}
LOOSE_THERE = {
    "gopher_repetition": {
        "dup_para_frac": None,
        "dup_para_char_frac": None,
        "dup_line_frac": None,
        "dup_line_char_frac": None,
        "top_n_grams": ((2, 0.6), (3, 0.5), (4, 0.5)),
    },
    "gopher_quality": {"min_doc_words": 1, "min_stop_words": None, "max_non_alpha_words_ratio": None},
    "c4": {
        "filter_no_terminal_punct": False,
        "min_words_per_line": -1,
        "min_num_sentences": 1,
        "filter_javascript": False,
    },
    "fineweb": {
        "line_punct_exclude_zero": True,
        "stop_chars": (".", ":"),
        "short_line_length": 5,
        "short_line_thr": 0.5,
    },
}
OPTIONS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    (WEB, WEB_THERE),
    (LOOSE, LOOSE_THERE),
)


def made_document(seed: int) -> str:
    """Lines of a few kinds, some of them often."""
    draw = random.Random(seed)
    kinds = draw.sample(PROSE, draw.randint(1, len(PROSE)))
    lines = []
    for _ in range(draw.choice((1, 4, 12, 60))):
        line = draw.choice(kinds)
        words = line.split(" ")
        if draw.random() < 0.7:
            words[draw.randrange(len(words))] = (
                f"{draw.choice('abcd')}{draw.randrange(10 ** draw.randint(1, 5))}"
            )
        lines.append(" ".join(words))
    return draw.choice(("\n", "\n\n", "\r\n", "\n\n\n")).join(lines)


@pytest.mark.parametrize("groups", [*((group,) for group in GROUPS), GROUPS], ids="+".join)
@pytest.mark.parametrize("number", range(len(OPTIONS)), ids=["published", "stricter", "looser"])
def test_made_documents_get_the_same_verdict(groups: tuple[str, ...], number: int) -> None:
    here, there = OPTIONS[number]
    our, their = our_judge(groups, **here), their_judge(groups, peer="ours", **there)
    reasons = set()
    for text in map(made_document, range(120)):
        ruling = our(text)
        assert ruling == their(text)
        reasons.add(ruling.reason)
    assert len(reasons) > 1


TEXTS = st.lists(
    st.sampled_from(
        ["the ", "of ", "a", "ab ", " ", "\n", "\n\n", ".", "...", '"', "#", "- ", "[1]", "{", "語", "。"]
    )
).map("".join)


@settings(deadline=None, max_examples=150)
@given(TEXTS.filter(str.strip), st.sampled_from([(group,) for group in GROUPS]), st.sampled_from([0, 1]))
def test_odd_texts_get_the_same_verdict(text: str, groups: tuple[str, ...], number: int) -> None:
    here, there = OPTIONS[number]
    assert our_judge(groups, **here)(text) == their_judge(groups, peer="ours", **there)(text)
