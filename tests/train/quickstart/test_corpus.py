"""The quickstart's text: the standard library of the Python that runs the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brahma.core.errors import DataError
from brahma.train.quickstart import corpus as corpus_module
from brahma.train.quickstart.corpus import (
    HELD_OUT_SHARE,
    MAX_COMPLETION_CHARACTERS,
    MAX_PROMPT_CHARACTERS,
    Corpus,
    Module,
    build_corpus,
    find_pairs,
    read_modules,
    split_modules,
    unique_pairs,
    write_corpus,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return build_corpus()


def test_there_are_enough_modules_and_pairs(corpus: Corpus) -> None:
    assert len(corpus.modules) + len(corpus.held_out_modules) > 350
    assert sum(module.num_bytes for module in corpus.modules) > 6_000_000
    assert len(corpus.pairs) + len(corpus.held_out_pairs) >= 5000
    assert len(corpus.held_out_pairs) >= 50


def test_no_test_and_no_foreign_module_is_read(corpus: Corpus) -> None:
    folders = {part for module in corpus.modules for part in module.path.split("/")[:-1]}
    assert not folders & {
        "test",
        "tests",
        "idle_test",
        "site-packages",
        "__pycache__",
        "lib2to3",
        "encodings",
    }


def test_whole_modules_are_held_out_the_same_of_text_and_pairs(corpus: Corpus) -> None:
    trained = {module.path for module in corpus.modules}
    held_out = {module.path for module in corpus.held_out_modules}
    assert not trained & held_out
    assert {pair.path for pair in corpus.pairs} <= trained
    assert {pair.path for pair in corpus.held_out_pairs} <= held_out
    total = sum(m.num_bytes for m in (*corpus.modules, *corpus.held_out_modules))
    share = sum(m.num_bytes for m in corpus.held_out_modules) / total
    assert HELD_OUT_SHARE <= share <= 1.25 * HELD_OUT_SHARE


def test_no_held_out_pair_was_trained_on(corpus: Corpus) -> None:
    trained = {(pair.prompt, pair.completion) for pair in corpus.pairs}
    assert len(trained) == len(corpus.pairs)
    assert not any((pair.prompt, pair.completion) in trained for pair in corpus.held_out_pairs)


def test_pairs_are_short_enough_for_a_sequence(corpus: Corpus) -> None:
    assert max(len(pair.prompt) for pair in corpus.pairs) <= MAX_PROMPT_CHARACTERS
    assert max(len(pair.completion) for pair in corpus.pairs) <= MAX_COMPLETION_CHARACTERS


def test_the_order_is_that_of_the_paths_and_repeats(corpus: Corpus) -> None:
    paths = [module.path for module in corpus.modules]
    assert paths == sorted(paths)
    assert build_corpus() == corpus


def test_a_pair_is_a_signature_on_one_line_and_a_clean_docstring() -> None:
    source = '''
@decorated
def add(a: int, b: int = 2,
        *rest, **more) -> int:
    """
    Add two numbers.

        Indented further.
    """

class Stack(list, metaclass=Meta):
    """A last-in, first-out list."""

    async def pop(self):
        "Take the newest item off."

    def silent(self):
        return 1
'''
    pairs = {pair.prompt: pair.completion for pair in find_pairs([Module("m.py", source)])}
    assert pairs == {
        "def add(a: int, b: int=2, *rest, **more) -> int:": "Add two numbers.\n\n    Indented further.",
        "class Stack(list, metaclass=Meta):": "A last-in, first-out list.",
        "async def pop(self):": "Take the newest item off.",
    }


def test_equal_short_and_over_long_pairs_are_left_out() -> None:
    def pair(name: str, text: str) -> str:
        return f'def {name}():\n    """{text}"""\n'

    source = pair("a", "Same documentation.") * 2 + pair("b", "Short.") + pair("c", "x" * 5000)
    kept = unique_pairs(find_pairs([Module("m.py", source)]))
    assert [found.prompt for found in kept] == ["def a():"]


def test_a_file_that_is_no_python_has_no_pairs() -> None:
    assert list(find_pairs([Module("template.py", "def %s(:\n")])) == []


def test_a_large_module_is_never_held_out() -> None:
    modules = [Module(f"m{i}.py", "x" * 100) for i in range(200)] + [Module("large.py", "x" * 20_000)]
    kept, held_out = split_modules(modules)
    assert held_out
    assert "large.py" in {module.path for module in kept}


def test_files_are_json_lines_and_unchanged_files_are_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    small = Corpus(
        corpus.modules[:3], corpus.held_out_modules[:2], corpus.pairs[:4], corpus.held_out_pairs[:1]
    )
    files = write_corpus(small, tmp_path / "data")
    rows = [json.loads(line) for line in files.text.read_text(encoding="utf-8").splitlines()]
    assert rows == [{"text": module.text, "path": module.path} for module in small.modules]
    first = json.loads(files.pairs.read_text(encoding="utf-8").splitlines()[0])
    assert first["prompt"] == small.pairs[0].prompt
    assert first["completion"] == small.pairs[0].completion
    before = files.text.stat()
    write_corpus(small, tmp_path / "data")
    assert files.text.stat().st_mtime_ns == before.st_mtime_ns
    assert files.text.stat().st_ino == before.st_ino


def test_a_python_without_sources_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read_modules(tmp_path)
    assert raised.value.where == str(tmp_path)
    assert "found 0 source files" in str(raised.value)
    assert raised.value.hint


def test_a_library_without_docstrings_is_named(tmp_path: Path) -> None:
    for i in range(120):
        (tmp_path / f"module{i}.py").write_text(f"def function{i}():\n    return {i}\n", encoding="utf-8")
    with pytest.raises(DataError, match="no documentation strings"):
        build_corpus(tmp_path)


def test_a_coding_line_is_honoured_and_a_broken_file_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_module, "MIN_MODULES", 1)
    (tmp_path / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    (tmp_path / "broken.py").write_bytes(b"name = '\xff'\n")
    modules = read_modules(tmp_path)
    assert [module.path for module in modules] == ["latin.py"]
    assert "é" in modules[0].text
