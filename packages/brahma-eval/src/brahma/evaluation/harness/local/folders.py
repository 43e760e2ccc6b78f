"""Where a task's files lie below the data directory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from brahma.core.errors import DataError
from brahma.evaluation.harness.local.request import TRIVIAL, Request
from brahma.evaluation.harness.local.shapes import Shape, shape_of

_WORDS = {"validation": ("validation", "val", "valid"), "train": ("train", "training")}
"""How people write a split."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_DEPTH = 3  # folders below a data set's own: `data/test/anatomy_test.csv` is two


class MissingDataError(DataError):
    """A task's files are not in the data directory."""


@dataclass(frozen=True)
class Folder:
    """A folder of one data set.

    Attributes:
        is_of_task: it has the task's own name, so its files are for no other.
        by_beginning: the name that the folder's name begins with, where it is not that name.
    """

    path: Path
    is_of_task: bool = False
    by_beginning: str = ""

    @cached_property
    def files(self) -> dict[str, list[Path]]:
        """By path below the folder in lower case, without the shard's number."""
        found: dict[str, list[Path]] = {}
        for file in _files(self.path, _DEPTH):
            stem = file.relative_to(self.path).with_suffix("").as_posix().lower()
            found.setdefault(_SHARD.sub("", stem), []).append(file)
        return found


def existing(path: str | Path) -> Path:
    """The user's folder of data sets, absolute.

    Raises:
        DataError: it is not there.
    """
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        raise DataError(
            "there is no such data directory", where=str(path),
            hint="give the folder with a folder for each data set: DIR/hellaswag/validation.jsonl, …",
        )  # fmt: skip
    return folder


class DataDirectory:
    """The user's folder of data sets.

    Args:
        path: `--data-dir`.
        is_known: whether a task or data set has this name, so that a folder of this name is only its own.

    Raises:
        DataError: it is not there.
    """

    def __init__(self, path: Path, is_known: Callable[[str], bool]) -> None:
        self.path = existing(path)
        self._is_known = is_known
        self._folders: dict[tuple[str, ...], Folder | None] = {}

    def files(self, request: Request, split: str) -> tuple[Path, ...]:
        """The files of a split, shards in order; empty where there are none."""
        folder = self.folder(request)
        if folder is None:
            return ()
        for stem in _stems(request, split, shape_of(request), folder):
            if chosen := _of_one_ending(folder.files.get(stem, ()), shape_of(request).endings):
                return chosen
        return _only_file(folder, request, split)

    def folder(self, request: Request) -> Folder | None:
        """The data set's folder, by the task's name, the data set's, or one that begins so.

        Raises:
            DataError: several folders begin so.
        """
        names = _folder_names(request)
        if names not in self._folders:
            found = self._exact(request, names) or self._beginning(names)
            if found is None and (own := _normal(self.path.name)) in names:
                found = Folder(self.path, is_of_task=own == _normal(request.task))
            self._folders[names] = found
        return self._folders[names]

    def missing(self, request: Request, split: str) -> MissingDataError:
        """The error for a split that is not there: what was looked for, and what to place where."""
        folder, shape = self.folder(request), shape_of(request)
        if folder is None:
            names = ", ".join(dict.fromkeys(_folder_names(request)))
            what, why = "no folder has the data of this task", f"looked in {self.path} for {names}"
            wanted = wanted_file(self.path, request, split)
        else:
            what = f'there are no rows of the split "{split}" for this task'
            stems = [stem for stem in _stems(request, split, shape, folder) if not stem.startswith("data/")]
            why = f"looked in {folder.path} for {', '.join(stems)}; as {', '.join(shape.endings)}"
            named = shape.holds_all_names or folder.is_of_task or request.name.lower() in TRIVIAL
            file = shape.wanted if named else f"{{name}}/{shape.wanted}"
            wanted = folder.path / file.format(name=request.name, split=split)
        return MissingDataError(
            what, where=request.task, why=why, hint=f"place {wanted}. A row: {example_of(request)}"
        )

    def _exact(self, request: Request, names: Sequence[str]) -> Folder | None:
        if (nested := self.path / request.data_set).is_dir() and request.data_set:
            return Folder(nested)
        by_name = {_normal(each.name): each for each in self._children}
        for name in names:
            if name in by_name:
                return Folder(by_name[name], is_of_task=name == _normal(request.task))
        return None

    def _beginning(self, names: Sequence[str]) -> Folder | None:
        """`hellaswag_val1000` and `wikitext2` for `hellaswag` and `wikitext`; no other data set's folder."""
        for name in names:
            found = [each for each in self._children if self._goes_on(_normal(each.name), name)]
            if len(found) > 1:
                listed = ", ".join(each.name for each in found)
                raise DataError(
                    f"several folders may have the data of {name}", where=str(self.path), why=listed,
                    hint=f'name the one that you mean "{name}"',
                )  # fmt: skip
            if found:
                return Folder(found[0], by_beginning=name)
        return None

    def _goes_on(self, folder: str, name: str) -> bool:
        rest = folder.removeprefix(name)
        return folder.startswith(name) and not rest[:1].isalpha() and not self._is_known(folder)

    @cached_property
    def _children(self) -> list[Path]:
        return sorted(each for each in self.path.iterdir() if each.is_dir())


def wanted_file(directory: Path, request: Request, split: str) -> Path:
    """What to make for a split of which nothing is there."""
    shape = shape_of(request)
    folder = shape.folders[0] if shape.folders else request.task.lower()
    return directory / folder / shape.wanted.format(name=request.name, split=split)


def example_of(request: Request) -> str:
    """A row of the request's data set."""
    from brahma.evaluation.harness.local import columns, shapes

    shape = shape_of(request)
    return columns.example_of(request) if shape is shapes.GENERIC else shape.example


def words(split: str) -> tuple[str, ...]:
    """How a split may be called in a file's name."""
    return _WORDS.get(split, (split,))


def _folder_names(request: Request) -> tuple[str, ...]:
    """The task's, the data set's other ones, and the data set's last part."""
    names = (request.task, *shape_of(request).folders, request.last_part)
    return tuple(dict.fromkeys(_normal(name) for name in names if name))


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")


def _stems(request: Request, split: str, shape: Shape, folder: Folder) -> list[str]:
    """Paths below the folder, without ending, in lower case, the most telling first."""
    name = request.name.lower()
    found: list[str] = []
    for word in _words_here(request, split):
        if name not in TRIVIAL:
            found += [f"{name}/{word}", f"{word}/{name}_{word}", f"{word}/{name}", f"{name}_{word}"]
            found += [f"{name}-{word}", f"{name}/{name}_{word}"]
        if name in TRIVIAL or shape.holds_all_names or folder.is_of_task:
            own = request.last_part.lower()
            found += [
                word,
                f"{own}_{word}",
                f"wiki.{word}" if own.startswith("wikitext") else f"{own}-{word}",
            ]
    found += [stem.lower() for stem in (shape.stems or {}).get(split, ())]
    return [f"{above}{stem}" for stem in found for above in ("", "data/")]


def _words_here(request: Request, split: str) -> tuple[str, ...]:
    """`dev` is the validation split where the data set has no split of that name."""
    more = ("dev",) if split == "validation" and "dev" not in request.splits else ()
    return (*words(split), *more)


def _of_one_ending(files: Sequence[Path], endings: Sequence[str]) -> tuple[Path, ...]:
    for ending in endings:
        if chosen := tuple(sorted(file for file in files if file.suffix.lower() == ending)):
            return chosen
    return ()


def _only_file(folder: Folder, request: Request, split: str) -> tuple[Path, ...]:
    """The one table of the folder, where its name tells no other split; it is what is evaluated."""
    shape = shape_of(request)
    is_whole = request.name.lower() in TRIVIAL or shape.holds_all_names or folder.is_of_task
    if split != request.evaluated or not is_whole:
        return ()
    here = [each for files in folder.files.values() for each in files if each.parent == folder.path]
    tables = [file for file in here if file.suffix.lower() in set(shape.endings) - {".txt", ".tokens"}]
    if len(tables) != 1 or _tells_other_split(tables[0], split):
        return ()
    return (tables[0],)


def _tells_other_split(file: Path, split: str) -> bool:
    parts = re.split(r"[^a-z]+", file.stem.lower())
    others = {"train", "training", "test", "dev", "validation", "val", "valid"} - set(words(split))
    return any(part in others for part in parts)


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for each in sorted(folder.iterdir()):
        if each.name.startswith((".", "_")):
            continue
        if each.is_file():
            yield each
        elif each.is_dir() and depth > 1:
            yield from _files(each, depth - 1)
