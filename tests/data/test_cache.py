import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import DataError
from brahma.data.cache import build_once, read_manifest
from brahma.data.stamps import SourceIndex, SourceStamp


def write(folder: Path) -> dict[str, Any]:
    (folder / "a.bin").write_bytes(b"12345")
    (folder / "deep").mkdir()
    (folder / "deep" / "b.bin").write_bytes(b"")
    return {"answer": 42}


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def counted(folder: Path) -> dict[str, Any]:
        calls.append(folder)
        return write(folder)

    first = build_once(tmp_path / "x", counted)
    second = build_once(tmp_path / "x", counted)
    assert first == second == {"answer": 42, "files": {"a.bin": 5, "deep/b.bin": 0}}
    assert len(calls) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("damage", ["short", "missing", "no manifest", "manifest cut"])
def test_a_damaged_folder_is_built_again(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "x"
    build_once(folder, write)
    if damage == "short":
        (folder / "a.bin").write_bytes(b"1234")
    elif damage == "missing":
        (folder / "deep" / "b.bin").unlink()
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text('{"files": ')
    assert read_manifest(folder) is None
    build_once(folder, write)
    assert read_manifest(folder) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted(folder: Path) -> dict[str, Any]:
        write(folder)
        raise error

    with pytest.raises(error):
        build_once(tmp_path / "x", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_two_builders_of_one_folder_both_succeed_and_the_first_result_stays(tmp_path: Path) -> None:
    both_started = threading.Barrier(2)
    results = []

    def build(number: int) -> None:
        def slow(folder: Path) -> dict[str, Any]:
            both_started.wait(timeout=10)
            return {**write(folder), "by": number}

        results.append(build_once(tmp_path / "x", slow))

    threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1] == read_manifest(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_a_killed_builder_left_is_swept_and_a_living_one_is_spared(tmp_path: Path) -> None:
    old = time.time() - 7200
    left, young = tmp_path / ".x.1.tmp", tmp_path / ".x.2.tmp"
    for folder in (left, young):
        folder.mkdir()
    os.utime(left, (old, old))

    def slow(folder: Path) -> dict[str, Any]:
        os.utime(folder, (old, old))
        build_once(tmp_path / "y", write)  # sweeps, as another process would
        return write(folder)

    build_once(tmp_path / "x", slow)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.2.tmp", "x", "y"]


def test_a_full_disk_is_said_with_the_place_and_leaves_nothing(tmp_path: Path) -> None:
    def full(folder: Path) -> dict[str, Any]:
        write(folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match="cannot be written") as caught:
        build_once(tmp_path / "x", full)
    assert caught.value.where == str(tmp_path)
    assert "No space left" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.txt"
    path.write_text("one")
    return path


def test_an_untouched_source_is_not_hashed_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = SourceIndex(source.parent / "cache" / "sources.json")
    first = index.stamp(source)
    monkeypatch.setattr("brahma.data.stamps.content_hash", lambda path: pytest.fail("hashed again"))
    assert index.stamp(source) == first


def test_a_touched_source_is_hashed_again_and_its_content_decides(source: Path) -> None:
    index = SourceIndex(source.parent / "sources.json")
    first = index.stamp(source)
    os.utime(source, (1, 1))
    assert index.stamp(source).content == first.content
    first.verify()
    source.write_text("two")
    assert index.stamp(source).content != first.content


def test_a_damaged_index_costs_hashing_only(source: Path) -> None:
    index = SourceIndex(source.parent / "sources.json")
    first = index.stamp(source)
    index.path.write_text("[{")
    assert index.stamp(source) == first


def test_a_changed_source_is_refused_by_name(source: Path) -> None:
    stamp = SourceIndex(source.parent / "sources.json").stamp(source)
    source.write_text("something else")
    with pytest.raises(DataError, match="has changed") as caught:
        stamp.verify()
    assert caught.value.where == str(source)
    source.unlink()
    with pytest.raises(DataError, match="gone"):
        stamp.verify()


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        SourceIndex(tmp_path / "sources.json").stamp(tmp_path / "absent.txt")
    assert caught.value.where == str(tmp_path / "absent.txt")


def test_the_hash_is_xxh3(source: Path) -> None:
    import xxhash

    stamp: SourceStamp = SourceIndex(source.parent / "sources.json").stamp(source)
    assert stamp.content == xxhash.xxh3_128(b"one").hexdigest()
