import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brahma.core.errors import BrahmaError, ConfigError
from brahma.data.commands.inspect import inspect
from brahma.data.tokenizer import train_tokenizer

COMPLETIONS: list[Any] = [
    {"prompt": "question one", "completion": " yes"},
    "{not json",
    {"prompt": "question two " * 30, "completion": " no"},
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(["question one two yes no"] * 5, vocab_size=300).save_pretrained(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in COMPLETIONS))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(inspect, [str(argument) for argument in arguments], catch_exceptions=False)


def test_rows_lengths_and_skipped_lines_are_shown(data: Path) -> None:
    output = run(data).output
    assert "format   completion, 1 file" in output
    assert "rows     3 = 2 accepted + 1 skipped" in output
    assert f"{data}:2: " in output
    assert "p99" in output
    assert "characters" in output
    assert "--tokenizer" in output


def test_with_a_tokenizer_the_trained_tokens_and_the_ledger_are_shown(data: Path, tokenizer: Path) -> None:
    output = run(data, "--tokenizer", tokenizer, "--seq-length", 64).output
    assert "<s>question one⟦ yes</s>⟧" in output
    assert "longer than seq_length 64: 1 of 2 rows; a run would stop there" in output
    assert "trained  masked  starts  truncated  dropped" in output
    assert "packs    1 of 64 slots: 32 filled + 32 free (50.0%, never computed)" in output
    assert "\x1b" not in output


def test_special_tokens_that_rows_spell_out_are_told_with_their_lines(data: Path, tokenizer: Path) -> None:
    assert "as text" not in run(data, "--tokenizer", tokenizer).output
    with data.open("a") as file:
        file.write(json.dumps({"prompt": "what is </s>?", "completion": "an end, </s>"}) + "\n")
    output = run(data, "--tokenizer", tokenizer).output
    assert f"as text  2 special tokens that rows spell out, at {data}:4" in output


def test_several_files_have_a_line_each_and_a_total(data: Path, tokenizer: Path) -> None:
    (data.parent / "b.jsonl").write_text(json.dumps(COMPLETIONS[0]) + "\n")
    rows = run(data.parent, "--format", "completion").output
    assert f"{data.parent / 'b.jsonl'}" in rows
    ledger = run(data.parent, "--tokenizer", tokenizer).output
    assert "\ntotal" in ledger


def test_a_long_example_is_cut_and_says_so(tmp_path: Path, tokenizer: Path) -> None:
    (tmp_path / "a.txt").write_text("question one " * 400)
    output = run(tmp_path / "a.txt", "--tokenizer", tokenizer, "--seq-length", 100).output
    assert "more characters" in output
    assert "running text goes on in the next pack" in output


def test_the_configuration_says_what_to_read(data: Path, tokenizer: Path) -> None:
    config = data.parent / "my.json"
    config.write_text(
        json.dumps(
            {
                "model_config": {"preset": "nano"},
                "tokenizer": {"path": str(tokenizer)},
                "data_config": {"train": str(data), "seq_length": 32, "on_long_row": "cut_prompt"},
            }
        )
    )
    output = run("--config", config).output
    assert "longer than seq_length 32: 1 of 2 rows; on_long_row is cut_prompt" in output


def test_nothing_to_inspect_is_an_error_with_a_hint() -> None:
    with pytest.raises(ConfigError, match="nothing to inspect"):
        run()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrahmaError) as caught:
        run(tmp_path / "absent.jsonl")
    assert "absent.jsonl" in str(caught.value)
