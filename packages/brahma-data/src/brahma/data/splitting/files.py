"""`brahma.data.split_files`: rows of files become a training, a validation and a test file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from brahma.core.errors import ConfigError, DataError, RowError
from brahma.core.progress import progress
from brahma.core.suggest import suggestion
from brahma.data._compression import split_ending
from brahma.data._row_text import json_of
from brahma.data._sources import expand_sources
from brahma.data.conversion.one_layout import OneLayout
from brahma.data.conversion.target import Container
from brahma.data.layouts import Layout, texts_of
from brahma.data.readers import TextDocument, read_rows
from brahma.data.rows import BadRow, RawRow, place
from brahma.data.splitting.report import PARTS, Part, SplitReport
from brahma.data.writers import open_writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def split_files(
    paths: str | Path | Iterable[str | Path],
    output: str | Path,
    *,
    validation: int | float = 0.01,
    test: int | float | None = None,
    by: str | None = None,
    stratify: bool = False,
    seed: int = 42,
    format: Container | None = None,
    layout: Layout | None = None,
    text_document: TextDocument = "file",
    on_bad_row: Literal["error", "skip"] = "error",
    overwrite: bool = False,
) -> SplitReport:
    """Write the rows of files into `train`, `validation` and, if asked for, `test` files of a folder.

    Whole rows (documents, conversations, pairs), drawn by a seed, in their order. Rows with the same texts
    are always in one file. Without such rows, `by` and `stratify`, validation has the very rows that
    `data_config.validation` would hold out with the same fraction and seed.

    Args:
        paths: files, folders or globs.
        output: the folder to make.
        validation: of the rows, a fraction below 1, or how many.
        test: the same for a test file; None: none.
        by: all rows that have the same value under this key stay together.
        stratify: take the same share of each input file.
        seed: chooses the rows.
        format: container of the files; None: the inputs', or JSON Lines where they differ.
        layout: of the rows, where their keys fit more than one.
        text_document: what one document is in plain text.
        on_bad_row: `skip` leaves malformed rows out of all parts.
        overwrite: replace files of an earlier split.

    Raises:
        ConfigError: sizes that are no fraction or number of rows.
        DataError: too few rows or groups; a file cannot be read or written.
        RowError: a malformed row, with `on_bad_row="error"`, or one without the key.
    """
    sizes = [validation] if test is None else [validation, test]
    for name, size in zip(PARTS[1:], sizes, strict=False):
        _check_size(name, size)
    sources = expand_sources([paths] if isinstance(paths, str | Path) else paths)
    folder = Path(output)
    ending = f".{format}" if format else _ending_of(sources, text_document)
    names = [f"{name}{ending}" for name in PARTS[: len(sizes) + 1]]
    _check_folder(folder, names, sources, overwrite)
    split = _Split(sources, OneLayout(layout), text_document, on_bad_row == "skip", by)
    part_of_row = split.draw(sizes, stratify=stratify, seed=seed)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        beside.mkdir()
        counts = split.write([beside / name for name in names], part_of_row)
        _move(beside, folder, names)
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # only there when something failed, which is under way
    parts = tuple(
        Part(PARTS[number], folder / name, sum(counts[number]), tuple(counts[number]))
        for number, name in enumerate(names)
    )
    return SplitReport(sources, parts, split.groups, split.duplicates, split.largest, tuple(split.skipped))


def _check_size(name: str, size: int | float) -> None:
    is_rows = isinstance(size, int) and size >= 1
    if not is_rows and not 0 < size < 1:
        raise ConfigError(
            f"the size of {name} must be a fraction between 0 and 1 or a whole number of rows, not {size}",
            where=name,
            hint="0.01 takes one row in a hundred; 500 takes 500 rows",
        )


def _ending_of(sources: Iterable[Path], text_document: TextDocument) -> str:
    endings = {split_ending(source.name)[0] for source in sources}
    same = endings.pop() if len(endings) == 1 else ".jsonl"
    return ".jsonl" if same == ".txt" and text_document == "file" else same


def _check_folder(folder: Path, names: Iterable[str], sources: Iterable[Path], overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError("the output is a file", where=str(folder), hint="Name a folder for the parts")
    for path in (folder / name for name in names):
        if any(path.resolve() == source.resolve() for source in sources):
            raise DataError("the output is also an input", where=str(path), hint="Name another folder")
        if path.exists() and not overwrite:
            raise DataError(
                "the output exists already", where=str(path), hint="Name another folder, or add --overwrite"
            )
    if not folder.absolute().parent.is_dir():
        parent = folder.absolute().parent
        raise DataError(
            "the folder of the output is not there", where=str(parent), hint=f"Make it: mkdir -p {parent}"
        )


def _move(beside: Path, folder: Path, names: Iterable[str]) -> None:
    """Put complete files where they belong: a new folder at once, files of an existing one one by one."""
    if not folder.exists():
        beside.rename(folder)
        return
    for name in names:
        os.replace(beside / name, folder / name)


@dataclass(slots=True)
class _Split:
    """Reads the sources twice: to draw, and to write."""

    sources: tuple[Path, ...]
    layout: OneLayout
    document: TextDocument
    skips: bool
    by: str | None
    skipped: list[tuple[str, str]] = field(default_factory=list)
    groups: int = 0
    duplicates: int = 0
    largest: int = 0

    def draw(self, sizes: list[int | float], *, stratify: bool, seed: int) -> NDArray[np.int8]:
        """The part of each valid row, int8 [rows]: 0 for training."""
        import numpy as np

        from brahma.data.splitting.groups import groups_of, held_out

        hashes, keys, strata = self._hashed()
        total = len(hashes)
        asked = sum(size if size >= 1 else size * total for size in sizes)
        if total < 1 + len(sizes) or asked >= total:
            raise self._too_few(f"rows in the data: {total:,}; held out would be {round(asked):,}")
        groups = groups_of([hashes, keys] if self.by else [hashes])
        counts = np.bincount(groups)
        self.groups, self.largest = int(np.count_nonzero(counts)), int(counts.max())
        self.duplicates = total - len(np.unique(hashes))
        if not stratify:
            strata = np.zeros(total, np.int64)
        parts = held_out(groups, strata, sizes, seed=seed)
        for number in range(len(sizes) + 1):
            if not np.any(parts == number):
                raise self._too_few(
                    f"groups of rows that stay together: {self.groups:,}, the largest of {self.largest:,}"
                )
        return parts

    def _too_few(self, why: str) -> DataError:
        return DataError(
            "there are too few rows for this split: a part would be empty",
            where=", ".join(map(str, self.sources[:3])),
            why=why,
            hint="Ask for other sizes, or leave --by out; --text-document says what one document is in .txt",
        )

    def _hashed(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
        from array import array

        import numpy as np

        hashes, keys, strata = array("Q"), array("Q"), array("q")
        with progress("reading", total=_bytes_of(self.sources), unit="bytes") as task:
            for number, source in enumerate(self.sources):
                for raw, texts in self._rows(source, reports=True):
                    hashes.append(_hash_of("\x1f".join(texts).encode("utf-8", "surrogatepass")))
                    strata.append(number)
                    if self.by is not None:
                        keys.append(self._key(raw, self.by))
                task.advance(source.stat().st_size)
        return np.array(hashes, np.uint64), np.array(keys, np.uint64), np.array(strata, np.int64)

    def _rows(self, source: Path, *, reports: bool) -> Iterator[tuple[RawRow, tuple[str, ...]]]:
        """Valid rows with their texts; bad ones raise, or are reported in the first reading."""
        for raw in read_rows(source, text_document=self.document):
            try:
                if isinstance(raw, BadRow):
                    raise raw.error
                _, layout = self.layout.valid(raw)
                texts = texts_of(raw.value, layout, where=place(raw.source, raw.line))
            except RowError as error:
                if not self.skips:
                    raise
                if reports:
                    self.skipped.append((error.where or "", error.message))
                continue
            yield raw, texts

    def _key(self, raw: RawRow, by: str) -> int:
        if isinstance(raw.value, str) or by not in raw.value:
            raise RowError(
                f"the row has no {by!r}",
                where=place(raw.source, raw.line),
                hint=suggestion(
                    by, raw.value if not isinstance(raw.value, str) else (), nothing="it is plain text"
                ),
            )
        return _hash_of(json_of(raw.value[by]))

    def write(self, paths: list[Path], part_of_row: NDArray[np.int8]) -> list[list[int]]:
        """Write each row to its part; how many of each source went to each."""
        counts = [[0] * len(self.sources) for _ in paths]
        parts: Iterator[Any] = iter(part_of_row.tolist())
        document: TextDocument = "line" if self.document == "line" else "blank_line"
        with ExitStack() as stack, progress("writing", _bytes_of(self.sources), "bytes") as task:
            writers = [stack.enter_context(open_writer(path, text_document=document)) for path in paths]
            for number, source in enumerate(self.sources):
                for raw, _ in self._rows(source, reports=False):
                    part = next(parts)
                    writers[part](raw.value)
                    counts[part][number] += 1
                task.advance(source.stat().st_size)
        return counts


def _bytes_of(sources: Iterable[Path]) -> int:
    return sum(source.stat().st_size for source in sources)


def _hash_of(data: bytes) -> int:
    """64 bits of xxh3 (https://github.com/Cyan4973/xxHash)."""
    import xxhash

    return xxhash.xxh3_64_intdigest(data)
