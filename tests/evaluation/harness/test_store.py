"""Responses that are kept: found again, shared by processes, and never a reason to stop."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from brahma.evaluation.harness.store import FILE, ResponseStore, request_key

KEYS = [request_key("model", "loglikelihood", (f"context {n}", " continuation")) for n in range(1500)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evaluation" / FILE


def write(path: Path, keys: list[bytes], response: object = (-1.5, True)) -> None:
    with ResponseStore(path) as store:
        for key in keys:
            store.put(key, response)


def read(path: Path, keys: list[bytes]) -> dict[bytes, object]:
    with ResponseStore(path) as store:
        return store.get(keys)


def test_a_response_comes_back_to_the_last_digit(path: Path) -> None:
    responses = {KEYS[0]: [-0.1 - 1e-17, False], KEYS[1]: "日本語 \ud83d \x00", KEYS[2]: -123456.789012345678}
    with ResponseStore(path) as store:
        for key, response in responses.items():
            store.put(key, response)
    assert read(path, KEYS[:4]) == responses


def test_a_key_is_of_the_model_the_kind_and_each_argument() -> None:
    asked = ("model", "generate_until", ("a prompt", {"until": ["\n"], "max_gen_toks": 3}))
    others = [
        ("other", *asked[1:]),
        (asked[0], "loglikelihood", asked[2]),
        (*asked[:2], ("a prompt", {"until": ["\n"], "max_gen_toks": 4})),
        (*asked[:2], ("a prompt ", asked[2][1])),
    ]
    keys = {request_key(*each) for each in (asked, *others)}
    assert len(keys) == 5
    same_settings = {"max_gen_toks": 3, "until": ["\n"]}
    assert request_key("model", "generate_until", ("a prompt", same_settings)) in keys


def test_two_processes_write_one_file(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    halves = [KEYS[:800], KEYS[700:]]
    writers = [spawn.Process(target=write, args=(path, half)) for half in halves]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert read(path, KEYS) == {key: [-1.5, True] for key in KEYS}


def write_for_ever(path: Path) -> None:
    store = ResponseStore(path)
    for number in range(10**9):
        store.put(request_key("model", "loglikelihood", (str(number), "")), number)
        store.flush()


def test_a_killed_writer_leaves_what_it_had_written(path: Path) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=write_for_ever, args=(path,))
    writer.start()
    keys = [request_key("model", "loglikelihood", (str(number), "")) for number in range(50)]
    deadline = time.monotonic() + 60
    while len(read(path, keys)) < len(keys):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert read(path, keys) == dict(zip(keys, range(50), strict=True))
    write(path, KEYS)
    assert len(read(path, KEYS)) == len(KEYS)


def test_a_file_that_is_no_database_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all\n" * 100)
    write(path, KEYS)
    assert len(read(path, KEYS)) == len(KEYS)
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"not a database")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert aside.name in caplog.text
    assert str(path) in caplog.text


def test_a_file_that_is_damaged_inside_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(path, KEYS)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with ResponseStore(path) as store:
        assert store.get(KEYS) == {}
        store.put(KEYS[0], "anew")
        store.flush()
        assert store.get(KEYS) == {KEYS[0]: "anew"}
    assert len(list(path.parent.glob("*.damaged-*"))) == 1
    assert len(caplog.records) == 1


def test_a_file_with_other_columns_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE responses (id TEXT, said TEXT)")
    other.close()
    write(path, KEYS[:2])
    assert len(read(path, KEYS[:3])) == 2
    assert "its columns are id, said" in caplog.text
    assert len(list(path.parent.glob("*.damaged-*"))) == len(caplog.records) == 1


def test_a_response_that_was_changed_is_not_believed(path: Path) -> None:
    write(path, KEYS[:3])
    with sqlite3.connect(path) as database:
        database.execute("UPDATE responses SET response = '[-0.5, true]' WHERE key = ?", (KEYS[1],))
    database.close()
    assert read(path, KEYS[:3]).keys() == {KEYS[0], KEYS[2]}


def test_a_full_disk_is_said_once_and_stops_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(path, KEYS[:10])
    with ResponseStore(path) as store:
        assert store._database is not None
        store._database.execute("PRAGMA max_page_count = 4")  # as sqlite finds a disk that is full
        for _ in range(3):
            for key in KEYS:
                store.put(key, "a long response " * 50)
            store.flush()
        assert store.get(KEYS) == {}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "full" in record.getMessage()
    assert len(read(path, KEYS)) == 10


def test_a_place_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with ResponseStore(tmp_path / "file" / FILE) as store:
        store.put(KEYS[0], "nothing")
        store.flush()
        assert store.get(KEYS[:1]) == {}
    assert len(caplog.records) == 1
