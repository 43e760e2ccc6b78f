import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError
from brahma.data.cleaning.contract import Document
from brahma.data.cleaning.duplicates.arrays import new_array
from brahma.data.cleaning.duplicates.grouping import repeats
from brahma.data.cleaning.duplicates.keys import KeyFolder, KeyWriter

words = st.sampled_from([0, 1, 2, 255, 256, 2**56, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
keys_of_a_document = st.lists(st.tuples(words, words), max_size=4)


@contextmanager
def written(tasks: list[list[list[tuple[int, int]]]]) -> Iterator[KeyFolder]:
    with tempfile.TemporaryDirectory() as folder:
        for task, documents in enumerate(tasks):
            with KeyWriter(Path(folder), task=task) as writer:
                for number, keys in enumerate(documents):
                    document = Document(task, number * 3, f"{task}.txt", number + 1, ("x" * number,))
                    writer.add(document, np.array(keys, np.uint64).reshape(-1, 2))
        yield KeyFolder(Path(folder), tasks=len(tasks))


@settings(deadline=None)
@given(st.lists(st.lists(keys_of_a_document, max_size=6), max_size=4), st.sampled_from([1, 2, 3, 1000]))
def test_equal_keys_are_those_that_a_dictionary_finds(
    tasks: list[list[list[tuple[int, int]]]], in_memory: int
) -> None:
    expected, seen = {}, dict[tuple[int, int], list[int]]()
    everything = [key for documents in tasks for keys in documents for key in keys]
    for position, key in enumerate(everything):
        before = seen.setdefault(key, [])
        if before:
            expected[position] = (before[0], len(before))
        before.append(position)
    with written(tasks) as keys:
        found = {}
        for each in repeats(keys, in_memory=in_memory):
            rows = zip(each.again.tolist(), each.first.tolist(), each.earlier.tolist(), strict=True)
            found.update({again: (first, earlier) for again, first, earlier in rows})
        assert found == expected
        assert not list(keys.folder.glob("sorting-*"))


@settings(deadline=None)
@given(st.lists(st.lists(keys_of_a_document, max_size=6), min_size=1, max_size=4))
def test_a_key_knows_its_document_and_its_place(tasks: list[list[list[tuple[int, int]]]]) -> None:
    owners: list[int] = []
    places: list[str] = []
    for task, documents in enumerate(tasks):
        for number, keys in enumerate(documents):
            owners += [len(places)] * len(keys)
            places.append(f"{task}.txt:{number + 1}")
    with written(tasks) as folder:
        assert folder.documents_at(np.arange(folder.num_keys)).tolist() == owners
        assert [folder.where(index) for index in range(folder.num_documents)] == places


def test_a_key_that_occurs_more_often_than_fits_into_memory_is_one_group() -> None:
    with written([[[(7, 7)] * 500, [(7, 8)], [(7, 7)] * 500]]) as keys:
        found = list(repeats(keys, in_memory=100))
    again = np.concatenate([each.again for each in found])
    assert sorted(again.tolist()) == [*range(1, 500), *range(501, 1001)]
    assert {first for each in found for first in each.first.tolist()} == {0}


def test_many_documents_are_spilled_and_come_back_in_order(tmp_path: Path) -> None:
    expected = np.random.default_rng(0).integers(0, 2**63, (9000, 2), dtype=np.uint64)
    with KeyWriter(tmp_path, task=0) as writer:
        for number, key in enumerate(expected):
            writer.add(Document(0, number, "a", number, ("",)), key[None])
    keys = KeyFolder(tmp_path, tasks=1)
    assert (keys.keys_of(0) == expected).all()
    assert keys.documents_of(0)["line"].tolist() == list(range(9000))


def test_a_task_that_fails_leaves_no_keys(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), KeyWriter(tmp_path, task=0):
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())


def test_keys_of_a_task_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with KeyWriter(tmp_path, task=0):
        pass
    with pytest.raises(DataError, match="the keys of task 1 are not there"):
        KeyFolder(tmp_path, tasks=2)


def test_an_array_for_which_there_is_no_room_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most))
    try:
        with pytest.raises(OSError, match="too large"), new_array(tmp_path / "array", 100_000):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert not list(tmp_path.iterdir())
