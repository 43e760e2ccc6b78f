"""What no engine may change."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.augmentation.protection import has_prose, lost, new_number, protected_spans


def protected(text: str) -> list[str]:
    return [text[start:end] for start, end in protected_spans(text)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("run `ls -l` now", ["`ls -l`"]),
        ("so:\n```python\nx = fast\n```\nand on", ["```python\nx = fast\n```"]),
        ("an open block\n```\nx = fast", ["```\nx = fast"]),
        ("see https://a.org/b?c=1, please", ["https://a.org/b?c=1,"]),
        ("mail ann@sea.org now", ["ann@sea.org"]),
        ("it costs $5.50 or 20% of 1,000 more", ["$5.50", "20%", "1,000"]),
        ('the word "fast" is quoted', ['"fast"']),
        ("the word 'fast' is quoted", ["'fast'"]),
        ("we met Ann Lee in Paris", ["Ann", "Lee", "Paris"]),
        ("fill in {name} and [DATE] and %s", ["{name}", "[DATE]", "%s"]),
        ("a <|user|> mark and {{ x }}", ["<|user|>", "{{ x }}"]),
        ("open /etc/hosts with the_tool", ["/etc/hosts", "the_tool"]),
        ("call loadFile() or parseRow", ["loadFile()", "parseRow"]),
        ("| a | b |", ["| a | b |"]),
        ("the sum $x^2 + y$ here", ["$x^2 + y$"]),
    ],
)
def test_code_addresses_numbers_names_and_marks_are_protected(text: str, kept: list[str]) -> None:
    found = protected(text)
    assert [each for each in kept if not any(each.rstrip(",") in span for span in found)] == []


def test_a_capital_that_only_begins_a_sentence_protects_nothing() -> None:
    assert protected("Quickly close the door. Then open it.") == []


def test_a_name_at_the_start_is_known_by_its_other_places_and_by_what_follows() -> None:
    assert protected("Natalia sold clips. Later we saw Natalia.") == ["Natalia", "Natalia"]
    assert protected("Ann's boat is here.") == ["Ann's"]
    assert protected("Weng is late.") == ["Weng"]


def test_what_is_lost_or_moved_is_found() -> None:
    source = "From 3 to 5 in Paris"
    assert lost(source, "Between 3 and 5 in Paris") is None
    assert lost(source, "From 5 to 3 in Paris") == "5"
    assert lost(source, "From 3 to 5 in town") == "Paris"


def test_a_new_number_is_found() -> None:
    assert new_number("3 boats", "3 boats of 12") == "12"
    assert new_number("3 boats of 12", "12 boats") is None


def test_prose_is_three_words_that_may_change() -> None:
    assert has_prose("lower the sails")
    assert not has_prose("`lower the sails now`")
    assert not has_prose("OK")


@given(st.text())
def test_spans_are_in_order_do_not_overlap_and_hold_the_same_text_of_itself(text: str) -> None:
    spans = protected_spans(text)
    assert list(spans) == sorted(spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert lost(text, text) is None
