"""`brahma config import` as a program: what goes where, and every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brahma.core.commands.config_import import import_file
from brahma.core.config import load_config
from brahma.core.config.importers import import_config
from brahma.core.config.importers.report import report
from brahma.core.console import run_command
from tests.core.importers.sample_files import SAMPLES

FULL = SAMPLES / "axolotl" / "chat_full.yml"
LORA = SAMPLES / "axolotl" / "qlora.yml"


def invoke(*args: object) -> Result:
    return CliRunner().invoke(import_file, [str(each) for each in args], catch_exceptions=False)


def program(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    code = run_command(import_file, program="brahma config import", args=[str(each) for each in args])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_configuration_goes_to_stdout_and_the_list_to_stderr(tmp_path: Path) -> None:
    result = invoke(FULL)
    written = tmp_path / "ours.yaml"
    written.write_text(result.stdout)
    assert load_config(written).config.training.batch_size == 4
    assert "Taken over" in result.stderr
    assert "Taken over" not in result.stdout


def test_with_output_nothing_goes_to_stdout_and_the_next_command_is_named(tmp_path: Path) -> None:
    output = tmp_path / "ours.yaml"
    result = invoke(FULL, "--output", output)
    assert result.stdout == ""
    assert result.stderr.endswith(f"{output} is written; next: brahma config check {output}\n")
    assert load_config(output).config.model.base_model == "HuggingFaceTB/SmolLM2-135M"


def test_remarks_stand_beside_the_keys_that_need_them(tmp_path: Path) -> None:
    text = invoke(LORA).stdout
    lines = text.splitlines()
    train = next(index for index, line in enumerate(lines) if line.strip().startswith("train:"))
    assert "(datasets.1.path)" in lines[train - 1]
    assert any(line.strip().startswith("# warmup_steps: check: give 0.05") for line in lines)
    assert "  # axolotl's default\n  weight_decay: 0.0" in text


def test_adapters_and_bits_are_written_and_nothing_of_them_is_refused(tmp_path: Path) -> None:
    result = invoke(LORA)
    assert "lora_config:\n  r: 8" in result.stdout
    assert "refuses this" not in result.stderr
    written = tmp_path / "ours.yaml"
    written.write_text(result.stdout)
    config = load_config(written).config
    assert config.lora is not None
    assert config.quantization is not None
    assert (config.lora.alpha, config.lora.target_modules) == (32.0, "all-linear")
    assert config.lora.modules_to_save == ["embed_tokens"]
    quantization = config.quantization
    assert (quantization.bits, quantization.type, quantization.group_size) == (4, "nf4", 64)
    assert quantization.double_quantization
    assert config.training.optimizer.name == "paged_adamw_8bit"


@pytest.mark.parametrize("name", ["axolotl/qlora.yml", "llamafactory/full_sft.yaml", "trl/recipe.yaml"])
@pytest.mark.parametrize("width", [80, 110])
def test_the_list_keeps_to_the_width(name: str, width: int) -> None:
    assert [
        line for line in [*report(import_config(SAMPLES / name), width=width)][1:] if len(line) > width
    ] == []


def test_a_file_that_is_there_is_kept_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "ours.yaml"
    output.write_text("mine")
    code, out, err = program(capsys, FULL, "--output", output)
    assert (code, out, output.read_text()) == (2, "", "mine")
    assert "this file is there already" in err
    assert "hint: --force replaces it" in err
    assert program(capsys, FULL, "--output", output, "--force")[0] == 0
    assert "base_model" in output.read_text()


def test_the_source_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "theirs.yml"
    source.write_bytes(FULL.read_bytes())
    code, _, err = program(capsys, source, "--output", source, "--force")
    assert code == 2
    assert "this is the file that is imported" in err
    assert source.read_bytes() == FULL.read_bytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ours.txt", "a configuration ends in"),
        ("ours", "a configuration ends in"),
        ("no/such/folder/ours.yaml", "the file cannot be written"),
    ],
)
def test_an_output_that_cannot_be_is_refused(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = program(capsys, FULL, "--output", tmp_path / name)
    assert (code, out) == (2, "")
    assert words in err
    assert "hint: " in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("- a\n- b\n", "the file holds no object"),
        ("base_model: &a x\nrl: *a\n", "aliases"),
        ("base_model: x\nbase_model: y\n", "stands twice"),
        ("a: [1\n", "not valid YAML"),
        ("colour: red\n", "no trainer is recognised"),
        ("base_model: x\nrl: grpo\n", "no training on preferences or rewards"),
    ],
)
def test_a_file_that_cannot_be_imported_exits_with_2_and_writes_nothing(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "theirs.yml", tmp_path / "ours.yaml"
    source.write_text(text)
    code, out, err = program(capsys, source, "--output", output)
    assert (code, out, output.exists()) == (2, "", False)
    assert words in err
    assert "hint: " in err
    assert "Traceback" not in err


def test_nothing_of_a_strangers_file_steers_the_terminal(tmp_path: Path) -> None:
    source = tmp_path / "theirs.yml"
    source.write_text('base_model: x\n"od\\ed": 1\noptimizer: "a\\e[2J"\nsequence_len: "\\a"\n')
    result = invoke(source, "--from", "axolotl")
    assert "\x1b" not in result.stderr + result.stdout
    assert "\x07" not in result.stderr + result.stdout


def test_a_missing_file_and_an_unknown_trainer_name_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = program(capsys, SAMPLES / "axolotl" / "chat_ful.yml")
    assert code == 2
    assert "near it: chat_full.yml" in err
    code, _, err = program(capsys, FULL, "--from", "axolot")
    assert code == 2
    assert "axolotl, llamafactory, trl" in err


def test_a_script_is_told_from_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "train.sh"
    script.write_text("trl sft --model_name_or_path some/model\n")
    code, _, err = program(capsys, script)
    assert code == 2
    assert "a script is not read" in err
    assert "hint: write its arguments into a .yaml file" in err


def test_a_closed_pipe_is_no_bug(tmp_path: Path) -> None:
    script = f"{sys.executable} -m brahma config import {FULL} 2>{tmp_path / 'err'} | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=os.environ, check=False)
    assert done.returncode == 0
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_importing_the_command_stays_light() -> None:
    module = "brahma.core.commands.config_import"
    code = f"import sys, {module}; print({{'pydantic', 'yaml', 'rich'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "set()"
