"""128-bit keys of documents on disk: each task writes its own, the decision reads those of all.

A task leaves three files in the step's folder:

    000012.keys         uint64 [k, 2], the keys of its documents one after the other
    000012.documents    DOCUMENT records, one for each document that was given
    000012.sources      JSON, the names of the files that the records point to

A key is known by its *position* among the keys of all tasks, a document by its *index* among the documents
of all tasks. Both count in reading order, so what is decided depends on neither tasks nor workers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray

from brahma.core.disk import flush
from brahma.core.errors import DataError
from brahma.data.cleaning.contract import Document
from brahma.data.cleaning.duplicates.arrays import aside, integers, new_array, opened, pieces
from brahma.data.rows import place

DOCUMENT = np.dtype(
    [("number", "<u8"), ("line", "<u8"), ("characters", "<u8"), ("source", "<u4"), ("keys", "<u4")]
)
_BUFFERED_DOCUMENTS = 1 << 12
_BUFFERED_KEYS = 1 << 16  # 1 MB

Keys = NDArray[np.uint64]
"""`[n, 2]`"""


def as_keys(digests: Sequence[bytes]) -> Keys:
    """Hashes of 16 bytes as keys `[n, 2]`."""
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


class KeyWriter:
    """Writes the keys of one task; its files appear, whole, when the `with` ends without an error.

    Args:
        folder: the step's own; made if it is not there.
        task: number of the task.
    """

    def __init__(self, folder: Path, *, task: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = _paths(folder, task)
        self._files: list[BinaryIO] = []
        self._sources: dict[str, int] = {}
        self._records: list[tuple[int, int, int, int, int]] = []
        self._keys: list[Keys] = []
        self._num_keys = 0

    def __enter__(self) -> Self:
        for path in self._paths:
            self._files.append(aside(path).open("wb"))
        return self

    def add(self, document: Document, keys: Keys) -> None:
        """One more document, in the order of their numbers.

        Args:
            document: its place and its size are kept.
            keys: `[n, 2]`, n may be 0.
        """
        source = self._sources.setdefault(document.source, len(self._sources))
        characters = sum(map(len, document.texts))
        self._records.append((document.number, document.line, characters, source, len(keys)))
        self._keys.append(keys)
        self._num_keys += len(keys)
        if self._num_keys >= _BUFFERED_KEYS or len(self._records) >= _BUFFERED_DOCUMENTS:
            self._spill()

    def _spill(self) -> None:
        if self._records:
            self._files[0].write(np.concatenate(self._keys).tobytes())
            self._files[1].write(np.array(self._records, DOCUMENT).tobytes())
        self._records.clear()
        self._keys.clear()
        self._num_keys = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._spill()
                self._files[2].write(json.dumps(list(self._sources)).encode())
            for file in self._files:
                file.close()
            if error is None:
                for path in self._paths:
                    flush(aside(path))
                    aside(path).replace(path)
        finally:
            for path in self._paths:
                aside(path).unlink(missing_ok=True)


class KeyFolder:
    """What the tasks of a step left in its folder, read through memory maps.

    Args:
        folder: the step's own.
        tasks: how many tasks have written; absent: as many as there are files of.

    Raises:
        DataError: the keys of a task are not there.
    """

    def __init__(self, folder: Path, *, tasks: int | None = None) -> None:
        self.folder = folder
        self.tasks = _count(folder) if tasks is None else tasks
        sizes = [_sizes(folder, task) for task in range(self.tasks)]
        self.first_key = np.cumsum([0, *(size[0] // 16 for size in sizes)])
        """int64 `[tasks + 1]`: position of the first key of each task; last, the number of all keys."""
        self.first_document = np.cumsum([0, *(size[1] // DOCUMENT.itemsize for size in sizes)])
        """int64 `[tasks + 1]`: index of the first document of each task; last, the number of all."""
        self._sources = lru_cache(maxsize=64)(self._read_sources)
        self.documents_of = lru_cache(maxsize=64)(self._map_documents)
        self.keys_of = lru_cache(maxsize=64)(self._map_keys)

    @property
    def num_documents(self) -> int:
        """Of all tasks."""
        return int(self.first_document[-1])

    @property
    def num_keys(self) -> int:
        """Of all tasks."""
        return int(self.first_key[-1])

    @cached_property
    def key_ends(self) -> NDArray[np.int64]:
        """int64 `[num_documents]`, on disk: the position after the last key of each document."""
        path = self.folder / "key-ends"
        with new_array(path, self.num_documents) as ends:
            passed = done = 0
            for task in range(self.tasks):
                counts = self.documents_of(task)["keys"]
                for piece in pieces(len(counts)):
                    found = passed + np.cumsum(counts[piece], dtype=np.int64)
                    ends[done : done + len(found)] = found
                    passed, done = int(found[-1]), done + len(found)
        return integers(path)

    def documents_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of the documents whose keys stand at these positions."""
        return np.searchsorted(self.key_ends, positions, side="right").astype(np.int64, copy=False)

    def keys_at(self, index: int) -> Keys:
        """The keys of a document, `[n, 2]`."""
        task = self._task_of(index)
        end = int(self.key_ends[index] - self.first_key[task])
        count = int(self.documents_of(task)[index - self.first_document[task]]["keys"])
        return self.keys_of(task)[end - count : end]

    def characters_of(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """How long these documents are, `[n]`."""
        tasks = np.searchsorted(self.first_document, indices, side="right") - 1
        found = np.empty(len(indices), np.uint64)
        for task in np.unique(tasks).tolist():
            own = tasks == task
            found[own] = self.documents_of(task)["characters"][indices[own] - self.first_document[task]]
        return found

    def where(self, index: int) -> str:
        """`file:line` of a document."""
        task = self._task_of(index)
        record = self.documents_of(task)[index - self.first_document[task]]
        return place(Path(self._sources(task)[int(record["source"])]), int(record["line"]))

    def _task_of(self, index: int) -> int:
        return int(np.searchsorted(self.first_document, index, side="right")) - 1

    def _map_documents(self, task: int) -> NDArray[Any]:
        return opened(_paths(self.folder, task)[1], DOCUMENT)

    def _map_keys(self, task: int) -> Keys:
        return cast(Keys, opened(_paths(self.folder, task)[0], np.dtype(np.uint64)).reshape(-1, 2))

    def _read_sources(self, task: int) -> list[str]:
        return cast("list[str]", json.loads(_paths(self.folder, task)[2].read_bytes()))


def _paths(folder: Path, task: int) -> tuple[Path, Path, Path]:
    return (
        folder / f"{task:06d}.keys",
        folder / f"{task:06d}.documents",
        folder / f"{task:06d}.sources",
    )


def _count(folder: Path) -> int:
    """How many tasks have written."""
    return sum(name.endswith(".documents") for name in os.listdir(folder))


def _sizes(folder: Path, task: int) -> tuple[int, int]:
    """Bytes of a task's keys and documents; every task asks for all, so no `Path` is made."""
    stem = f"{folder}/{task:06d}"
    try:
        return os.stat(f"{stem}.keys").st_size, os.stat(f"{stem}.documents").st_size
    except FileNotFoundError as error:
        raise DataError(
            f"the keys of task {task} are not there",
            where=str(folder),
            why="the task did not finish, or its files were removed",
            hint="Remove the job's folder and start the cleaning again",
        ) from error
