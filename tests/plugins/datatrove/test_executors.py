"""Executors on datatrove: all is done, or the caller is told of what is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brahma.core.errors import DataError, DeviceError
from brahma.core.plugins import get_plugins
from brahma.data.cleaning.executors import Executor
from brahma_datatrove.executors import LocalExecutor, RayExecutor, SlurmExecutor
from brahma_datatrove.options import LocalOptions, RayOptions, SlurmOptions
from tests.plugins.datatrove import toy_stages

ray = pytest.param("ray", marks=pytest.mark.slow)  # a Ray starts in 6 s


def executor(name: str) -> Executor:
    if name == "ray":
        return RayExecutor(RayOptions(workers=2, memory_per_cpu_gb=0.5))
    return LocalExecutor(LocalOptions(workers=2))


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_the_plugin_brings_three_executors_by_name():
    assert {"local", "ray", "slurm"} <= set(get_plugins().entries("executor"))


@pytest.mark.parametrize("name", ["local", ray])
def test_every_task_of_every_stage_runs_once(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert executor(name).run(toy_stages.stages(tmp_path), folder=tmp_path) is True

    names = ["first-0", "first-1", "first-2", "second-0", "second-1"]
    assert written(tmp_path) == dict.fromkeys(names, "done\n")
    said = capfd.readouterr().err.splitlines()
    assert [line for line in said if not line.startswith(("read", "write"))] == []  # progress alone


@pytest.mark.parametrize("name", ["local", ray])
def test_a_rank_that_fails_fails_the_job_and_says_what_it_said(name: str, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        executor(name).run(toy_stages.stages(tmp_path, toy_stages.refuse), folder=tmp_path)

    assert "of 2 tasks of the stage 2-write did not finish" in caught.value.message
    assert "task 1: rows.jsonl:3: the row is torn" in (caught.value.why or "")
    assert caught.value.hint == "Take it out; then repeat the command: what is done is kept"
    assert (Path(caught.value.where or "") / "task_00001.log").is_file()


def test_repeated_after_a_failure_it_does_what_is_missing_only(tmp_path: Path):
    stages = toy_stages.stages(tmp_path, toy_stages.refuse)
    with pytest.raises(DataError):
        executor("local").run(stages, folder=tmp_path)
    (tmp_path / "mended").touch()

    assert executor("local").run(stages, folder=tmp_path) is True

    assert written(tmp_path)["first-2"] == "done\n"  # not twice
    assert written(tmp_path)["second-1"] == "done\n"


@pytest.mark.parametrize("name", ["local", ray])
def test_a_task_that_is_killed_fails_the_job(name: str, tmp_path: Path):
    with pytest.raises(DataError, match="task 1: its process was killed by signal 9"):
        executor(name).run(toy_stages.stages(tmp_path, toy_stages.die), folder=tmp_path)


def test_a_bug_in_a_task_leaves_its_traceback(tmp_path: Path):
    with pytest.raises(DataError, match="ZeroDivisionError: a bug"):
        executor("local").run(toy_stages.stages(tmp_path, toy_stages.stumble), folder=tmp_path)


FAKES = {
    "sbatch": "n=$(ls {folder}/submitted 2>/dev/null | wc -l); mkdir -p {folder}/submitted\n"
    'cp "${{@: -1}}" {folder}/submitted/$n; echo "$@" > {folder}/arguments-$n; echo "Submitted batch job $n"',
    "srun": 'while [ "$1" != launch_pickled_pipeline ]; do shift; done; exec "$@"',
    "scontrol": "echo node",
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a Slurm that only notes what is submitted leaves it."""
    folder, programs = tmp_path / "cluster", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    for name, script in FAKES.items():
        (programs / name).write_text("#!/bin/bash\n" + script.format(folder=folder))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    return folder


def test_slurm_gets_a_job_array_for_each_stage_that_waits_for_the_one_before(tmp_path: Path, cluster: Path):
    job = tmp_path / "job"
    job.mkdir()
    options = SlurmOptions(partition="cpu", account="words", environment="source /shared/venv/bin/activate")

    assert SlurmExecutor(options).run(toy_stages.stages(job), folder=job) is False

    first, second = (cluster / "submitted" / "0").read_text(), (cluster / "submitted" / "2").read_text()
    assert "#SBATCH --array=0-2\n" in first
    assert "#SBATCH --partition=cpu\n" in first
    assert "#SBATCH --account=words\n" in first
    assert "source /shared/venv/bin/activate\n" in first
    assert "#SBATCH --array=0-1\n" in second
    assert "--dependency=afterok:0" in (cluster / "arguments-2").read_text()
    assert json.loads((job / "datatrove" / "1-read" / "ranks_to_run.json").read_text()) == [0, 1, 2]


@pytest.mark.slow
def test_what_slurm_gets_does_the_tasks(tmp_path: Path, cluster: Path):
    job = tmp_path / "job"
    job.mkdir()
    slurm = SlurmExecutor(SlurmOptions(partition="cpu"))
    slurm.run(toy_stages.stages(job), folder=job)

    for script, tasks in (("0", 3), ("2", 2)):
        for task in range(tasks):
            environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_NODELIST": "node"}
            environment["PYTHONPATH"] = os.getcwd()
            subprocess.run(["bash", str(cluster / "submitted" / script)], env=environment, check=True)

    assert written(job) == dict.fromkeys(["first-0", "first-1", "first-2", "second-0", "second-1"], "done\n")
    assert slurm.run(toy_stages.stages(job), folder=job) is True  # nothing is left to submit


def test_slurm_without_sbatch_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="sbatch is not to be found"):
        SlurmExecutor(SlurmOptions(partition="cpu")).run(toy_stages.stages(tmp_path), folder=tmp_path)
