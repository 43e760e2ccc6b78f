"""Exact match and F1, by hand and by their laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.evaluation.custom.answers import Answer
from brahma.evaluation.custom.overlap import exact_match, f1, normalised, token_f1, verbatim_match

WORDS = st.lists(st.sampled_from(["the", "Ferry", "ferry,", "sea", "a", "naïve", "42", "!"]), max_size=8)
TEXTS = st.one_of(WORDS.map(" ".join), st.text(max_size=40))


def answers(*pairs: tuple[str, str | tuple[str, ...]]) -> list[Answer]:
    listed = [(output, (right,) if isinstance(right, str) else right) for output, right in pairs]
    return [Answer("?", output, right, {}) for output, right in listed]


def test_case_marks_articles_and_blanks_do_not_count() -> None:
    assert normalised("  The  ferry, an OLD\none!") == "ferry old one"
    assert exact_match(answers((" the Ferry.", "a ferry"), ("ferries", "ferry"))) == 0.5


def test_to_the_letter_everything_counts() -> None:
    assert (
        verbatim_match(answers(("the Ferry", "the Ferry"), ("the ferry", "the Ferry"), (" x", "x"))) == 1 / 3
    )


@pytest.mark.parametrize(
    ("output", "reference", "expected"),
    [
        ("the cat sat on the mat", "a cat on a red mat", 2 * 3 / (4 + 4)),  # cat, on, mat of 4 and 4
        ("cat cat cat", "cat", 2 * 1 / (3 + 1)),  # each word as often as it stands in both
        ("dog", "cat", 0.0),
        ("", "cat", 0.0),
        ("the", "a!", 1.0),  # neither has a word
    ],
)
def test_f1_is_what_is_worked_out_by_hand(output: str, reference: str, expected: float) -> None:
    assert token_f1(output, reference) == pytest.approx(expected)


def test_of_several_references_the_best_one_counts() -> None:
    found = answers(("in Paris", ("Rome", "Paris", "in the city of Paris")), ("Rome", "Oslo"))
    assert exact_match(found) == 0.0
    assert f1(found) == pytest.approx((2 * 1 / 3 + 0) / 2)
    assert exact_match(answers(("paris", ("Rome", "Paris")))) == 1.0


@given(TEXTS, TEXTS)
def test_f1_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert token_f1(one, other) == token_f1(other, one)
    assert 0 <= token_f1(one, other) <= 1


@given(TEXTS, TEXTS)
def test_what_matches_exactly_has_all_words_in_common(one: str, other: str) -> None:
    (same,) = [exact_match(answers((one, other)))]
    assert same in (0.0, 1.0)
    assert same == exact_match(answers((other, one)))
    assert same <= token_f1(one, other)
    assert verbatim_match(answers((one, other))) <= same


@given(TEXTS)
def test_a_text_matches_itself(text: str) -> None:
    assert exact_match(answers((text, text))) == f1(answers((text, text))) == token_f1(text, text) == 1


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5), TEXTS)
def test_another_reference_never_lowers_a_score(pairs: list[tuple[str, str]], more: str) -> None:
    fewer = answers(*pairs)
    further = answers(*((output, (reference, more)) for output, reference in pairs))
    assert exact_match(fewer) <= exact_match(further)
    assert f1(fewer) <= f1(further) + 1e-12
