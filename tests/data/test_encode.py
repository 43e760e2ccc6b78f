import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from brahma.core.errors import RowError, TemplateError, TokenizerError
from brahma.data import Message, Row, encode
from brahma.data.encode import Encoder
from brahma.data.rows import ROWS_IN_MEMORY
from tests.data.small_tokenizers import CHATML, gpt2_like, sentencepiece_like, small_tokenizer

OURS = Encoder(small_tokenizer())
PLAIN = Encoder(gpt2_like())

filled = (
    st.text(min_size=1, max_size=60) | st.text(st.sampled_from("ab hello\n\t():é🙂"), min_size=1, max_size=20)
).filter(lambda value: OURS._spelt.count(value) == PLAIN._spelt.count(value) == 0)
"""Texts that spell no special token out: tokenizers would read one as that token."""


def text(value: str) -> Row:
    return Row("text", ROWS_IN_MEMORY, 1, 0, text=value)


def completion(prompt: str, answer: str) -> Row:
    return Row("completion", ROWS_IN_MEMORY, 1, 0, prompt=prompt, completion=answer)


def chat(*contents: str) -> Row:
    roles = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], value) for i, value in enumerate(contents))  # type: ignore[arg-type]
    return Row("chat", ROWS_IN_MEMORY, 1, 0, messages=messages)


@given(filled)
def test_text_stands_between_bos_and_eos_and_all_but_the_first_token_is_supervised(value: str) -> None:
    document = OURS.encode(text(value))
    assert small_tokenizer().decode(document.ids) == f"<s>{value}</s>"
    assert document.mask.tolist() == [0] + [1] * (len(document.ids) - 1)
    assert (document.num_bytes, document.num_special) == (len(value.encode()), 2)
    assert (document.prompt_length, document.has_bos) == (0, True)
    assert (document.ids.dtype, document.mask.dtype) == (np.dtype("int32"), np.dtype("uint8"))


@given(filled)
def test_training_sees_the_tokens_that_serving_sees(value: str) -> None:
    for encoder, tokenizer in ((OURS, small_tokenizer()), (PLAIN, gpt2_like())):
        served = tokenizer(value)["input_ids"]
        assert encoder.encode(text(value)).ids.tolist() == [*served, tokenizer.eos_token_id]
        trained = encoder.encode(completion(value, "x")).ids.tolist()
        assert trained[: len(served)] == served


@given(filled)
def test_without_bos_the_first_token_is_predicted_by_nothing_and_its_bytes_do_not_count(value: str) -> None:
    document = PLAIN.encode(text(value))
    rest = PLAIN._encode(value).offsets[0][1]
    assert not document.has_bos
    assert document.mask.tolist() == [0] + [1] * (len(document.ids) - 1)
    assert document.num_bytes == len(value[rest:].encode())
    assert document.prompt_length == 0


def test_without_bos_and_prompt_no_token_of_the_answer_may_be_cut() -> None:
    assert PLAIN.encode(completion("", "hello")).prompt_length == 0
    assert PLAIN.encode(completion("the", " dog")).prompt_length == len(gpt2_like().encode("the"))


@given(prompt=st.just("") | filled, answer=filled)
def test_of_a_completion_the_answer_and_its_end_are_supervised(prompt: str, answer: str) -> None:
    document = OURS.encode(completion(prompt, answer))
    tokenizer = small_tokenizer()
    assert tokenizer.decode(document.ids) == f"<s>{prompt}{answer}</s>"
    assert tokenizer.decode(document.ids[document.mask == 1]) == f"{answer}</s>"
    assert document.ids[1 : 1 + document.prompt_length].tolist() == tokenizer.encode(prompt)[1:]
    assert document.num_bytes == len(answer.encode())


def test_a_word_cut_by_the_border_is_tokenised_apart() -> None:
    tokens = small_tokenizer().convert_ids_to_tokens(
        OURS.encode(completion("the quick bro", "wn")).ids.tolist()
    )
    assert "Ġbrown" not in tokens
    whole = small_tokenizer().convert_ids_to_tokens(
        OURS.encode(completion("the quick", " brown")).ids.tolist()
    )
    assert "Ġbrown" in whole


def test_a_tokenizer_that_puts_a_blank_in_front_adds_none_between_prompt_and_completion() -> None:
    document = Encoder(sentencepiece_like()).encode(completion("the quick (", "fox"))
    assert "▁" not in sentencepiece_like().convert_ids_to_tokens(document.ids.tolist())[-3:]
    assert "(fox" in sentencepiece_like().decode(document.ids)


@pytest.mark.parametrize(
    "row", [text("<s>a</s>"), completion("<s>a", "b</s>"), chat("<s>a", "b</s>"), chat("a", "b")]
)
def test_bos_and_eos_come_exactly_once(row: Row) -> None:
    ids = OURS.encode(row).ids.tolist()
    assert ids.count(1) == 1
    assert ids[0] == 1
    assert ids[-2:].count(2) == 1


def test_a_template_that_begins_twice_is_refused() -> None:
    doubled = "{{ bos_token }}" + str(small_tokenizer().chat_template)
    with pytest.raises(TemplateError, match="two bos tokens"):
        Encoder(small_tokenizer(), doubled).encode(chat("a", "b"))


def test_chat_has_the_tokens_that_transformers_gives() -> None:
    row = chat("hi", " hello 🙂", "and?", "bye")
    messages = [{"role": each.role, "content": each.content} for each in row.messages]
    expected: Any = small_tokenizer().apply_chat_template(messages, return_assistant_tokens_mask=True)
    document = OURS.encode(row)
    assert document.ids.tolist() == expected["input_ids"]
    assert document.mask.tolist() == expected["assistant_masks"]
    assert document.has_bos
    assert document.prompt_length == document.mask.argmax() - 1


def test_the_end_is_learned_when_it_is_also_the_padding() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=small_tokenizer().backend_tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
    )
    tokenizer.chat_template = small_tokenizer().chat_template
    for row in (text("a"), completion("a", "b"), chat("a", "b")):
        document = Encoder(tokenizer).encode(row)
        assert (document.ids[-1], document.mask[-1]) == (tokenizer.pad_token_id, 1)


def test_a_row_without_a_supervised_token_is_refused_by_place() -> None:
    row = Row("text", Path("a.jsonl"), 4, 0, text="")
    with pytest.raises(RowError, match="no supervised token") as caught:
        PLAIN.encode(row)
    assert caught.value.where == "a.jsonl:4"


def test_a_tokenizer_without_an_end_token_is_refused() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=small_tokenizer().backend_tokenizer)
    with pytest.raises(TokenizerError, match="no end token"):
        Encoder(tokenizer)


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(TokenizerError, match="no fast version"):
        Encoder(Slow())  # type: ignore[arg-type]


def test_without_a_template_of_its_own_a_tokenizer_gets_ours_if_it_has_the_tokens() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=small_tokenizer().backend_tokenizer, bos_token="<s>", eos_token="</s>"
    )
    assert Encoder(tokenizer).encode(chat("a", "b")).ids.tolist() == OURS.encode(chat("a", "b")).ids.tolist()
    with pytest.raises(TemplateError, match="no chat template") as caught:
        PLAIN.encode(chat("a", "b"))
    assert "data_config.template" in str(caught.value.hint)


def test_the_template_given_wins(tmp_path: Path) -> None:
    file = tmp_path / "chatml.jinja"
    file.write_text(CHATML)
    ids = Encoder(gpt2_like(), file).encode(chat("a", "b")).ids
    assert gpt2_like().decode(ids) == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"


@pytest.mark.parametrize("row", [text("hello é"), completion("a", "b"), chat("a", "b")])
def test_an_encoder_travels_to_worker_processes(row: Row) -> None:
    OURS.encode(row)
    copy = pickle.loads(pickle.dumps(OURS))
    assert copy.encode(row).ids.tolist() == OURS.encode(row).ids.tolist()
    assert copy.fingerprint == OURS.fingerprint


def test_workers_encode_text_without_transformers(tmp_path: Path) -> None:
    (tmp_path / "encoder").write_bytes(pickle.dumps(OURS))
    code = f"""
import pickle, sys
from pathlib import Path
from brahma.data import Dataset
encoder = pickle.loads(Path({str(tmp_path / "encoder")!r}).read_bytes())
for rows in (["a"], [{{"prompt": "a", "completion": "b"}}]):
    encoder.encode(next(iter(Dataset.from_rows(rows))))
print({{"torch", "transformers"}} & set(sys.modules))
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_the_fingerprint_follows_what_changes_tokens_and_masks() -> None:
    prints = {
        Encoder(small_tokenizer()).fingerprint,
        Encoder(small_tokenizer(), CHATML).fingerprint,
        PLAIN.fingerprint,
    }
    assert len(prints) == 3
    assert Encoder(small_tokenizer()).fingerprint == OURS.fingerprint


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["a", " b", "\n", "\n\n", "é🙂", "\r\n", "hello", "\t"]), max_size=60))
def test_long_text_in_pieces_has_the_tokens_of_the_whole(parts: list[str]) -> None:
    value = "a" + "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "_PIECE", 5)
        pieces = Encoder(small_tokenizer()).encode(text(value)).ids.tolist()
        blank_in_front = Encoder(sentencepiece_like()).encode(text(value)).ids.tolist()
    assert pieces == OURS.encode(text(value)).ids.tolist()
    assert blank_in_front == Encoder(sentencepiece_like()).encode(text(value)).ids.tolist()
