"""Run folders: claimed once, locked while written, read while torn."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.errors import RunError
from brahma.core.runs import Run, RunDirectory, create_run, latest_run, list_runs, read_metrics, write_json

HOLD = """
import os, sys, time
from pathlib import Path
from brahma.core.runs import RunDirectory

directory = RunDirectory(Path(sys.argv[1]))
with directory.lock():
    directory.update_state(status="running", step=7, total_steps=9, loss=2.5)
    print(os.getpid(), flush=True)
    time.sleep(60)
"""


def finished(output_dir: Path, name: str | None = None) -> RunDirectory:
    directory = create_run(output_dir, name, "run")
    directory.update_state(status="finished", step=5, total_steps=5)
    return directory


def add_checkpoint(directory: RunDirectory, step: int, *, complete: bool = True) -> Path:
    folder = directory.checkpoints / f"checkpoint-{step}"
    folder.mkdir()
    if complete:
        (folder / "manifest.json").write_text("{}")
    return folder


def test_runs_are_counted_by_the_stem(tmp_path: Path) -> None:
    names = [create_run(tmp_path, None, "my config").name for _ in range(3)]
    assert names == ["my-config-1", "my-config-2", "my-config-3"]
    assert create_run(tmp_path, None, "my").name == "my-1"


def test_a_run_that_could_not_be_made_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(directory: RunDirectory, **changes: object) -> None:
        assert not (tmp_path / "runs" / "mine").exists(), "a kill here would keep the name taken"
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunDirectory, "update_state", killed)
        with pytest.raises(KeyboardInterrupt):
            create_run(tmp_path, "mine", "")
    assert list((tmp_path / "runs").iterdir()) == []
    assert create_run(tmp_path, "mine", "").name == "mine"


def test_the_counter_goes_on_behind_the_highest_number(tmp_path: Path) -> None:
    create_run(tmp_path, "run-9", "")
    assert create_run(tmp_path, None, "run").name == "run-10"
    assert latest_run(tmp_path, "run") == RunDirectory(tmp_path / "runs" / "run-10")
    assert latest_run(tmp_path, "other") is None


def test_each_file_has_its_place(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "one", "")
    root = tmp_path / "runs" / "one"
    assert directory.root == root
    assert directory.checkpoints.is_dir()
    assert directory.log == tmp_path / "logs" / "one.log"
    assert directory.log.parent.is_dir()
    places = (directory.config, directory.environment, directory.ledger, directory.metrics)
    assert [place.name for place in places] == [
        "config.json",
        "environment.json",
        "ledger.json",
        "metrics.jsonl",
    ]
    assert all(place.parent == root for place in places)


@given(st.text(max_size=200))
def test_any_stem_makes_a_usable_name(tmp_path_factory: pytest.TempPathFactory, stem: str) -> None:
    output_dir = tmp_path_factory.mktemp("stem")
    directory = create_run(output_dir, None, stem)
    assert directory.root.parent == output_dir / "runs"
    assert [run.name for run in list_runs(output_dir)] == [directory.name]


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "with blank", "x" * 129])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be the name of a run") as error:
        create_run(tmp_path, name, "")
    assert error.value.hint


def test_a_finished_name_is_refused_with_a_hint(tmp_path: Path) -> None:
    finished(tmp_path, "mine")
    with pytest.raises(RunError, match="the name 'mine' is taken") as error:
        create_run(tmp_path, "mine", "")
    assert "it is finished" in str(error.value)
    assert "another run_name" in str(error.value)


def test_an_interrupted_name_is_refused_with_the_way_to_go_on(tmp_path: Path) -> None:
    create_run(tmp_path, "mine", "")
    with pytest.raises(RunError) as error:
        create_run(tmp_path, "mine", "")
    assert "--resume auto" in str(error.value)


def test_a_folder_that_is_no_run_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    with pytest.raises(RunError, match="is taken") as error:
        create_run(tmp_path, "mine", "")
    assert "a folder of that name is there" in str(error.value)
    assert list_runs(tmp_path) == []


def _claim(output_dir: str, results: multiprocessing.Queue[str]) -> None:
    results.put(create_run(output_dir, None, "race").name)


def test_of_many_processes_each_gets_a_run_of_its_own(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_claim, args=(str(tmp_path), results)) for _ in range(6)]
    for process in processes:
        process.start()
    names = {results.get(timeout=20) for _ in processes}
    for process in processes:
        process.join()
    assert names == {f"race-{number}" for number in range(1, 7)}


def test_of_many_threads_one_gets_a_name(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def claim() -> None:
        try:
            outcomes.append(create_run(tmp_path, "same", "").name)
        except RunError:
            outcomes.append("refused")

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["same"]


def test_a_run_that_another_process_writes_is_refused_by_its_number_and_free_once_it_is_killed(
    tmp_path: Path,
) -> None:
    directory = create_run(tmp_path, "held", "")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory.root)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        run = Run(directory)
        assert run.status == "running"
        with (
            pytest.raises(RunError, match=f"run held is being written by process {holder.pid}"),
            directory.lock(),
        ):
            pass
        with pytest.raises(RunError, match="is taken") as taken:
            create_run(tmp_path, "held", "")
        assert "it is running" in str(taken.value)
        holder.send_signal(signal.SIGKILL)
    assert Run(directory).status == "interrupted"
    assert run.state.step == 7
    with directory.lock():
        directory.update_state(status="running")
        assert run.status == "running"
    directory.update_state(status="finished")
    assert Run(directory).status == "finished"


def test_readers_that_ask_for_the_status_never_keep_a_writer_out(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "busy", "")
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            directory.is_locked()

    with directory.lock():
        pass
    readers = [threading.Thread(target=ask) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(50):
        with directory.lock():
            pass
    over.set()
    for reader in readers:
        reader.join()
    assert not directory.is_locked()


def test_an_error_inside_the_lock_passes_through_unchanged(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "one", "")
    with pytest.raises(OSError, match="of the training's own"), directory.lock():
        raise OSError("of the training's own")
    assert not directory.is_locked()


def test_state_changes_keep_the_other_fields(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "one", "")
    directory.update_state(step=3, total_steps=10, best="checkpoint-2")
    state = directory.update_state(step=4, loss=float("nan"))
    assert (state.step, state.total_steps, state.best, state.pid) == (4, 10, "checkpoint-2", os.getpid())
    read = directory.read_state()
    assert read is not None
    assert (read.step, read.loss) == (4, None)


def test_a_state_with_keys_of_a_later_version_is_still_read(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "one", "")
    directory.state.write_text(json.dumps({"status": "finished", "step": 2, "of a later version": 1}))
    assert Run(directory).status == "finished"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, "[1]", "{}", '{"status": "dancing"}']
    + [
        f'{{"status": "finished", {piece}}}' for piece in ('"updated": "x"', '"step": null', '"seconds": NaN')
    ],
    ids=lambda text: text[:40],
)
def test_a_broken_state_is_no_run_and_does_not_hide_the_others(tmp_path: Path, text: str) -> None:
    create_run(tmp_path, "whole", "").update_state(status="finished", loss=None, best_loss=3)
    create_run(tmp_path, "broken", "").state.write_text(text)
    assert [run.name for run in list_runs(tmp_path)] == ["whole"]
    with pytest.raises(RunError, match=r"broken is not a run\n  cause: it has no readable state.json"):
        Run.open("broken", tmp_path)


def test_json_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    write_json(path, {"a": 1})

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match="cannot write") as error:
        write_json(path, {"a": 2})
    assert "No space left on device" in str(error.value)
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["config.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(RunError, match="cannot write") as error:
        create_run(tmp_path, "one", "")
    assert str(tmp_path / "runs") in str(error.value)


def test_checkpoints_are_those_with_a_manifest_by_number(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "one", "")
    for step in (100, 20, 3):
        add_checkpoint(directory, step)
    add_checkpoint(directory, 200, complete=False)
    (directory.checkpoints / ".tmp-300").mkdir()
    (directory.checkpoints / "checkpoint-x").mkdir()
    run = Run(directory)
    assert [folder.name for folder in run.checkpoints] == ["checkpoint-3", "checkpoint-20", "checkpoint-100"]
    assert run.last.name == "checkpoint-100"
    assert run.best.name == "checkpoint-100"
    directory.update_state(best="checkpoint-20")
    assert run.best.name == "checkpoint-20"
    directory.update_state(best="checkpoint-200")
    assert run.best.name == "checkpoint-100"


def test_a_run_without_checkpoint_says_when_one_is_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no checkpoint") as error:
        _ = Run(create_run(tmp_path, "one", "")).best
    assert "save_steps" in str(error.value)


def test_a_run_shows_how_it_stands(tmp_path: Path) -> None:
    directory = finished(tmp_path, "one")
    directory.update_state(loss=1.25)
    assert repr(Run(directory)) == f"<Run 'one': finished, step 5 of 5, loss 1.25, in '{directory.root}'>"
    assert "no run there" in repr(Run(tmp_path / "nothing"))


def test_a_run_opens_by_name_and_by_folder(tmp_path: Path) -> None:
    directory = finished(tmp_path, "one")
    assert Run.open("one", tmp_path).directory == directory.root
    assert Run.open(directory.root).name == "one"


def test_a_name_that_is_no_run_gets_the_nearest_one(tmp_path: Path) -> None:
    finished(tmp_path, "quickstart-1")
    with pytest.raises(RunError) as error:
        Run.open("quikstart-1", tmp_path)
    assert error.value.hint == 'did you mean "quickstart-1"?'
    with pytest.raises(RunError, match="no run is called") as error:
        Run.open("x", tmp_path / "elsewhere")
    assert "brahma quickstart" in str(error.value)


def test_a_folder_without_state_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        _ = Run(tmp_path).status


def test_the_run_written_last_is_listed_first(tmp_path: Path) -> None:
    first, second = finished(tmp_path), finished(tmp_path)
    first.update_state(updated=time.time() + 1)
    assert [run.name for run in list_runs(tmp_path)] == [first.name, second.name]
    assert list_runs(tmp_path / "nothing") == []


def test_listing_a_thousand_runs_opens_one_file_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = finished(tmp_path).state.read_text()
    for number in range(2, 1001):
        folder = tmp_path / "runs" / f"run-{number}"
        folder.mkdir()
        (folder / "state.json").write_text(template)
    opened: list[str] = []
    read = Path.read_bytes

    def noted(path: Path) -> bytes:
        opened.append(path.name)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    assert len([run.name for run in list_runs(tmp_path)]) == 1000
    assert opened == ["state.json"] * 1000


def test_a_torn_last_line_of_metrics_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    path.write_text('{"step": 1}\n{"step": 2, "train/lo')
    assert read_metrics(path) == [{"step": 1}]


@pytest.mark.parametrize(
    "line", ["", "[1]", '{"step": ', "[" * 100_000, f'{{"step": {10**30}}}'], ids=lambda line: line[:20]
)
def test_a_bad_line_in_the_middle_of_metrics_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
    with pytest.raises(RunError) as error:
        read_metrics(path)
    assert str(error.value).startswith(f"{path}:2: ")


def test_metrics_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read\n  cause: Is a directory"):
        read_metrics(tmp_path)


@given(st.lists(st.fixed_dictionaries({"step": st.integers(0, 2**40), "text": st.text()})), st.data())
def test_metrics_cut_at_any_byte_keep_every_whole_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / "metrics.jsonl"
    lines = [json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" for row in rows]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    assert read_metrics(path) == rows[:kept]
