"""`brahma evaluate --data`: what goes with it, what is shown, and mistakes with status 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brahma.core.console import run_command
from brahma.evaluation import Evaluator
from brahma.evaluation.commands.evaluate import evaluate as command

PAIRS = [
    {"prompt": text, "completion": "x", "id": number} for number, text in enumerate(["One.", "The", "def"])
]
CHOICES = [{"question": "The quick", "choices": ["brown fox", "One."], "answer": "A"}] * 2

Run = Callable[..., int]


@pytest.fixture
def run(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on rows that are written into a file of the working directory first."""
    monkeypatch.chdir(tmp_path)
    for name, rows in (
        ("pairs", PAIRS),
        ("exam", CHOICES),
        ("asked", [{"prompt": "?", "references": ["x"]}]),
    ):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("held_out.txt").write_text("The lazy dog.\n", encoding="utf-8")
    Path("my_own_scores.py").write_text(
        "def numbered(example, output):\n    return 6 / example['id']\n\n"
        "def fails(example, output):\n    return example['nothing']\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_own_scores", raising=False)

    def run(*arguments: object) -> int:
        words = ["--model", str(model_folder), "--device", "cpu", *map(str, arguments)]
        return run_command(command, program="brahma evaluate", args=words)

    return run


def test_the_loss_is_what_is_measured_by_default(
    run: Run, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", "held_out.txt") == 0
    results = Evaluator(model_folder, device="cpu").evaluate_custom("held_out.txt")
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["figure", "value"]
    assert f"{results.loss:.4f}" in out


def test_metrics_of_answers_are_shown_with_their_errors(
    run: Run, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--metrics", "f1,perplexity", "--max-new-tokens", 4, "--samples", "out", "--json"]
    assert run("--data", "pairs.jsonl", *options) == 0
    document = json.loads(capsys.readouterr().out)["brahma"]["data"]
    evaluator = Evaluator(model_folder, device="cpu")
    results = evaluator.evaluate_custom(
        "pairs.jsonl", metrics="f1,perplexity", max_new_tokens=4, examples=True
    )
    assert document == {**results, "stderr": dict(results.stderr)}
    samples = [json.loads(line) for line in Path("out/data.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [each["output"] for each in samples] == [each.output for each in results.examples]
    assert samples[1]["where"].endswith("pairs.jsonl:2")


def test_the_first_rows_are_measured_alone(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["pairs.jsonl"], ["pairs.jsonl", "--metrics", "f1,loss"], ["exam.jsonl"]):
        assert run("--data", *options, "--limit", 1, "--json") == 0
        assert json.loads(capsys.readouterr().out)["brahma"]["data"]["documents"] == 1


def test_choices_are_recognised(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", "exam.jsonl", "--metrics", "acc,acc_norm") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["figure", "value", "error"]
    assert [line[0] for line in lines[1:]] == [
        "acc",
        "acc_norm",
        "documents",
        "skipped",
        "truncated",
        "failed",
    ]


def test_what_a_scoring_function_fails_on_is_told_and_counted(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--score", "my_own_scores:numbered", "--max-new-tokens", 2]
    assert run("--data", "pairs.jsonl", *options) == 0
    shown = capsys.readouterr()
    assert "score      4.5000" in shown.out
    assert "failed     1" in shown.out
    told = " ".join(shown.err.split())
    assert "warning: the scoring function failed on 1 of 3 examples" in told
    assert "pairs.jsonl:1: ZeroDivisionError: division by zero (my_own_scores.py:2)" in told


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (
            ["--data", "pairs.jsonl", "--score", "my_own_scores:fails"],
            "failed on every example (3)",
            "number",
        ),
        (
            ["--data", "pairs.jsonl", "--score", "my_own_scores:numberd"],
            "no function 'numberd'",
            '"numbered"',
        ),
        (["--data", "pairs.jsonl", "--metrics", "bleau"], "no metric is called 'bleau'", '"bleu"'),
        (
            ["--data", "held_out.txt", "--metrics", "f1"],
            "held_out.txt:1: the row is running text",
            "completion",
        ),
        (
            ["--data", "held_out.txt", "--max-new-tokens", 3],
            "error: --max-new-tokens is of no use here",
            "such as --metrics exact_match,f1, or",
        ),
        (
            ["--data", "held_out.txt", "--system", "Be brief."],
            "error: --system is of no use here",
            "--metrics exact_match,f1",
        ),
        (
            ["--data", "pairs.jsonl", "--metrics", "f1", "--max-new-tokens", 0],
            "error: --max-new-tokens is 0",
            "at least 1",
        ),
        (["--data", "held_out.txt", "--device", "warp"], "device 'warp' cannot", "hint: --device auto"),
        (
            ["--data", "held_out.txt", "--num-fewshot", 2],
            "--num-fewshot is of named tasks, and none is given",
            "--tasks NAMES",
        ),
        (
            ["--data", "held_out.txt", "--data-dir", "."],
            "--data-dir is of named tasks, and none is given",
            "--tasks NAMES",
        ),
        (
            ["--data", "asked.jsonl"],
            "asked.jsonl:1: the row is a question alone",
            "--metrics exact_match,f1",
        ),
        (["--data", "pears.jsonl"], "pears.jsonl: there is no such file", "pairs.jsonl"),
        (
            ["--tasks", "x", "--metrics", "f1"],
            "--metrics is of data of your own, and none is given",
            "--data FILE",
        ),
    ],
)
def test_a_mistake_is_named_with_the_next_step(
    arguments: list[object], says: str, hint: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert says in error
    assert hint in "hint:" + error.partition("hint:")[2]


def test_two_models_are_compared_row_by_row(
    run: Run, talker_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", talker_folder, "--data", "exam.jsonl", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["models"]) == 2
    assert document["comparison"]["names"]["B"] == str(talker_folder)
    assert run("--model", talker_folder, "--data", "held_out.txt", "--json") == 0
    assert "comparison" not in json.loads(capsys.readouterr().out)  # a loss alone has no examples
