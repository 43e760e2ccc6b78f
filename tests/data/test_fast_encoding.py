import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from brahma.data import Row
from brahma.data.encode import Encoder
from brahma.data.fast_encoding import NotConvertibleError, convert, disagreement
from brahma.data.rows import ROWS_IN_MEMORY
from tests.data.small_tokenizers import TEXT, gpt2_like, sentencepiece_like, small_tokenizer

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split_like(pattern: str, **options: Any) -> Tokenizer:
    """Byte-level BPE with a regular expression of its own, as Llama 3 and Qwen have it."""
    backend = Tokenizer(models.BPE(**options))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(TEXT, trainer)
    return backend


def changed(backend: Tokenizer, **parts: Any) -> str:
    return json.dumps(json.loads(backend.to_str()) | parts)


def changed_model(backend: Tokenizer, **parts: Any) -> str:
    model = json.loads(backend.to_str())["model"] | parts
    return changed(backend, model=model)


OURS = small_tokenizer().backend_tokenizer
LLAMA = split_like(LLAMA3)
QWEN = split_like(LLAMA3)
QWEN.normalizer = normalizers.NFC()
texts = st.text(max_size=80) | st.text(st.sampled_from("ab the\n\t '()é\u0301🙂1"), max_size=40)


@settings(deadline=None)
@given(texts)
def test_both_ways_give_the_same_ids(text: str) -> None:
    for backend in (OURS, gpt2_like().backend_tokenizer, LLAMA, QWEN):
        plain = Tokenizer.from_str(backend.to_str())
        plain.encode_special_tokens = True
        ids = convert(backend.to_str()).encode(text)
        assert ids is None or ids.tolist() == plain.encode(text, add_special_tokens=False).ids


def test_ids_in_another_order_than_the_merges_are_looked_up() -> None:
    model = json.loads(OURS.to_str())["model"]
    highest = max(model["vocab"].values())
    turned = {token: highest - number for token, number in model["vocab"].items()}
    text = "the quick brown fox 🙂 says hello"
    ids = convert(changed_model(OURS, vocab=turned)).encode(text)
    expected = [highest - number for number in OURS.encode(text, add_special_tokens=False).ids]
    assert ids is not None
    assert ids.tolist() == expected


@pytest.mark.parametrize(
    ("tokenizer", "why"),
    [
        (sentencepiece_like().backend_tokenizer.to_str(), "Metaspace"),
        (changed_model(OURS, type="BPE", byte_fallback=True), "byte_fallback"),
        (changed_model(OURS, dropout=0.1), "dropout"),
        (changed(OURS, normalizer={"type": "Lowercase"}), "Lowercase"),
        (changed(OURS, pre_tokenizer=None), "absent"),
        (split_like(r"\p{L}+").to_str().replace('"Isolated"', '"Removed"'), "other than matches"),
        (Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str(), "WordLevel"),
    ],
)
def test_what_cannot_be_converted_says_why(tokenizer: str, why: str) -> None:
    with pytest.raises(NotConvertibleError, match=why):
        convert(tokenizer)


def test_merges_that_come_to_something_else_are_refused() -> None:
    """`abc` is made of `ab c`, but `bc` is merged before `ab`: tokenizers gives `a bc`, tiktoken `abc`."""
    vocab = dict(json.loads(LLAMA.to_str())["model"]["vocab"])
    letters = {token: number for token, number in vocab.items() if len(token) == 1}
    extra = {token: 1000 + number for number, token in enumerate(("bc", "ab", "abc"))}
    merges = [["b", "c"], ["a", "b"], ["ab", "c"]]
    for whole_pieces in (False, True):
        odd = changed_model(LLAMA, vocab=letters | extra, merges=merges, ignore_merges=whole_pieces)
        with pytest.raises(NotConvertibleError, match="do not come to the token 'abc'"):
            convert(odd)


def test_a_byte_without_a_token_and_a_token_of_two_ranks_are_refused() -> None:
    model = json.loads(LLAMA.to_str())["model"]
    with pytest.raises(NotConvertibleError, match="some bytes"):
        convert(changed_model(LLAMA, vocab={"a": 0}, merges=[]))
    twice = [*model["merges"], model["merges"][0]]
    with pytest.raises(NotConvertibleError, match="different ranks"):
        convert(changed_model(LLAMA, merges=twice))


def test_an_expression_that_leaves_text_out_gives_such_texts_back() -> None:
    fast = convert(split_like(r"\p{L}+").to_str())
    assert fast.encode("abc") is not None
    assert fast.encode("abc 1") is None


@pytest.mark.parametrize("piece", [" ", "\n", "a", "-", "ab"])
def test_a_huge_piece_is_encoded_or_given_back_soon(piece: str) -> None:
    for backend in (OURS, LLAMA):
        for text in (piece * 1_000_000 + "x", "x" + piece * 150_000):
            ids = convert(backend.to_str()).encode(text)
            assert ids is None if piece.isspace() and len(text) > 1_000_000 else ids is not None


def test_an_encoder_that_was_hastened_gives_the_same_documents_also_elsewhere() -> None:
    for tokenizer in (small_tokenizer(), gpt2_like()):
        slow, fast = Encoder(tokenizer), Encoder(tokenizer)
        assert fast.hasten(TEXT) is None
        fast = pickle.loads(pickle.dumps(fast))
        assert fast.fingerprint == slow.fingerprint
        for value in (*TEXT, "🙂 é <s> </s> <|endoftext|>", "\n" * 9 + "x", "é", " " * 300_000 + "x"):
            for row in (
                Row("text", ROWS_IN_MEMORY, 1, 0, text=value),
                Row("completion", ROWS_IN_MEMORY, 1, 0, prompt=value[:3], completion=value[3:] + "x"),
            ):
                one, other = slow.encode(row), fast.encode(row)
                assert np.array_equal(one.ids, other.ids)
                assert np.array_equal(one.mask, other.mask)
                assert (one.num_bytes, one.num_spelt) == (other.num_bytes, other.num_spelt)


def test_an_encoder_that_cannot_be_hastened_says_why_and_goes_on() -> None:
    encoder = Encoder(sentencepiece_like())
    assert "Metaspace" in str(encoder.hasten([]))
    assert encoder.encode(Row("text", ROWS_IN_MEMORY, 1, 0, text="the dog")).ids.size


def test_one_text_on_which_they_differ_is_named() -> None:
    fast = convert(OURS.to_str())
    assert disagreement(fast, LLAMA, ["hello"]) is not None
    assert disagreement(fast, OURS, ["hello"]) is None
