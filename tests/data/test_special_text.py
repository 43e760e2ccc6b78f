from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from brahma.core.errors import RowError
from brahma.data import Message, Row
from brahma.data.encode import Encoder
from brahma.data.rows import ROWS_IN_MEMORY, Kind
from brahma.data.special_text import SpecialText
from tests.data.small_tokenizers import CHATML, gpt2_like, sentencepiece_like, small_tokenizer

MARKS = ("<s>", "</s>", "<|user|>", "<|assistant|>", "<pad>")
CHATML_MARKS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


@cache
def unigram() -> PreTrainedTokenizerFast:
    """Its model knows its special tokens as pieces, with the best score of all."""
    letters = [(letter, -5.0) for letter in "▁abcdefghijklmnopqrstuvwxyz<>/|_"]
    vocab = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *letters]
    backend = Tokenizer(models.Unigram(vocab, unk_id=0))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    backend.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def encoders() -> list[Encoder]:
    return [
        Encoder(small_tokenizer()),
        Encoder(gpt2_like(), CHATML),
        Encoder(sentencepiece_like(), CHATML),
        Encoder(unigram(), "{% for m in messages %}{{ '<s>' + m['content'] + '</s>' }}{% endfor %}"),
    ]


def row(*contents: str, kind: Kind) -> Row:
    if kind == "text":
        return Row(kind, ROWS_IN_MEMORY, 1, 0, text=contents[0])
    if kind == "completion":
        return Row(kind, ROWS_IN_MEMORY, 1, 0, prompt=contents[0], completion=contents[1])
    said = [Message(("user", "assistant")[i % 2], content) for i, content in enumerate(contents)]
    return Row(kind, ROWS_IN_MEMORY, 1, 0, messages=tuple(said))


@pytest.mark.parametrize("kind", ["text", "completion"])
@pytest.mark.parametrize("number", range(4))
def test_what_a_text_spells_out_stays_text(number: int, kind: Kind) -> None:
    encoder = encoders()[number]
    for mark in (*MARKS, *CHATML_MARKS):
        document = encoder.encode(row(f"a{mark}b", f"{mark} c", kind=kind))
        known = set(encoder._spelt.texts)
        assert document.num_spelt == (mark in known) * (1 if kind == "text" else 2)
        special = {encoder.bos_id, encoder.eos_id} - {None}
        inside = document.ids[document.has_bos : -1].tolist()
        assert not special & set(inside)
        unknown = document.ids.tolist().count(0) if encoder._spelt.texts[0] == "<unk>" else 0
        assert document.num_special == 1 + document.has_bos + unknown


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from([*MARKS, *CHATML_MARKS, "a", " ", "\n", "é🙂", "<", "|>"]), min_size=1, max_size=8
    )
)
def test_a_conversation_has_the_marks_of_its_template_and_no_others(parts: list[str]) -> None:
    content = "x" + "".join(parts)
    for encoder in encoders()[:2]:
        with_marks = encoder.encode(row(content, content, kind="chat"))
        without = encoder.encode(row("x", "x", kind="chat"))

        def marks(ids: Any, encoder: Encoder = encoder) -> list[int]:
            return [number for number in ids.tolist() if encoder._is_special[number]]

        assert marks(with_marks.ids) == marks(without.ids)
        assert with_marks.num_special == without.num_special


@pytest.mark.parametrize("number", [0, 1])
def test_such_a_conversation_reads_and_is_supervised_as_any_other(number: int) -> None:
    encoder = encoders()[number]
    tokenizer = (small_tokenizer(), gpt2_like())[number]
    mark = ("<|assistant|>", "<|im_end|>")[number]
    document = encoder.encode(row(f"say {mark}!", f"I say {mark} 🙂 so", "again", f"{mark}x", kind="chat"))
    end = tokenizer.decode([document.ids[document.mask == 1][-1]])
    trained = tokenizer.decode(document.ids[document.mask == 1])
    assert trained == f"I say {mark} 🙂 so{end}{mark}x{end}"
    assert document.num_bytes == len(f"I say {mark} 🙂 so{mark}x".encode())
    assert document.num_spelt == 3


def test_text_around_a_spelt_mark_is_tokenised_as_one_text() -> None:
    """The turn's tokens are those of the whole turn, as if the mark were no mark."""
    document = Encoder(small_tokenizer()).encode(row("hello </s>hello", "x", kind="chat"))
    alone = Encoder(small_tokenizer()).encode(row("hello </s>hello", kind="text")).ids[1:-1]
    assert np.array_equal(document.ids[2 : 2 + len(alone)], alone)


def test_a_conversation_without_them_is_tokenised_as_before() -> None:
    encoder = Encoder(gpt2_like(), CHATML)
    said = row("hello there", "the dog <|im_start", kind="chat")
    text = "<|im_start|>user\nhello there<|im_end|>\n<|im_start|>assistant\nthe dog <|im_start<|im_end|>\n"
    assert encoder.encode(said).ids.tolist() == gpt2_like()(text)["input_ids"]


def test_a_word_that_a_vocabulary_adds_is_no_special_token() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(small_tokenizer().backend_tokenizer.to_str()),
        bos_token="<s>",
        eos_token="</s>",
    )
    tokenizer.add_tokens([AddedToken("<think>", special=False, normalized=False)])
    document = Encoder(tokenizer).encode(row("a<think>b", kind="text"))
    assert tokenizer.convert_tokens_to_ids("<think>") in document.ids.tolist()
    assert document.num_spelt == 0


def test_the_characters_that_stand_in_for_marks_are_refused_beside_one() -> None:
    encoder = Encoder(small_tokenizer())
    with pytest.raises(RowError, match="noncharacter") as caught:
        encoder.encode(row("\U0010fffe </s>", "x", kind="chat"))
    assert caught.value.where == "<rows>:1"
    assert encoder.encode(row("\U0010fffe\U00100002", "x", kind="chat")).num_spelt == 0
    document = encoder.encode(row("\U0010fffe\U00100002 </s>", kind="text"))
    assert (document.ids == 2).sum() == 1


def test_marks_are_counted_longest_first() -> None:
    assert SpecialText(["<a>", "<a><b>"]).count("<a><b> <a> <c>") == 2
    assert SpecialText([]).count("anything") == 0
