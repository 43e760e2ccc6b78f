"""A stranger's distribution: built into a wheel, installed, tested by the kit, and used by a training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin_factory import install_distribution
from tests.train.small_run import MODEL, write_rows

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party_plugin"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example, installed from its wheel, and a distribution that fails at import."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    build = ["build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(EXAMPLE)]
    subprocess.run([sys.executable, "-m", *build], check=True, capture_output=True, timeout=300)
    (wheel,) = wheels.glob("lantern_brahma-1.2.0-*.whl")
    install = ["pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, "-m", *install], check=True, capture_output=True, timeout=300)
    install_distribution(
        site,
        "broken-sibling",
        version="0.7",
        files={"broken_sibling.py": "import no_such_library\n"},
        entry_points={"sibling": "broken_sibling"},
    )
    return site


def brahma(site: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    environment.pop("BRAHMA_PLUGINS", None)
    return subprocess.run(
        [sys.executable, "-m", "brahma", *words],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_list_names_what_it_brings_and_the_sibling_that_is_broken(site: Path, tmp_path: Path) -> None:
    done = brahma(site, "plugins", "list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("signum", "word_order", "loss_file"):
        (line,) = [line for line in done.stdout.splitlines() if name in line.split()]
        assert "lantern-brahma 1.2.0" in line
    assert "sibling (broken-sibling 0.7): ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize("name", ["signum", "word_order", "loss_file"])
def test_the_kit_passes_it(name: str, site: Path, tmp_path: Path) -> None:
    done = brahma(site, "plugins", "test", name, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_training_uses_it_beside_a_broken_sibling(site: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    config = {
        "run_name": "lit",
        "model_config": MODEL,
        "tokenizer": {"train": {"vocab_size": 300}},
        "data_config": {"train": "rows.jsonl", "seq_length": 64, "on_long_row": "drop", "workers": 1},
        "training_config": {
            "lr": 3e-3,
            "max_steps": 12,
            "batch_size": 2,
            "logging_steps": 1,
            "bf16": False,
            "fp16": False,
            "optimizer": {"name": "signum", "momentum": 0.8},
            "trackers": [{"name": "loss_file", "digits": 3}],
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = brahma(site, "train", "--config", "config.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "lit"
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [row["train/loss"] for row in rows if "train/loss" in row]
    assert losses[-1] < losses[0]
    written = (run / "losses.txt").read_text().splitlines()
    assert written == [f"{row['step']} {row['train/loss']:.3f}" for row in rows if "train/loss" in row]
    plugins = json.loads((run / "environment.json").read_text())["plugins"]
    assert plugins["lantern-brahma"] == "1.2.0"
    assert plugins["broken-sibling"] == "0.7"
    from safetensors import safe_open

    (checkpoint,) = (run / "checkpoints").glob("checkpoint-12")
    with safe_open(checkpoint / "optimizer.safetensors", "pt") as state:
        assert {key.split("/")[0] for key in state.keys()} == {"momentum"}  # noqa: SIM118  # no dictionary
