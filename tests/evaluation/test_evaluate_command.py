"""`brahma evaluate` and `python -m brahma.evaluate`: tables, files, metrics of runs, kills, mistakes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from brahma.core.checkpoints import write_manifest
from brahma.core.console import run_command
from brahma.core.runs import RunDirectory, create_run, read_metrics
from brahma.evaluation import Evaluator
from brahma.evaluation.commands.evaluate import evaluate
from brahma.evaluation.harness.store import FILE
from tests.evaluation.harness.local.files import HELLASWAG, write_all, write_mmlu, write_rows
from tests.plugin_factory import install_distribution, plugin_site

pytest.importorskip("lm_eval")

WORDS = ["harbour", "net", "quay", "rope", "sail", "mast", "keel", "buoy", "tide", "gull", "lamp", "pilot"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few examples of hellaswag, truthfulqa and each of mmlu's subjects."""
    from brahma.evaluation.harness.registry import registry

    root = write_all(tmp_path_factory.mktemp("data"))
    for task in registry().leaves("mmlu"):
        write_mmlu(root / "mmlu", task.removeprefix("mmlu_"))
    return root


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a cache of one's own, into which lm-eval's list of tasks is taken over."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "brahma"
    (tmp_path / "cache" / "brahma").mkdir(parents=True)
    for index in cache.glob("lm-eval-*.json"):
        shutil.copy(index, tmp_path / "cache" / "brahma")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> int:
    return run_command(evaluate, program="brahma evaluate", args=[str(each) for each in arguments])


def rows_of_a_run(home: Path, model_folder: Path) -> tuple[Path, Path]:
    """A run with a checkpoint at step 7, and its metrics."""
    directory = create_run(home, "mine", "run")
    checkpoint = directory.checkpoints / "checkpoint-7"
    shutil.copytree(model_folder, checkpoint)
    write_manifest(checkpoint)
    directory.metrics.write_text('{"step": 5, "attempt": 2, "train/loss": 3.0}\n{"step": 9, "attempt": 3}\n')
    directory.update_state(status="finished", step=9)
    return checkpoint, directory.metrics


def test_a_table_is_printed_and_nothing_else(
    home: Path, talker_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--tasks", "hellaswag,truthfulqa_mc1", "--data-dir", data, "--device", "cpu")
    assert run("--model", talker_folder, *options, "--no-contamination") == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["task", "version", "shots", "examples", "figure", "value", "error"]
    assert [line.split()[0] for line in lines[1:]] == ["hellaswag", "acc_norm", "truthfulqa_mc1"]
    assert lines[1].split()[1:6] == ["1.0", "0", "2", "acc", "↑"]
    assert "requests, in " in printed.err


def test_files_and_json(
    home: Path, talker_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` prints what `--output` writes; samples are lines as lm-eval writes them."""
    options = ("--tasks", "hellaswag,gsm8k", "--data-dir", data, "--limit", 1, "--json")
    files = ("--output", home / "deep" / "results.json", "--samples", home / "samples")
    assert run("--model", talker_folder, *options, *files) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((home / "deep" / "results.json").read_text())
    assert printed == written
    assert written["results"]["hellaswag"].keys() > {"acc,none", "acc_norm,none"}
    assert written["n-samples"]["hellaswag"] == {"original": 2, "effective": 1}
    assert written["brahma"]["requests"] == 5
    assert "samples" not in written
    rows = [json.loads(line) for line in (home / "samples" / "samples_gsm8k.jsonl").read_text().splitlines()]
    assert [row["filter"] for row in rows] == ["strict-match", "flexible-extract"]
    wanted = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "metrics", "doc_hash"}
    assert rows[0].keys() > wanted | {"prompt_hash", "target_hash", "exact_match"}
    assert rows[0]["arguments"]["gen_args_0"]["arg_0"].endswith("How many?\nAnswer:")
    assert not list(home.rglob("*.tmp")) + list((home / "deep").glob(".*"))


def test_a_run_has_the_figures_in_its_metrics_once(home: Path, model_folder: Path, data: Path) -> None:
    checkpoint, metrics = rows_of_a_run(home, model_folder)
    options = ("--tasks", "hellaswag", "--data-dir", data, "--device", "cpu")
    for model in ("mine", checkpoint):
        assert run("--model", model, *options) == 0
    assert run("--model", "mine", *options, "--limit", 1) == 0
    _, _, row, limited = read_metrics(metrics)
    assert (row["step"], row["attempt"], limited["step"], limited["eval/limit"]) == (7, 2, 7, 1)
    assert row.keys() == {"step", "attempt", "time", "eval/hellaswag/acc", "eval/hellaswag/acc_norm"}


def test_a_run_that_is_being_written_is_left_alone(
    home: Path, model_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, metrics = rows_of_a_run(home, model_folder)
    before = metrics.read_bytes()
    with RunDirectory(home / "runs" / "mine").lock():
        assert run("--model", "mine", "--tasks", "hellaswag", "--data-dir", data) == 0
    assert metrics.read_bytes() == before
    assert "nothing is added to the metrics of the run" in capsys.readouterr().err


def test_mistakes_are_named_with_what_to_do(
    home: Path, model_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, _ = rows_of_a_run(home, model_folder)
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (home / "file").write_text("in the way")
    fine = ("--model", model_folder, "--tasks", "hellaswag", "--data-dir", data)
    for arguments, said in (
        ((), ("no model is given", "--model MODEL")),
        (("--model", model_folder), ("there is nothing to measure", "--tasks")),
        (("--model", "nowhere/x/y", "--tasks", "hellaswag"), ("there is no such model",)),
        (("--model", model_folder, "--tasks", "helaswag"), ("no task is called 'helaswag'", '"hellaswag"')),
        (("--model", model_folder, "--tasks", ","), ("no task is named", "--list-tasks")),
        (("--model", checkpoint, "--tasks", "hellaswag"), ("the checkpoint is damaged", "model.safetensors")),
        ((*fine, "--model", "anothr"), ("anothr: there is no such model",)),  # before the first is measured
        ((*fine[:4], "--data-dir", "nope"), ("nope: there is no such data directory",)),
        ((*fine[:4], "--data-dir", home / "cache"), ("hellaswag", "place", "validation.jsonl")),
        ((*fine, "--limit", 0), ("'--limit'", "x>=1")),
        ((*fine, "--batch-size", "many"), ("'many' is neither auto nor a number above 0",)),
        ((*fine, "--output", home), ("is a directory",)),
        ((*fine, "--output", home / "file" / "x.json"), ("nothing can be written there",)),
        ((*fine, "--samples", home / "file"), ("is a file",)),
        ((*fine, "--device", "warp"), ("device 'warp' cannot be used here",)),
        ((*fine, "--dtype", "float12"), ("unknown dtype 'float12'",)),
    ):
        assert run(*arguments) == 2, arguments
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "Traceback" not in printed.err
        for text in said:
            assert text in printed.err, (arguments, printed.err)


def test_tasks_are_listed_by_a_part_of_their_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list-tasks", "truthfulqa_mc") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["truthfulqa_mc1", "task", "multiple_choice"] in rows
    assert all("truthfulqa_mc" in row[0] for row in rows[1:])


@pytest.mark.parametrize("pattern", ["truthfulqa_mi", "truth*mine", "*_mine", "truthfulqa_m?ne"])
def test_tasks_of_plugins_are_listed_by_the_same_patterns(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    code = """
        from brahma.core.entries import TaskEntry
        from brahma.core.hookspecs import hookimpl


        @hookimpl
        def brahma_tasks():
            return [TaskEntry(name="truthfulqa_mine", target="brahma_trial:run", summary="ours")]
    """
    with plugin_site(home, monkeypatch):
        entry_points = {"trial": "brahma_trial"}
        install_distribution(home, "brahma-trial", files={"brahma_trial.py": code}, entry_points=entry_points)
        assert run("--list-tasks", pattern) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["truthfulqa_mine", "plugin", "ours"] in rows
        assert run("--list-tasks", "harness*") == 0
        assert "truthfulqa_mine" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_guides_command_as_it_is_written(home: Path, talker_folder: Path, data: Path) -> None:
    """Offline it says which files it wants; with local rows it gives all figures."""
    (home / "path" / "to").mkdir(parents=True)
    shutil.copytree(talker_folder, home / "path" / "to" / "model")
    command = ["-m", "brahma.evaluate", "--model", "path/to/model", "--tasks", "hellaswag,mmlu,truthfulqa"]
    offline = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert offline.returncode == 2
    assert "Traceback" not in offline.stderr
    assert "--data-dir" in offline.stderr
    local = subprocess.run(
        [sys.executable, *command, "--data-dir", str(data)], capture_output=True, text=True, check=True
    )
    found = {line.split()[0] for line in local.stdout.splitlines() if line}
    assert {"hellaswag", "mmlu", "mmlu_stem", "mmlu_anatomy"} <= found
    assert {"truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen"} <= found


def many_rows(folder: Path, count: int) -> Path:
    chance = random.Random(3)

    def text(length: int) -> str:
        return " ".join(chance.choices(WORDS, k=length))

    rows: list[dict[str, Any]] = [
        {**HELLASWAG, "ind": n, "ctx_a": text(12), "endings": [text(4) for _ in range(4)]}
        for n in range(count)
    ]
    write_rows(folder / "hellaswag" / "validation.jsonl", rows)
    return folder


def kept(file: Path) -> int:
    """Responses in the store; 0 while there is none."""
    if not file.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            (count,) = database.execute("SELECT count(*) FROM responses").fetchone()
    except sqlite3.Error:  # it is being made
        return 0
    return int(count)


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_where_it_was(home: Path, talker_folder: Path) -> None:
    """Responses that were kept are not computed again; the figures are those of one that was not killed."""
    folder = many_rows(home / "data", 1500)
    command = [sys.executable, "-m", "brahma.evaluate", "--model", str(talker_folder), "--tasks", "hellaswag"]
    command += ["--data-dir", str(folder), "--json", "--batch-size", "1"]
    store = home / "cache" / "brahma" / "evaluation" / FILE
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not kept(store):
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = kept(store)
    assert before > 0
    again = subprocess.run(command, capture_output=True, check=True)
    document = json.loads(again.stdout)
    assert 0 < document["brahma"]["remembered"] == before < document["brahma"]["requests"]
    assert kept(store) == document["brahma"]["requests"]
    whole = Evaluator(talker_folder, device="cpu").evaluate("hellaswag", data_dir=folder, cache=False)
    for name, value in whole["hellaswag"].items():
        assert document["results"]["hellaswag"][f"{name},none"] == pytest.approx(value, abs=1e-3)
