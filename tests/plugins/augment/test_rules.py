"""Rules of English, edits of words, sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma_augment.rules import (
    contraction_edits,
    phrase_edits,
    request_edits,
    verb_edits,
    with_clauses_swapped,
)
from brahma_augment.sentences import sentence_spans, with_sentences
from brahma_augment.words import Edit, edited, everywhere, open_words, takes_an


def one_by_one(text: str, edits: list[Edit]) -> list[str]:
    return [edited(text, [edit]) for edit in edits]


def test_phrases_change_both_ways() -> None:
    assert one_by_one("He swims each day.", list(phrase_edits("He swims each day."))) == [
        "He swims every day."
    ]
    assert one_by_one("Each day he swims.", list(phrase_edits("Each day he swims."))) == [
        "Every day he swims."
    ]


def test_only_a_verb_that_asks_changes() -> None:
    assert "Produce a list." in one_by_one("Generate a list.", list(verb_edits("Generate a list.")))
    assert list(verb_edits("Generate me lists.")) == []


def test_a_request_becomes_polite_or_a_question() -> None:
    text = "Name a river in Norway."
    assert [edited(text, group) for group in request_edits(text)] == [
        "Please name a river in Norway.",
        "Can you name a river in Norway?",
        "Could you name a river in Norway?",
    ]
    assert list(request_edits("Name a river. Then name another.")) == []
    assert list(request_edits("Rivers run to the sea.")) == []


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("It is not here.", ["It isn't here.", "It's not here."]),
        ("They don't swim.", ["They do not swim."]),
        ("Why don't they swim?", []),
        ("Yes, it is.", []),
    ],
)
def test_contractions_where_they_can_stand(text: str, others: list[str]) -> None:
    assert sorted(one_by_one(text, list(contraction_edits(text)))) == sorted(others)


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("If it rains today, how many boats stay?", "How many boats stay if it rains today?"),
        ("When the wind turns, then the boats come home.", "The boats come home when the wind turns."),
        ("If Ann has 3 boats, how many has she left?", None),
        ("If Ann sells 3 boats, how much does Bob pay for 2 boats?", None),
        ("If so, why do they go?", None),
        ("If it rains, or snows, the boats stay home.", None),
    ],
)
def test_clauses_change_places_where_that_is_safe(text: str, swapped: str | None) -> None:
    assert with_clauses_swapped(text) == (swapped or text)


def test_a_word_changes_everywhere_and_the_article_with_it() -> None:
    text = "A client is a client, and AN ART client too; a client-side one is not."
    assert edited(text, everywhere(text, {"client": "owner"})) == (
        "An owner is an owner, and AN ART owner too; a client-side one is not."
    )


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("apple", "an"),
        ("hour", "an"),
        ("user", "a"),
        ("university", "a"),
        ("umbrella", "an"),
        ("one", "a"),
        ("uninteresting", "an"),
        ("european", "a"),
        ("honest", "an"),
        ("house", "a"),
        ("onerous", "an"),
    ],
)
def test_the_article_goes_by_the_sound(word: str, article: str) -> None:
    assert takes_an(word) == (article == "an")


@given(st.text(alphabet="aB .?!\n'1\"“é", max_size=60))
def test_sentences_put_back_are_the_passage(text: str) -> None:
    spans = sentence_spans(text)
    assert with_sentences(text, spans, [text[start:end] for start, end in spans]) == text
    assert all("\n" not in text[start:end] and text[start:end].strip() for start, end in spans)
    assert all(text[word.start : word.end] == word.text for word in open_words(text))
