import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from brahma.core.errors import TokenizerError
from brahma.data import Dataset
from brahma.data.commands.tokenizer import train
from brahma.data.templates import DEFAULT_TEMPLATE
from brahma.data.tokenizer import (
    MIN_VOCAB_SIZE,
    bytes_per_token,
    check_tokenizer_fits,
    load_tokenizer,
    pad_id,
    sample_texts,
    save_tokenizer,
    train_tokenizer,
)
from tests.data.small_tokenizers import TEXT, gpt2_like, small_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_tokenizer(small_tokenizer(), tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


def test_special_tokens_come_first() -> None:
    tokens = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = small_tokenizer()
    assert tokenizer.convert_ids_to_tokens(list(range(6))) == tokens
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer.chat_template == DEFAULT_TEMPLATE


@given(st.text())
def test_every_text_comes_back(value: str) -> None:
    ids = small_tokenizer()(value)["input_ids"]
    assert ids[0] == 1
    assert small_tokenizer().decode(ids[1:]) == value


def test_training_twice_gives_the_same_tokenizer() -> None:
    again = train_tokenizer(TEXT, 400)
    assert again.backend_tokenizer.to_str() == small_tokenizer().backend_tokenizer.to_str()


def test_min_frequency_keeps_rare_pairs_out() -> None:
    texts = ["zq zq zq xw"]
    assert "zq" in train_tokenizer(texts, 300, min_frequency=2).get_vocab()
    assert "xw" not in train_tokenizer(texts, 300, min_frequency=2).get_vocab()


def test_little_text_gives_a_smaller_vocabulary_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tokenizer = train_tokenizer(["abab"], 5000)
    assert len(tokenizer) < 300
    assert f"has {len(tokenizer)} tokens, not 5000" in caplog.text


def test_a_vocabulary_without_room_for_the_bytes_and_no_text_are_refused() -> None:
    with pytest.raises(TokenizerError, match="too small"):
        train_tokenizer(["a"], MIN_VOCAB_SIZE - 1)
    assert len(train_tokenizer(["a"], MIN_VOCAB_SIZE)) == MIN_VOCAB_SIZE
    with pytest.raises(TokenizerError, match="no text"):
        train_tokenizer([""], 300)


@pytest.mark.parametrize("load", [AutoTokenizer.from_pretrained, load_tokenizer])
def test_a_saved_tokenizer_comes_back_the_same(folder: Path, load: object) -> None:
    tokenizer = load(folder)  # type: ignore[operator]
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "é"}]
    for text in TEXT:
        assert tokenizer(text)["input_ids"] == small_tokenizer()(text)["input_ids"]
    assert tokenizer.apply_chat_template(chat) == small_tokenizer().apply_chat_template(chat)
    assert (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token) == ("<pad>", "<s>", "</s>")
    assert tokenizer.model_max_length == small_tokenizer().model_max_length


def test_a_bare_json_file_is_enough(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.json"
    bare.write_bytes((folder / "tokenizer.json").read_bytes())
    tokenizer = load_tokenizer(bare)
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert load_tokenizer(folder / "tokenizer.json").chat_template == DEFAULT_TEMPLATE


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="no such tokenizer"):
        load_tokenizer(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TokenizerError, match="cannot be loaded"):
        load_tokenizer(tmp_path / "empty")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(TokenizerError, match="no tokenizer"):
        load_tokenizer(tmp_path / "bad.json")


@pytest.mark.usefixtures("no_hub")
def test_a_tokenizer_that_the_hub_cannot_give_is_refused() -> None:
    with pytest.raises(TokenizerError, match="owner/nowhere: there is no such tokenizer"):
        load_tokenizer("owner/nowhere")


def test_code_that_a_tokenizer_ships_is_never_run(folder: Path, tmp_path: Path) -> None:
    config = folder / "tokenizer_config.json"
    keys = json.loads(config.read_text())
    config.write_text(
        json.dumps(
            {**keys, "tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["evil.Mine", "evil.Mine"]}}
        )
    )
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(TokenizerError, match="cannot be loaded"):
        load_tokenizer(folder)
    assert not (tmp_path / "ran").exists()


def test_an_existing_folder_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(TokenizerError, match="the folder exists"):
        save_tokenizer(small_tokenizer(), folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["tokenizer"]


def test_a_tokenizer_larger_than_the_models_vocabulary_is_refused() -> None:
    size = len(small_tokenizer())
    check_tokenizer_fits(small_tokenizer(), size)
    with pytest.raises(TokenizerError, match=f"{size} ids, the model's vocabulary {size - 1}"):
        check_tokenizer_fits(small_tokenizer(), size - 1)


def test_slots_are_filled_with_pad_else_unknown_else_end() -> None:
    backend = small_tokenizer().backend_tokenizer
    ends = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
    unknown = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<s>")
    assert [pad_id(each) for each in (small_tokenizer(), unknown, ends, gpt2_like())] == [0, 1, 2, 0]
    with pytest.raises(TokenizerError, match="no end token"):
        pad_id(PreTrainedTokenizerFast(tokenizer_object=backend))


@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=40), budget=st.integers(1, 5000))
def test_a_sample_keeps_the_budget_and_is_taken_evenly(sizes: list[int], budget: int) -> None:
    rows = Dataset.from_rows(["x" * size for size in sizes])
    taken = [len(text) for text in sample_texts(rows, budget)]
    if sum(sizes) <= budget:
        assert taken == sizes
    else:
        assert budget - max(sizes) <= sum(taken) <= budget


def test_a_sample_reaches_from_the_first_row_to_the_last() -> None:
    rows = Dataset.from_rows([f"{i:03}" for i in range(100)])
    taken = [int(text) for text in sample_texts(rows, 30)]
    assert [number // 10 for number in taken] == list(range(10))


def test_one_long_document_is_sampled_in_pieces() -> None:
    taken = list(sample_texts(Dataset.from_rows(["ab" * 1_000_000]), 500_000))
    assert len(taken) > 1
    assert 400_000 < sum(map(len, taken)) <= 500_000


def test_the_command_trains_and_says_what_came_out(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(TEXT))
    output = tmp_path / "made" / "tokenizer"
    result = CliRunner().invoke(
        train,
        [str(tmp_path / "text.txt"), "--vocab-size", "300", "--output", str(output)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    assert "vocabulary  300 tokens" in result.stdout
    tokenizer = load_tokenizer(output)
    assert len(tokenizer) == 300
    density = bytes_per_token(tokenizer, ["\n".join(TEXT)])
    assert f"{density:.2f} bytes/token" in result.stdout


@pytest.mark.parametrize(
    ("output", "cause"),
    [("full", "the folder exists already"), ("a.txt", "the file exists already"), ("a.txt/x", "is a file")],
)
def test_a_place_that_cannot_be_written_is_named_before_anything_is_read(
    tmp_path: Path, output: str, cause: str
) -> None:
    (tmp_path / "full").mkdir()
    for name in ("a.txt", "full/b.txt"):
        (tmp_path / name).write_text("kept")
    with pytest.raises(TokenizerError, match=cause):
        train.main(["nowhere.txt", "--output", str(tmp_path / output)], standalone_mode=False)
    assert (tmp_path / "full" / "b.txt").read_text() == "kept"


def test_a_sample_says_how_much_of_the_text_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rows = list(Dataset.from_rows(["a" * 1000] * 50))
    taken = list(sample_texts(rows, 10_000))
    assert sum(map(len, taken)) == 10_000
    assert "of 50 kB of text, 10 kB are used, taken evenly from first to last" in caplog.text
    caplog.clear()
    assert len(list(sample_texts(rows, 10**6))) == 50
    assert not caplog.text
