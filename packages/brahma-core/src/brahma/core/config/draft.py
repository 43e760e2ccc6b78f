"""A configuration while it is put together: documents and overrides, aliases resolved, places remembered."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brahma.core.config.aliases import canonical, expanded
from brahma.core.config.documents import Document
from brahma.core.config.formats import KeyPath
from brahma.core.config.problems import ConfigKeyError
from brahma.core.data_folder import FOLDER, in_data_folder
from brahma.core.errors import ConfigError

_PATHS: tuple[KeyPath, ...] = (
    ("data_config", "train"),
    ("data_config", "validation"),
    ("data_config", "template"),
    ("training_config", "deepspeed_config"),
    ("lora_config", "adapter"),
    ("lora_config", "stack"),
    ("evaluation", "data_dir"),
    ("output_dir",),
)
_DATA = _PATHS[:2]
_PATHS_OR_IDS: tuple[KeyPath, ...] = (
    ("model_config", "base_model"),
    ("tokenizer", "path"),
    ("search", "storage"),
)
"""These may be ids or names: paths only if they exist or begin like one."""


@dataclass(frozen=True)
class Place:
    """Where a value was given.

    Attributes:
        key: as the user wrote it, dotted.
        where: `file:line`, `--set …` or `<arguments>`: what an error names.
        origin: what the resolved configuration records.
        folder: what a relative path is relative to.
    """

    key: str
    where: str
    origin: str
    folder: Path


class Draft:
    """Values under their own names, the place of each, and the doubled keys found on the way."""

    def __init__(self, document: Document) -> None:
        self.name = document.name
        self.values: dict[str, Any] = {}
        self.places: dict[KeyPath, Place] = {}
        self.problems: list[ConfigKeyError] = []
        for path, value in _entries(document.values):
            self._add(document, path, value)

    def _add(self, document: Document, source: KeyPath, value: Any) -> None:
        path = canonical(source)
        value = expanded(source, deepcopy(value))
        if (first := self.places.get(path)) and source != path[:1]:
            self._refuse_double(path, value, first, source, document.where(source))
            return
        for inner in _nodes(value):
            where = document.where((*source, *inner))
            alias = source[-1] != path[-1]
            origin = f"alias {source[-1]} at {where}" if alias else where
            self.places[(*path, *inner)] = Place(dotted((*source, *inner)), where, origin, document.folder)
        if len(path) == 1 or isinstance(self.values.get(str(path[0]), {}), dict):
            _put(self.values, path, value)

    def _refuse_double(self, path: KeyPath, value: Any, first: Place, source: KeyPath, where: str) -> None:
        same_name = first.key.rpartition(".")[2] == source[-1]
        if same_name and value == value_at(self.values, path):
            return
        twice = "given twice, with different values" if same_name else "given twice"
        text = f"{twice}: here and as {first.key} ({first.where})"
        self.problems.append(ConfigKeyError(dotted(source), text, where=where, hint="remove one of the two"))

    def override(self, text: str) -> None:
        """Apply one `--set a.b=c`; it replaces whatever stands at that key.

        Raises:
            ConfigError: the text has no key or no `=`.
        """
        key, equals, written = text.partition("=")
        if not equals or not key.strip(". "):
            raise ConfigError(
                f"{text!r} is no assignment", where="--set", hint="for example: --set training_config.lr=1e-4"
            )
        source = tuple(key.strip().split("."))
        self.replace(source, _json_or_text(written), f"--set {key.strip()}", "--set")

    def replace(self, source: KeyPath, value: Any, where: str, origin: str) -> None:
        """Put a value in the place of whatever stands at that key."""
        path = canonical(source)
        value = expanded(source, deepcopy(value))
        self.places = {known: place for known, place in self.places.items() if known[: len(path)] != path}
        place = Place(dotted(source), where, origin, Path.cwd())
        self.places |= {(*path, *inner): place for inner in _nodes(value)}
        around = [path[:length] for length in range(1, len(path))]
        self.places |= {p: place for p in around if not isinstance(value_at(self.values, p), dict)}
        _put(self.values, path, value)

    def absolute_paths(self) -> None:
        """Make each path absolute, from the folder of its file or from the working directory.

        Data that is not there is looked for in `data/`: below `output_dir`, the working directory, and the
        folder of its file.
        """
        self._find_data()
        for path in (*_PATHS, *_PATHS_OR_IDS):
            place, value = self.places.get(path), value_at(self.values, path)
            if place is None or not value:
                continue
            is_path = path in _PATHS
            if isinstance(value, str):
                _put(self.values, path, _absolute(value, place.folder, is_path))
            elif isinstance(value, list) and is_path:
                items = [
                    _absolute(v, place.folder, is_path) if v and isinstance(v, str) else v for v in value
                ]
                _put(self.values, path, items)

    def _find_data(self) -> None:
        out = self.values.get("output_dir")
        roots = [Path.cwd()]
        if isinstance(out, str) and out:
            roots.insert(0, Path(_absolute(out, self.place(("output_dir",)).folder, is_path=True)))
        for path in _DATA:
            place, value = self.places.get(path), value_at(self.values, path)
            if place is None or not isinstance(value, str | list):
                continue
            names = [value] if isinstance(value, str) else value
            found = [_in_data(name, place.folder, roots) for name in names]
            if found != names:
                _put(self.values, path, found[0] if isinstance(value, str) else found)
                self.places[path] = replace(place, origin=f"{place.origin}, found in {FOLDER}/")

    def place(self, path: KeyPath) -> Place:
        """Where a value, or the nearest thing around it, was given."""
        for length in range(len(path), 0, -1):
            if place := self.places.get(path[:length]):
                key = dotted((place.key, *path[length:]))
                return Place(key, place.where, place.origin, place.folder)
        return Place(dotted(path), self.name, "default", Path.cwd())

    def origin(self, path: KeyPath) -> str:
        """`file:line`, `--set`, `alias … at …` or `default`."""
        place = self.places.get(path)
        return place.origin if place else "default"


def dotted(path: KeyPath) -> str:
    """`("training_config", "lr")` -> `training_config.lr`."""
    return ".".join(map(str, path))


def value_at(values: Any, path: KeyPath) -> Any:
    """The value at a path, None where there is none."""
    for key in path:
        if not isinstance(values, dict):
            return None
        values = values.get(key)
    return values


def _entries(values: dict[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Keys of the top level and of the objects in it, where aliases stand; the objects come first, empty."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield (key,), {}
    for key, value in values.items():
        if isinstance(value, dict):
            for inner, inner_value in value.items():
                yield (key, inner), inner_value
        else:
            yield (key,), value


def _nodes(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Paths of a value and everything in it."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nodes(item, (*path, key))


def _put(values: dict[str, Any], path: KeyPath, value: Any) -> None:
    for key in path[:-1]:
        inner = values.get(str(key))
        values[str(key)] = values = inner if isinstance(inner, dict) else {}
    values[str(path[-1])] = value


def _json_or_text(written: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def is_address(text: str) -> bool:
    """Whether it is `https://…` or the like, and no path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def _in_data(name: Any, folder: Path, roots: list[Path]) -> Any:
    """The path below a `data/`, of data that is not where its name says; else the name."""
    if not isinstance(name, str) or not name or is_address(name):
        return name
    direct = os.path.normpath(folder / os.path.expanduser(name))
    if os.path.exists(direct) or any(glob.iglob(_absolute(name, folder, is_path=True), recursive=True)):
        return name
    found = in_data_folder(os.path.expanduser(name), [*roots, folder])
    return name if found is None else str(found)


def _absolute(value: str, folder: Path, is_path: bool) -> str:
    """The absolute path of `value`; a glob stays a glob, a hub id a hub id, an address an address."""
    if is_address(value):
        return value
    value = os.path.expanduser(value)
    path = os.path.normpath(folder / value)
    if not is_path and not value.startswith((".", "/")) and not os.path.exists(path):
        return value
    if glob.has_magic(value) and not os.path.exists(path):
        return os.path.normpath(os.path.join(glob.escape(str(folder)), value))
    return path
