"""What the data tools return: one line in a notebook, the command's report when it is printed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

import brahma.data
from brahma.data import Dataset, clean, convert, dedup, split_files, stats, write_shards
from brahma.data.augmentation.report import AugmentReport
from brahma.data.report_text import labelled, numbers, share, skipped_rows
from tests.data.small_tokenizers import small_tokenizer

TEXTS = [*(f"The mill number {number} stands by the river." for number in range(9)), "The mill."]


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("text.jsonl")
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in (*TEXTS, TEXTS[0])))
    return path


def test_a_result_says_in_one_line_what_was_done(corpus: Path) -> None:
    kept = "10 of 11 rows kept, 351 B of 389 B"
    results: dict[str, object] = {
        f"CleaningReport(repair: {kept})": clean(corpus, "a.jsonl", profile="repair"),
        f"CleaningReport(dedup: {kept})": dedup(corpus, "b.jsonl", find=["exact"]),
        "ConversionReport(text -> text: 11 read, 11 written, 0 skipped)": convert(corpus, "c.json"),
        "SplitReport(train 9, validation 2 rows, 0 skipped)": split_files(corpus, "d", validation=2, seed=1),
        "Statistics(11 rows, 389 B of text, 9.1% duplicates": stats(corpus),
        "CorpusShards(e: 11 rows, ": write_shards(
            Dataset.from_file(corpus), tokenizer=small_tokenizer(), output="e", workers=1
        ),
        "AugmentReport(f.jsonl: 3 originals": AugmentReport(
            Path("f.jsonl"), 3, 3, left=Counter(), skipped=(), techniques=(), resumed=0
        ),
    }
    for beginning, result in results.items():
        shown = repr(result)
        assert shown.startswith(beginning)
        assert len(shown) < 100
        assert "\n" not in shown


def test_printing_a_result_shows_the_report_of_the_command(corpus: Path) -> None:
    parts = split_files(corpus, "parts", validation=2)
    assert str(parts).splitlines()[0] == "rows        11 read, 11 written, 0 skipped"
    assert "parts/validation.jsonl" in str(parts)
    cleaned = clean(corpus, "a.jsonl", profile="repair")
    assert str(cleaned).startswith("profile     repair\nrows        10 of 11 kept (90.9%)\n")
    assert "written     a.jsonl" in str(cleaned)
    assert "exact duplicate" in str(cleaned)


def test_labels_stand_in_one_column_and_long_lines_go_on_under_themselves() -> None:
    assert list(labelled([("rows", "3"), ("", "1 × cut")])) == ["rows        3", "            1 × cut"]
    folded = list(labelled([("example", "a lamp " * 12)], 50))
    assert all(len(line) <= 50 for line in folded)
    assert {line[:12] for line in folded[1:]} == {" " * 12}


def test_figures_read_alike_everywhere() -> None:
    assert [share(1, 8), share(1, 10_000), share(0, 5), share(0, 0)] == ["12.5%", "< 0.1%", "0.0%", "–"]
    assert list(numbers(["file", "rows"], [["a", "1"], ["b", "1,000"]])) == [
        "file   rows",
        "a         1",
        "b     1,000",
    ]
    listed = list(skipped_rows([(f"a:{number}", "bad") for number in range(25)]))
    assert (len(listed), listed[-1]) == (21, "  … and 5 more")


def test_every_tool_is_a_function_of_the_package_whatever_was_imported_before() -> None:
    for name in ("augment", "clean", "convert", "dedup", "split_files", "stats", "write_shards"):
        assert callable(getattr(brahma.data, name))
        assert f"brahma.data.{name}" not in sys.modules
