"""All scripts from their first line to their last, on a tiny model; figures are not looked at."""

from __future__ import annotations

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
