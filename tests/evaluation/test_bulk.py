"""Answers to a file of prompts: resumed after a kill to the same bytes; never half-written under its name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brahma.core.console import run_command
from brahma.core.errors import DataError
from brahma.data import Dataset
from brahma.evaluation.bulk import Bulk
from brahma.evaluation.commands.generate import generate as command
from brahma.evaluation.generator import Generator
from brahma.evaluation.prompts import read_prompts
from brahma.evaluation.sampling import Sampling


def run(*arguments: object) -> int:
    return run_command(command, program="brahma generate", args=[str(each) for each in arguments])


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    rows = [{"id": number, "prompt": "word " * (number % 4 + 1)} for number in range(7)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_are_answered_in_their_order_and_can_be_trained_on(
    model_folder: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "out.jsonl"
    options = ["--input", prompts, "--output", output, "--max-new-tokens", 8, "--batch-size", 3]
    assert run(model_folder, *options) == 0
    assert capsys.readouterr().out == f"{output}\n"
    assert [row["id"] for row in rows_of(output)] == list(range(7))
    assert len(Dataset.from_file(output, format="completion", on_bad_row="skip")) >= 6
    assert list(output.parent.iterdir()) == [output]


def test_samples_of_a_prompt_follow_each_other_and_are_numbered(
    model_folder: Path, prompts: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    options = ["--input", prompts, "--output", output, "--max-new-tokens", 8, "--num-samples", 2]
    assert run(model_folder, *options) == 0
    assert [(row["id"], row["sample"]) for row in rows_of(output)] == [
        (number, sample) for number in range(7) for sample in (1, 2)
    ]


@pytest.mark.parametrize("torn", [0, 20])
def test_what_a_killed_process_left_is_gone_on_with_to_the_same_bytes(
    torn: int, model_folder: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, resumed = tmp_path / "whole.jsonl", tmp_path / "resumed.jsonl"
    options = ["--input", prompts, "--max-new-tokens", 8, "--batch-size", 2, "--seed", 3]
    assert run(model_folder, *options, "--output", whole) == 0
    part = part_of(model_folder, prompts, resumed)
    lines = whole.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[:5]) + lines[5][:torn])
    marked = part.read_bytes()[:10]
    assert run(model_folder, *options, "--output", resumed) == 0
    assert "4 of 7 prompts had been answered before" in capsys.readouterr().err
    assert resumed.read_bytes() == whole.read_bytes()
    assert resumed.read_bytes()[:10] == marked
    assert not part.exists()


def test_a_file_that_came_meanwhile_is_not_replaced_and_nothing_is_lost(
    model_folder: Path, prompts: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    bulk = Bulk(rows=read_prompts(prompts), sampling=Sampling(max_new_tokens=4))
    model = Generator(model_folder)
    output.write_text("of another command")
    with pytest.raises(DataError, match="the file exists already"):
        bulk.run(model, output)
    assert output.read_text() == "of another command"
    output.unlink()
    assert bulk.run(model, output) == 7  # all were answered before


def part_of(model: Path, prompts: Path, output: Path) -> Path:
    sampling = Sampling(max_new_tokens=8, seed=3)
    return Bulk(rows=read_prompts(prompts), sampling=sampling, batch_size=2).part(Generator(model), output)


def test_answers_of_other_settings_are_not_mixed_in(
    model_folder: Path, prompts: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    other = part_of(model_folder, prompts, output)
    other.write_bytes(b'{"prompt": "somebody else\'s"}\n' * 4)
    options = ["--input", prompts, "--output", output, "--max-new-tokens", 8, "--batch-size", 2]
    assert run(model_folder, *options, "--seed", 4) == 0
    assert "somebody" not in output.read_text(encoding="utf-8")
    assert other.exists()


@pytest.mark.slow
def test_a_process_killed_in_the_middle_leaves_no_final_file_and_goes_on(
    talker_folder: Path, prompts: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    options = ["--input", prompts, "--output", output, "--max-new-tokens", 400, "--batch-size", 1]
    arguments = [sys.executable, "-m", "brahma", "generate", str(talker_folder), *map(str, options)]
    process = subprocess.Popen(arguments, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size for part in tmp_path.glob("out.jsonl.*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "prompts had been answered before" in done.stderr
    assert [row["id"] for row in rows_of(output)] == list(range(7))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "o.jsonl"], "give --input too"),
        (["--input", "{prompts}"], "--input needs --output"),
        (["--input", "{prompts}", "--prompt", "a", "--output", "o.jsonl"], "--input holds the prompts"),
        (["--input", "{prompts}", "--output", "o.csv"], "answers are written as JSON Lines"),
        (["--input", "{prompts}", "--output", "{prompts}"], "the file exists already"),
        (["--input", "{prompts}", "--output", "{prompts}/o.jsonl"], "answers cannot be written"),
        (["--input", "absent.jsonl", "--output", "o.jsonl"], "absent.jsonl"),
        (["--input", "{prompts}", "--output", "o.jsonl", "--batch-size", "0"], "error: --batch-size is 0"),
        (["--input", "{prompts}", "--output", "o.jsonl", "--max-new-tokens", "60"], "prompts.jsonl:1"),
        (["--prompt", "a", "--num-samples", "0"], "error: --num-samples is 0"),
        (["--prompt", "a", "--min-p", "2"], "error: --min-p is 2.0"),
        (["--prompt", "a", "--temperature", "-1"], "temperature is -1.0"),
        (["--prompt", "a", "--top-p", "1.5"], "error: --top-p is 1.5"),
    ],
)
def test_a_mistake_is_named_with_status_2(
    options: list[str],
    message: str,
    model_folder: Path,
    prompts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = prompts.read_bytes()
    assert run(model_folder, *[option.replace("{prompts}", str(prompts)) for option in options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "hint:" in captured.err
    assert "Traceback" not in captured.err
    assert prompts.read_bytes() == before
    assert not (tmp_path / "o.jsonl").exists()


def test_samples_of_one_prompt_are_printed_between_lines(
    model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model_folder, "--prompt", "a", "--num-samples", 3, "--max-new-tokens", 4) == 0
    assert capsys.readouterr().out.count("\n---\n") == 2
