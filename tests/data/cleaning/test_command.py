"""`brahma data clean` and the guide's command, as a user sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from brahma.core.console import run_command
from brahma.data.commands.clean import clean
from brahma.data.commands.profiles import profiles
from tests.data.cleaning.cleaning_factory import profile_of, rows_of, write_rows

GUIDE = [
    sys.executable,
    "-m",
    "brahma.tools.data_cleaner",
    "--input",
    "my_data.txt",
    "--output",
    "clean_data.txt",
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_guides_command_runs_as_written() -> None:
    Path("my_data.txt").write_text("Caf\u00c3\u00a9 of ann@lighthouse.net\n\nand more\n")
    done = subprocess.run(GUIDE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path("clean_data.txt").read_text() == "Café of <EMAIL>\n\nand more\n"
    assert "profile     repair" in done.stdout
    assert "ann@" not in done.stdout


def test_a_pipe_goes_through_and_the_report_goes_to_stderr(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "brahma.tools.data_cleaner", "-", "--output", "-", "--profile", "repair"]
    rows = '{"text": "one document"}\n{"text": "one document"}\n'
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == '{"text":"one document"}\n'
    assert "<stdin>:2" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _run(*arguments: str) -> int:
    return run_command(clean, program="brahma data clean", args=arguments)


def test_nothing_left_shows_the_report_and_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(
        Path("in.jsonl"), ["The lamp is lit at dusk, and the keeper writes down every ship that passes. " * 5]
    )
    profile = profile_of(Path(), {"name": "language", "keep": ["ja"]})
    arguments = ("in.jsonl", "--output", "out.jsonl", "--profile", str(profile), "--report", "report.json")
    assert _run(*arguments, "--workers", "1") == 2
    out, err = capsys.readouterr()
    assert "rows        0 of 1 kept (0.0%)" in out
    assert "error: in.jsonl: no document is left" in err
    assert json.loads(Path("report.json").read_text())["kept"] == 0
    assert not Path("out.jsonl").exists()


def test_a_source_that_loses_most_is_warned_about(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(Path("in.jsonl"), ["the same words"] * 3)
    assert _run("in.jsonl", "--output", "out.jsonl", "--profile", "repair", "--workers", "1") == 0
    assert "warning: in.jsonl loses 67% of its rows" in capsys.readouterr().err
    assert len(rows_of(Path("out.jsonl"))) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--output", "out.jsonl"), "there is nothing to clean"),
        (("in.jsonl",), "no output is named"),
        (("in.jsonl", "--output", "o.jsonl", "--executor-option", "workers"), "'workers' is no option"),
        (("in.jsonl", "--output", "o.jsonl", "--executor-option", "workers=many"), "expected"),
        (("in.jsonl", "--output", "o.jsonl", "--report", "no/such/report.json"), "not there"),
        (("in.jsonl", "--output", "o.jsonl", "--evaluation", "none.jsonl"), "none.jsonl"),
    ],
)
def test_mistakes_are_told(arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(Path("in.jsonl"), ["a document"])
    assert _run(*arguments) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "hint:" in told
    assert [path.name for path in Path().iterdir()] == ["in.jsonl"]


def test_evaluation_data_is_kept_out_of_the_corpus() -> None:
    words = " ".join(f"word{n}" for n in range(40))
    write_rows(Path("in.jsonl"), [f"before {words} after", "quite another document"])
    write_rows(Path("test.jsonl"), [words])
    profile = profile_of(Path(), "whitespace", "exact_documents")
    arguments = ("in.jsonl", "--output", "out.jsonl", "--profile", str(profile), "--evaluation", "test.jsonl")
    assert _run(*arguments, "--workers", "1") == 0
    assert [row["number"] for row in rows_of(Path("out.jsonl"))] == [1]


def test_a_profile_that_is_printed_is_a_profile() -> None:
    listed = CliRunner().invoke(profiles).output
    for name in ("repair", "docs", "web", "code", "chat"):
        assert f"\n{name} " in listed
        Path(f"{name}-copy.yaml").write_text(CliRunner().invoke(profiles, [name]).output)
        write_rows(Path("in.jsonl"), ["The lamp is lit at dusk, and the keeper writes down every ship. " * 9])
        _run("in.jsonl", "--report-only", "--profile", f"{name}-copy.yaml", "--workers", "1")


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ("data/a.json", "also an input"),
        ("out.json", "would replace the output"),
        ("rejected.json", "would replace the output"),
        ("out/a.json", "would replace the output"),
    ],
)
def test_a_report_never_replaces_data(report: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data").mkdir()
    Path("data/a.json").write_text('[{"text": "a document"}]')
    Path("out").mkdir()
    output = "out" if report.startswith("out/") else "out.json"
    assert _run("data", "--output", output, "--rejected", "rejected.json", "--report", report) == 2
    assert says in capsys.readouterr().err
    assert json.loads(Path("data/a.json").read_text()) == [{"text": "a document"}]
    written = Path("out/a.json")
    assert not written.exists() or json.loads(written.read_text()) == [{"text": "a document"}]


def test_names_and_keys_of_any_bytes_pass_a_cleaning() -> None:
    odd = os.fsdecode(b"b\xff.jsonl")
    Path(odd).write_text('{"text": "a document"}\n{"\\ud800": 1, "\\ud800": 2}\n')
    assert _run(odd, "--output", f"out {odd}", "--rejected", "no.jsonl", "--report", "report.json") == 0
    assert rows_of(Path(f"out {odd}")) == [{"text": "a document"}]
    assert json.loads(Path("report.json").read_text())["sources"][0]["name"] == odd
    assert rows_of(Path("no.jsonl"))[0]["where"] == f"{odd}:2"


def test_an_empty_input_is_called_empty_and_nothing_is_called_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("in.jsonl").touch()
    assert _run("in.jsonl", "--output", "out.jsonl") == 2
    told = capsys.readouterr()
    assert "the input holds no document" in told.err
    assert "out.jsonl" not in told.out
    assert not Path("out.jsonl").exists()
