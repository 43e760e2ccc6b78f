"""Runs of words that repeat, against the plainest way to count them."""

from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from brahma.data.cleaning.steps.quality.ngrams import Ngrams
from brahma.data.cleaning.steps.quality.tokens import split_tokens, token_strings

# "a b" and "ab", so that other words make the same characters
WORDS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab", ".", "語", "x" * 70_000]), max_size=40)


def top_characters(words: list[str], n: int) -> int:
    runs = [" ".join(words[start : start + n]) for start in range(len(words) - n + 1)]
    if not runs:
        return 0
    ((run, count),) = Counter(runs).most_common(1)
    return len(run) * count


def duplicate_characters(words: list[str], n: int) -> int:
    seen, duplicate, start = set[str](), 0, 0
    while start + n <= len(words):
        run = "".join(words[start : start + n])
        if run in seen:
            duplicate, start = duplicate + len(run), start + n
        else:
            seen.add(run)
            start += 1
    return duplicate


@settings(deadline=None)
@given(WORDS, st.integers(1, 6))
@example(["a", "b", "ab", "a", "b"], 2)
def test_repeats_are_counted_as_by_hand(words: list[str], n: int) -> None:
    text = " ".join(words)
    ngrams, tokens = Ngrams(split_tokens(text)), token_strings(text)
    assert ngrams.top_characters(n) == top_characters(tokens, n)
    assert ngrams.duplicate_characters(n, up_to=-1) == duplicate_characters(tokens, n)


@settings(deadline=None)
@given(WORDS, st.integers(1, 6), st.integers(0, 100))
def test_an_estimate_is_never_too_low_and_only_given_below_the_limit(
    words: list[str], n: int, limit: int
) -> None:
    text = " ".join(words)
    found = Ngrams(split_tokens(text)).duplicate_characters(n, up_to=limit)
    exact = duplicate_characters(token_strings(text), n)
    assert found >= exact
    assert found == exact or found <= limit


def test_runs_that_differ_in_one_character_are_told_apart() -> None:
    words = [f"{letter}{number} tail" for number in range(300) for letter in "abcdefghijklmnop"]
    ngrams = Ngrams(split_tokens(" ".join(words)))
    assert ngrams.duplicate_characters(2, up_to=-1) == 0


def test_long_texts_are_hashed_in_blocks_that_do_not_show() -> None:
    unlike = " ".join(f"word{number}" for number in range(40_000))
    repeated = f"once more with feeling {unlike} once more with feeling"
    assert Ngrams(split_tokens(unlike)).duplicate_characters(4, up_to=-1) == 0
    assert Ngrams(split_tokens(repeated)).duplicate_characters(4, up_to=-1) == len("oncemorewithfeeling")
    assert Ngrams(split_tokens(repeated)).top_characters(4) == 2 * len("once more with feeling")
