"""`brahma generate`: only the text on stdout; mistakes are named with status 2."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brahma.core.console import run_command
from brahma.evaluation.commands.generate import generate as command
from brahma.evaluation.generate import generate

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase


def run(*arguments: object) -> int:
    return run_command(command, program="brahma generate", args=[str(each) for each in arguments])


def test_stdout_holds_the_text_alone(
    model_folder: Path,
    plain_model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = generate(plain_model, tokenizer, "The quick", max_new_tokens=8, seed=5)
    status = run(model_folder, "--prompt", "The quick", "--max-new-tokens", 8, "--seed", 5, "--device", "cpu")
    assert status == 0
    assert capsys.readouterr().out == expected + "\n"


def test_messages_are_turns(
    model_folder: Path,
    plain_model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    capsys: pytest.CaptureFixture[str],
) -> None:
    turns = [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]
    messages = [{"role": role, "content": content} for role, content in turns]
    expected = generate(plain_model, tokenizer, messages=messages, max_new_tokens=8)
    options = ["--system", "s", "--message", "a", "--message", "b", "--message", "c", "--max-new-tokens", 8]
    assert run(model_folder, *options) == 0
    assert capsys.readouterr().out == expected + "\n"


def test_a_dash_reads_the_prompt_from_stdin(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(model_folder, "--prompt", "The quick", "--max-new-tokens", 8)
    expected = capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("The quick"))
    assert run(model_folder, "--prompt", "-", "--max-new-tokens", 8) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "neither was given"),
        (["--prompt", "a", "--message", "b"], "both were given"),
        (["--system", "a"], "--system stands before a conversation"),
        (["--prompt", "a", "--max-new-tokens", 1000], "in the model's context of 64"),
        (["--prompt", "a", "--device", "warp"], "device 'warp'"),
    ],
)
def test_a_mistake_is_named_with_status_2(
    options: list[object], message: str, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model_folder, *options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "hint:" in captured.err


def test_importing_evaluation_and_the_command_imports_no_torch() -> None:
    modules = "brahma.evaluation, brahma.evaluation.builtin, brahma.evaluation.commands.generate"
    code = f"import sys, {modules}; print(sorted({{'torch', 'transformers', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
