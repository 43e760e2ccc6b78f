"""`brahma data convert`, `brahma data split` and the guide's command, as programs."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brahma.core.console import run_command
from brahma.data.commands.convert import convert
from brahma.data.commands.split import split

CHAT = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


def write(path: Path, count: int = 1) -> Path:
    path.write_text((json.dumps(CHAT) + "\n") * count)
    return path


def run(*arguments: str | Path) -> int:
    return run_command(convert, program="brahma data convert", args=[str(each) for each in arguments])


def test_the_guide_s_command(tmp_path: Path) -> None:
    (tmp_path / "my_data.txt").write_text("The sea\n\nIt is salt.\n")
    command = "-m brahma.tools.data_converter --input my_data.txt --output my_data.jsonl --format chat"
    done = subprocess.run([sys.executable, *command.split()], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rule        title" in done.stdout
    row = json.loads((tmp_path / "my_data.jsonl").read_text())
    assert [turn["content"] for turn in row["messages"]] == ["The sea", "It is salt."]


def test_standard_input_to_standard_output() -> None:
    program = [sys.executable, "-m", "brahma.tools.data_converter"]
    options = ["--input", "-", "--input-ending", ".csv", "--output", "-", "--map", "q=prompt,a=completion"]
    done = subprocess.run([*program, *options], input="q,a\nWhen?,Now.\n", capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == '{"prompt":"When?","completion":"Now."}\n'
    assert "1 read, 1 written" in done.stderr


def test_options_reach_the_conversion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "talk.txt").write_text("Ann: a\nBob: b\nAnn: c\nBob: d\n")
    options = ["--format", "completion", "--speakers", "Ann=user, Bob=assistant", "--turns", "split"]
    assert run("--input", tmp_path / "talk.txt", "--output", tmp_path / "out.csv", *options) == 0
    assert (tmp_path / "out.csv").read_text() == "prompt,completion\na,b\nc,d\n"
    captured = capsys.readouterr()
    assert captured.err == ""
    assert 'example     {"prompt": "a", "completion": "b"}' in captured.out


def test_the_example_is_short_and_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"text": "\x1b[31m\x9b" + "x" * 500, "tags": list(range(9))}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    assert run(tmp_path / "rows.jsonl", "--output", tmp_path / "out.jsonl") == 0
    shown = capsys.readouterr().out
    assert "… and 306 more characters" in shown
    assert "… and 5 more" in shown
    assert not {"\x1b", "\x9b"} & set(shown)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--speakers", "Ann=boss"], "'boss' is no role"),
        (["--map", "question"], "--map 'question' is no list of pairs"),
        (["--format", "cat"], "'cat' is not one of"),
    ],
)
def test_a_mistake_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    path = write(tmp_path / "rows.jsonl")
    assert run(path, "--output", tmp_path / "out.jsonl", *options) == 2
    shown = capsys.readouterr().err
    assert reason in shown
    assert "hint: " in shown


def test_a_size_that_is_no_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(write(tmp_path / "rows.jsonl")), "--output", str(tmp_path / "out"), "--test", "some"]
    assert run_command(split, program="brahma data split", args=arguments) == 2
    assert "--test 'some' is no size" in capsys.readouterr().err


def test_a_split_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        rows = [json.dumps({"text": f"{name} {number}"}) for number in range(5)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join([*rows, rows[0], '{"text": ""}']))
    arguments = [
        str(tmp_path),
        "--output",
        str(tmp_path / "out"),
        "--validation",
        "2",
        "--on-bad-row",
        "skip",
    ]
    assert run_command(split, program="brahma data split", args=arguments) == 0
    shown = capsys.readouterr().out
    assert "2 rows repeat the text of an earlier one" in shown
    assert "14 read, 12 written, 2 skipped" in shown
    assert "b.jsonl:7: the text is empty" in shown


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_conversion_leaves_nothing(tmp_path: Path, number: signal.Signals, status: int) -> None:
    path = write(tmp_path / "rows.jsonl", 200_000)
    program = [sys.executable, "-m", "brahma.tools.data_converter"]
    options = ["--input", str(path), "--output", str(tmp_path / "out.jsonl"), "--format", "sharegpt"]
    child = subprocess.Popen([*program, *options], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(number)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == status, said
    assert "Traceback" not in said
    assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]
