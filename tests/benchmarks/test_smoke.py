"""All scripts from their first line to their last, on a tiny model; figures are not looked at."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script: str, results: Path, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), "--quick", "--write", str(results), *arguments]
    done = subprocess.run([*command, "--work", str(results.parent)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return results.read_text()


@pytest.mark.slow
def test_both_sides_train_and_are_compared(tmp_path: Path) -> None:
    text = run("train_cpu.py", tmp_path / "RESULTS.md", "--variants", "transformers-float32", "brahma-bf16")
    assert "| transformers-float32 |" in text
    assert "| brahma-bf16 |" in text


@pytest.mark.slow
def test_first_contact_is_measured_against_its_limits(tmp_path: Path) -> None:
    text = run("first_contact.py", tmp_path / "RESULTS.md")
    for name in ("import brahma", "brahma --help", "brahma config check", "brahma runs list"):
        assert re.search(rf"^\| `{name}`.* \| < \d+ ms \| \d+ ms \|$", text, re.M)
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]


@pytest.mark.slow
def test_the_overheads_are_measured(tmp_path: Path) -> None:
    text = run("overheads.py", tmp_path / "RESULTS.md")
    assert "share at 10 / 1000" in text
    assert "a resumed run" in text
    assert "to packs on disk" in text
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]


@pytest.mark.slow
def test_quantized_layers_are_compared_with_the_libraries_own(tmp_path: Path) -> None:
    text = run("quantized_linear.py", tmp_path / "RESULTS.md")
    for name in ("nf4, groups of 64", "nf4, groups of 128", "int8", "hqq int4, groups of 64"):
        assert re.search(rf"^\| .*{name}, 32 × 256 → 128 \| .* ms \| .* ms \| \*\*", text, re.M)


@pytest.mark.slow
def test_loading_quantized_is_measured(tmp_path: Path) -> None:
    text = run("quantized_loading.py", tmp_path / "RESULTS.md")
    for name in ("bitsandbytes nf4", "bitsandbytes int8", "hqq int4"):
        assert re.search(rf"^\| {name} \| .* MiB \| .* MiB \| .* MiB \| \*\*", text, re.M)


@pytest.mark.slow
def test_evaluation_is_compared_with_the_reference(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    data = tmp_path / "data"
    _write_rows(data / "hellaswag" / "validation.jsonl", [_hellaswag(n) for n in range(4)])
    for subject in subjects():
        for split, count in (("test", 3), ("dev", 5)):
            _write_rows(data / "mmlu" / split / f"{subject}.jsonl", [_mmlu(subject, n) for n in range(count)])
    text = run("eval.py", tmp_path / "work" / "RESULTS.md", "--data-dir", str(data))
    for name in ("hellaswag, 0-shot", "mmlu, 0-shot", "mmlu, 5-shot"):
        assert re.search(
            rf"^\| {name} \| \d+ \| .* s \| .* s \| \*\*.*×\*\* \| \d.*× \| .*e-\d\d \|$", text, re.M
        )


def subjects() -> list[str]:
    from brahma.evaluation.harness.registry import registry

    return [name.removeprefix("mmlu_") for name in registry().leaves("mmlu")]


def _write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _hellaswag(number: int) -> dict[str, object]:
    context = f"A boat with {number} sails leaves the harbour."
    endings = ["The fog lifts.", "It sinks.", "A dog reads on.", "The soup is salted."]
    parts = {"ctx_a": context, "ctx_b": "", "ctx": context, "activity_label": "Sailing"}
    return {"ind": number, **parts, "endings": endings, "label": number % 4}


def _mmlu(subject: str, number: int) -> dict[str, object]:
    choices = [str(number + each) for each in range(4)]
    return {"question": f"What is {number} and 1?", "choices": choices, "answer": 1, "subject": subject}


@pytest.mark.slow
def test_a_search_is_counted_in_tokens(tmp_path: Path) -> None:
    text = run("search.py", tmp_path / "RESULTS.md")
    for way in ("each trial to its end", "halving, each rung from the first step", "halving, on from the"):
        assert re.search(rf"^\| {way}.* \| [\d,]+ \| \d\.\d\d \| \d\.\d{{4}} \|$", text, re.M)
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]
