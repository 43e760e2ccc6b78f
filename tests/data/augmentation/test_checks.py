"""Which variants are taken."""

from __future__ import annotations

import pytest

from brahma.data.augmentation.checks import check, language_of

SOURCE = "The 7 fast boats came back to the harbour of Bergen before the great storm."


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("", "empty"),
        ("The 7 boats came.", "too long or too short"),
        (SOURCE * 3, "too long or too short"),
        (SOURCE.replace("7", "8"), "something protected was changed"),
        (SOURCE.replace("Bergen", "Oslo"), "something protected was changed"),
        (SOURCE.replace("great", "12 hour"), "a number that its source has not"),
        (SOURCE.replace("storm", "storm<|end|>"), "marks that its source has not"),
        ("Sorry, but 7 questions about Bergen are not what a helpful assistant can answer", "too far"),
        (SOURCE, "the same as its source"),
        (
            SOURCE.replace(".", " !").upper().lower().capitalize().replace("bergen", "Bergen"),
            "the same as its",
        ),
        ("Les 7 boats rapides came revenus au harbour de Bergen avant la grande tempête storm", "too far"),
    ],
)
def test_a_variant_that_is_none_is_rejected_with_the_reason(variant: str, reason: str) -> None:
    found = check(SOURCE, variant)
    assert found is not None
    assert found.reason.startswith(reason)


def test_a_variant_with_other_words_is_taken_once() -> None:
    variant = SOURCE.replace("fast", "quick")
    assert check(SOURCE, variant) is None
    again = check(SOURCE, variant, [variant])
    assert again is not None
    assert again.reason == "the same as another variant"
    assert check(SOURCE, SOURCE.replace("great", "terrible"), [variant]) is None


def test_another_order_of_the_words_is_a_variant() -> None:
    source = "If the weather turns bad, all of the boats stay at home."
    assert check(source, "All of the boats stay at home if the weather turns bad.") is None


def test_the_language_of_a_short_text_is_not_guessed() -> None:
    assert language_of("Bonjour") is None
    assert language_of("Les bateaux sont revenus au port avant la grande tempête.") == "fr"
    assert language_of("The boats came back to the harbour before the great storm.") == "en"
