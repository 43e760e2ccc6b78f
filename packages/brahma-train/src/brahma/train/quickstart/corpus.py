"""The quickstart's text: the standard library of the Python that runs this.

Two kinds of rows come out of it: each module's source as running text, and (signature, docstring) pairs
for tuning. Whole modules are held out, the same ones of both, so that neither the text nor a pair of a
held-out module is ever trained on.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import sysconfig
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brahma.core.errors import DataError

# Tests, vendored and bundled code, tools with a life of their own; `encodings` is 120 generated tables
# that differ in a few lines, which would put near copies of held-out modules into the training text.
SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__", "_bundled", "dist-packages", "encodings", "idle_test", "idlelib", "lib-dynload",
        "lib2to3", "site-packages", "test", "tests", "turtledemo",
    }
)  # fmt: skip
HELD_OUT_SHARE = 0.03
"""Share of the text, in bytes, that is never trained on."""
MIN_MODULES = 100
"""Fewer modules than this is no standard library with sources."""
MAX_PROMPT_CHARACTERS = 400
MAX_COMPLETION_CHARACTERS = 600
"""A pair of these lengths is at most 512 tokens even at two characters a token, the worst that occurs."""
MIN_COMPLETION_CHARACTERS = 12


@dataclass(frozen=True)
class Module:
    """One source file; `path` is relative to the library's root, with forward slashes."""

    path: str
    text: str

    @property
    def num_bytes(self) -> int:
        return len(self.text.encode())


@dataclass(frozen=True)
class Pair:
    """A signature and the docstring that was written for it."""

    prompt: str
    completion: str
    path: str


@dataclass(frozen=True)
class Corpus:
    """Modules and pairs, each split into what is trained on and what is held out."""

    modules: tuple[Module, ...]
    held_out_modules: tuple[Module, ...]
    pairs: tuple[Pair, ...]
    held_out_pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class CorpusFiles:
    """Where the corpus lies on disk, as JSON Lines."""

    text: Path
    held_out_text: Path
    pairs: Path
    held_out_pairs: Path


def build_corpus(root: Path | None = None) -> Corpus:
    """Read the standard library and split it by whole modules.

    The result depends on the files alone: same Python, same corpus.

    Args:
        root: the library's folder; by default that of the running Python.

    Raises:
        DataError: the library has no source files here, or they hold no docstrings.
    """
    root = root or Path(sysconfig.get_path("stdlib"))
    modules = read_modules(root)
    kept, held_out = split_modules(modules)
    pairs = unique_pairs(find_pairs(kept))
    known = {(pair.prompt, pair.completion) for pair in pairs}
    held_out_pairs = [p for p in unique_pairs(find_pairs(held_out)) if (p.prompt, p.completion) not in known]
    if not pairs or not held_out_pairs:
        raise DataError(
            "the standard library's source files hold no documentation strings",
            where=str(root),
            why="they were stripped when this Python was packaged",
            hint="run with a Python from python.org, uv or pyenv, which ship the library as written",
        )
    return Corpus(tuple(kept), tuple(held_out), tuple(pairs), tuple(held_out_pairs))


def read_modules(root: Path) -> list[Module]:
    """The library's modules in the order of their paths; files that are no valid Python are left out.

    Raises:
        DataError: fewer than MIN_MODULES source files.
    """
    modules = [module for path in _source_files(root) if (module := _read_module(root, path)) is not None]
    if len(modules) < MIN_MODULES:
        raise DataError(
            f"found {len(modules)} source files of Python's standard library, expected some 450",
            where=str(root),
            why="this Python ships its library zipped or compiled, without sources",
            hint="run with a Python from python.org, uv or pyenv, or train on a text of your own: "
            "brahma train --config FILE",
        )
    return modules


def _source_files(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [n for n in subfolders if n not in SKIPPED_FOLDERS and not n.startswith("config-")]
        # _sysconfigdata is this machine's build settings.
        python = [n for n in names if n.endswith(".py") and not n.startswith("_sysconfigdata")]
        found.extend(Path(folder, name) for name in python)
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _read_module(root: Path, path: Path) -> Module | None:
    try:
        with tokenize.open(path) as file:  # honours a coding line
            text = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    return Module(path.relative_to(root).as_posix(), text) if text.strip() else None


def split_modules(modules: Sequence[Module]) -> tuple[list[Module], list[Module]]:
    """Split into (trained, held out) by a hash of the path, so that another machine holds out the same.

    A module larger than a quarter of the held-out text stays in training: it would speak for all of it.
    """
    target = HELD_OUT_SHARE * sum(module.num_bytes for module in modules)
    chosen: set[str] = set()
    taken = 0
    for module in sorted(modules, key=lambda module: hashlib.sha256(module.path.encode()).digest()):
        if taken >= target:
            break
        if module.num_bytes <= target / 4:
            chosen.add(module.path)
            taken += module.num_bytes
    return [m for m in modules if m.path not in chosen], [m for m in modules if m.path in chosen]


def find_pairs(modules: Iterable[Module]) -> Iterator[Pair]:
    """Yield a pair for each documented function, method and class, in source order."""
    for module in modules:
        for node in ast.walk(_parse(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                docstring = ast.get_docstring(node, clean=False)
                if docstring is not None:
                    yield Pair(_signature(node), inspect.cleandoc(docstring).strip(), module.path)


def _parse(module: Module) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape in a library's own string is not the user's
        try:
            return ast.parse(module.text)
        except SyntaxError:  # a template or a file for another version of Python
            return ast.Module(body=[], type_ignores=[])


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """`def name(args) -> r:` on one line, without decorators."""
    if isinstance(node, ast.ClassDef):
        bare: ast.stmt = ast.ClassDef(node.name, node.bases, node.keywords, [], [])
    else:
        bare = type(node)(node.name, node.args, [], [], node.returns)
    return ast.unparse(ast.fix_missing_locations(bare)).strip()


def unique_pairs(pairs: Iterable[Pair]) -> list[Pair]:
    """Each pair once, the first kept, without those too short to say anything or too long for a sequence."""
    kept: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        lengths_fit = (
            len(pair.prompt) <= MAX_PROMPT_CHARACTERS
            and MIN_COMPLETION_CHARACTERS <= len(pair.completion) <= MAX_COMPLETION_CHARACTERS
        )
        if lengths_fit:
            kept.setdefault((pair.prompt, pair.completion), pair)
    return list(kept.values())


def write_corpus(corpus: Corpus, directory: Path) -> CorpusFiles:
    """Write the four files into `directory`; a file that already holds the same bytes is left alone."""
    directory.mkdir(parents=True, exist_ok=True)
    files = CorpusFiles(
        text=directory / "stdlib.jsonl",
        held_out_text=directory / "stdlib-held-out.jsonl",
        pairs=directory / "docstrings.jsonl",
        held_out_pairs=directory / "docstrings-held-out.jsonl",
    )
    _write_rows(files.text, ({"text": m.text, "path": m.path} for m in corpus.modules))
    _write_rows(files.held_out_text, ({"text": m.text, "path": m.path} for m in corpus.held_out_modules))
    _write_rows(files.pairs, map(_pair_row, corpus.pairs))
    _write_rows(files.held_out_pairs, map(_pair_row, corpus.held_out_pairs))
    return files


def _pair_row(pair: Pair) -> dict[str, str]:
    return {"prompt": pair.prompt, "completion": pair.completion, "path": pair.path}


def _write_rows(path: Path, rows: Iterable[dict[str, str]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.exists() and path.read_bytes() == text.encode():
        return  # same size, time and inode: the prepared data stays valid
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
