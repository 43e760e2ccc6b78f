"""The comparison of the quality rules runs on any folder; its figures are whole."""

import json
from pathlib import Path

import pytest
from benchmarks.quality import GROUPS, Ruling, measure
from benchmarks.quality_agreement import compare

TEXTS = ("One line.\n" * 9, "The hill and the mill stood by the river. " * 3, "日本語です。 {", "x")


def test_cpu_seconds_of_each_contender_are_measured() -> None:
    figures = measure(TEXTS, stock=False)
    assert figures["megabytes"] == pytest.approx(sum(len(text.encode()) for text in TEXTS) / 1e6)
    assert figures.keys() - {"megabytes"} == {
        "ours", "ours-each", "datatrove-regex", "datatrove-regex-each",
    }  # fmt: skip
    assert all(seconds >= 0 for seconds in figures.values())


def test_every_group_and_all_in_a_row_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    (tmp_path / "a.jsonl").write_text(rows, encoding="utf-8")
    compare(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*GROUPS, "+".join(GROUPS)]
    assert all("same verdict 4, same reason 4, same text 4" in line for line in lines)


def test_a_difference_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "x"}), encoding="utf-8")
    monkeypatch.setattr(
        "benchmarks.quality_agreement.their_judge", lambda *_, **__: lambda text: Ruling(None, text)
    )
    compare(tmp_path)
    out = capsys.readouterr().out
    assert "a.jsonl:1 gopher_quality: too few words here, None there" in out
    assert "same verdict 0" in out
