import numpy as np
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.cleaning.words import WordHashes, run_hashes, word_spans


@given(st.text() | st.text(alphabet="aZ09_-. '\n\t\0éß日本語กขΣσς\ud800"))
def test_a_hash_for_each_word_and_the_same_for_every_case(text: str) -> None:
    words = [text[start:end].lower() for start, end in word_spans(text)]
    expected = [xxhash.xxh3_64_intdigest(word.encode()) for word in words]
    hashes = WordHashes()
    assert hashes.words(text).tolist() == expected
    assert hashes.words(text).tolist() == expected  # now from memory


@given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.integers(1, 6))
def test_runs_are_equal_where_their_words_are(words: list[int], length: int) -> None:
    array = np.array(words, np.uint64)
    found = run_hashes(array, length).tolist()
    alone = [run_hashes(array[start : start + length], length).tolist() for start in range(len(found))]
    assert [found_alone[0] for found_alone in alone] == found
    assert len(found) == max(0, len(words) - length + 1)


def test_the_order_of_words_matters() -> None:
    hashes = WordHashes()
    assert run_hashes(hashes.words("a b"), 2) != run_hashes(hashes.words("b a"), 2)


def test_words_are_letters_and_digits_and_characters_where_no_spaces_are() -> None:
    text = "It's x_1, «été»: 漢字 ไทย"
    assert [text[start:end] for start, end in word_spans(text)] == [
        *("It", "s", "x", "1", "été", "漢", "字", "ไ", "ท", "ย")
    ]
