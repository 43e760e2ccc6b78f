"""A cleaning that is stopped, by whatever: nothing half-written stays, and the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.errors import DataError
from brahma.data import clean
from brahma.data.cleaning import outputs
from brahma.data.cleaning.job import Job, Output
from tests.data.cleaning.cleaning_factory import (
    profile_of,
    rows_of,
    start_cleaner,
    trial_steps,
    write_rows,
)

ROWS = 1200
FILES = 8


@pytest.fixture(autouse=True)
def _steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("brahma.data.cleaning.tasks.TASK_BYTES", 2 << 20)
    with trial_steps(tmp_path / "site", monkeypatch):
        yield


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Some seconds of work for two processes."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FILES):
        texts = [f"document {n % 50} of {number} " * 500 for n in range(ROWS // FILES)]
        write_rows(folder / f"{number}.jsonl", texts)
    return folder


def _arguments(many: Path, *more: str) -> list[str]:
    profile = profile_of(Path(), "slow", "exact_documents")
    return ["--input", str(many), "--output", "out.jsonl", "--profile", str(profile), *more]


def _start(tmp_path: Path, many: Path, *more: str) -> subprocess.Popen[str]:
    return start_cleaner(*_arguments(many, *more), site=tmp_path / "site", cwd=tmp_path)


def _wait_for_a_task(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not list(tmp_path.glob("out.jsonl.cleaning/pass-0/*.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def _children_of(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "says"),
    [(signal.SIGINT, 130, "the same command goes on"), (signal.SIGTERM, 143, ""), (signal.SIGKILL, -9, "")],
)
def test_the_same_command_goes_on_after_a_signal(
    tmp_path: Path, many: Path, number: int, status: int, says: str
) -> None:
    process = _start(tmp_path, many, "--workers", "2")
    _wait_for_a_task(tmp_path, process)
    children = _children_of(process.pid)
    assert len(children) == 2
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == status
    assert says in told
    assert "Traceback" not in told
    time.sleep(0.5)
    assert not any(map(_is_alive, children))
    assert not (tmp_path / "out.jsonl").exists()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out.jsonl.cleaning/pass-0/*.json")}
    assert 0 < len(done) < FILES

    again = _start(tmp_path, many, "--workers", "1")
    _wait_for_a_task(tmp_path, again)
    assert {path: path.stat().st_mtime_ns for path in done} == done  # what was done is not done again
    assert again.wait(timeout=60) == 0
    assert len(rows_of(tmp_path / "out.jsonl")) == 50 * FILES
    assert not (tmp_path / "out.jsonl.cleaning").exists()
    again.communicate()


def _unfinished(many: Path) -> None:
    """Leave a job of which some tasks are done: the smallest, which dies, is the last to begin."""
    (many / "7.jsonl").write_text('{"text": "die"}\n' * 100)
    with pytest.raises(DataError, match="process of the cleaning died"):
        clean(
            many,
            "out.jsonl",
            profile=profile_of(Path(), "die", "exact_documents"),
            executor_options={"workers": 2},
        )


def test_a_process_that_is_killed_is_an_error_that_names_the_signal_and_the_task(many: Path) -> None:
    (many / "7.jsonl").write_text('{"text": "die"}\n' * 100)
    profile = profile_of(Path(), "die", "exact_documents")
    with pytest.raises(DataError) as caught:
        clean(many, "out.jsonl", profile=profile, executor_options={"workers": 2})
    assert "task 4 of 4 of the stage 1-clean" in str(caught.value)
    assert "SIGKILL" in str(caught.value)
    assert not Path("out.jsonl").exists()
    report = clean(many, "out.jsonl", profile=profile, executor_options={"workers": 2})
    assert report is not None
    assert report.kept == 50 * (FILES - 1) + 1


def test_another_job_in_an_unfinished_ones_folder_is_refused_or_begins_anew(many: Path) -> None:
    _unfinished(many)
    with pytest.raises(DataError, match="an unfinished cleaning") as caught:
        clean(many / "1.jsonl", "out.jsonl", profile=profile_of(Path(), "upper"))
    assert "--overwrite" in str(caught.value)
    report = clean(many / "1.jsonl", "out.jsonl", profile=profile_of(Path(), "upper"), overwrite=True)
    assert report is not None
    assert report.rows == ROWS // FILES
    assert not Path("out.jsonl.cleaning").exists()


def test_one_that_is_stopped_between_two_outputs_goes_on(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(job: Job, output: Output) -> None:
        if output.path.name == "3.jsonl":
            raise KeyboardInterrupt
        write(job, output)

    write = outputs._write
    monkeypatch.setattr(outputs, "_write", stopped)
    with pytest.raises(KeyboardInterrupt):
        clean(many, "out", profile=profile_of(Path(), "upper"), executor_options={"workers": 1})
    assert sorted(path.name for path in Path("out").iterdir()) == ["0.jsonl", "1.jsonl", "2.jsonl"]
    monkeypatch.setattr(outputs, "_write", write)
    report = clean(many, "out", profile=profile_of(Path(), "upper"), executor_options={"workers": 1})
    assert report is not None
    assert len(list(Path("out").iterdir())) == FILES


def test_a_source_that_changed_meanwhile_makes_it_another_job(many: Path) -> None:
    _unfinished(many)
    (many / "1.jsonl").write_text('{"text": "changed"}\n')
    with pytest.raises(DataError, match="an unfinished cleaning"):
        clean(many, "out.jsonl", profile=profile_of(Path(), "die", "exact_documents"))


@pytest.mark.slow
def test_two_cleanings_into_one_output_are_refused(tmp_path: Path, many: Path) -> None:
    process = _start(tmp_path, many, "--workers", "1")
    try:
        _wait_for_a_task(tmp_path, process)
        with pytest.raises(DataError, match="another process is cleaning"):
            clean(many, "out.jsonl", profile=profile_of(Path(), "upper"))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_an_error_that_leaves_no_half_and_the_same_command_goes_on(
    tmp_path: Path, many: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=800k", "none", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        for number in range(FILES):  # text that zstd does not make small
            texts = [os.urandom(150).hex() for _ in range(700)]
            write_rows(many / f"{number}.jsonl", texts)
        options = {"profile": profile_of(Path(), "upper"), "executor_options": {"workers": 2}}
        with pytest.raises(DataError) as caught:
            clean(many, disk / "out.jsonl", **options)  # type: ignore[arg-type]
        assert "No space left" in str(caught.value)
        assert "space" in str(caught.value.hint)
        assert not (disk / "out.jsonl").exists()
        assert not [path for path in disk.rglob("*") if path.name.endswith((".partial", ".part"))]
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        report = clean(many, disk / "out.jsonl", **options)  # type: ignore[arg-type]
        assert report is not None
        assert report.kept == FILES * 700
        assert [path.name for path in disk.iterdir()] == ["out.jsonl"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path, many: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(DataError, match="cannot be made"):
        clean(many, closed / "out.jsonl", profile=profile_of(Path(), "upper"))
