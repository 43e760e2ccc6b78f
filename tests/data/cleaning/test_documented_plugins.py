"""The plugins that the docstrings of the hooks show really clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from brahma.data import clean
from tests.data.cleaning.cleaning_factory import profile_of, rows_of, write_rows
from tests.plugin_factory import install_documented, plugin_site


def test_the_documented_executor_and_the_documented_step_clean_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a text of three and of four words", "two words"]
    sources = [write_rows(tmp_path / f"{name}.jsonl", texts) for name in "ab"]
    with plugin_site(tmp_path / "site", monkeypatch) as site:
        install_documented(site, "executor")
        install_documented(site, "filter")
        steps: tuple[str | dict[str, object], ...] = ({"name": "min_words", "words": 3}, "exact_documents")
        profile = profile_of(tmp_path, *steps)
        report = clean(sources, tmp_path / "out.jsonl", profile=profile, executor="threads")
    assert report is not None
    assert report.steps[1].dropped == {"… words, fewer than …": 2}
    assert rows_of(tmp_path / "out.jsonl") == [{"text": texts[0], "number": 0}]
