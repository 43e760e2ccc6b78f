"""What a cleaning says of rows that hold no text it knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brahma.data import clean
from brahma.data.cleaning.report import NothingLeftError
from brahma.data.cleaning.report_text import report_lines

ONE = {"workers": 1}
GOOD = {"text": "The lamp is lit at dusk."}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(name: str, *rows: object) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_an_unknown_row_is_named_as_typed_with_the_command_that_renames_its_keys() -> None:
    _write("in.jsonl", GOOD, {"question": "q", "answer": "a"})
    report = clean("in.jsonl", "out.jsonl", profile="repair", executor_options=ONE)
    assert report is not None
    (example,) = report.steps[0].examples
    assert example.where == "in.jsonl:2"
    hint = "brahma data convert in.jsonl --output renamed.jsonl --map question=prompt,answer=completion"
    assert example.hint.endswith(hint)
    assert f"    hint: {example.hint}" in report_lines(report, None)


def test_if_no_row_is_known_the_error_says_what_to_do_about_them() -> None:
    _write("in.jsonl", {"content": "a"})
    with pytest.raises(NothingLeftError, match="--map content=text") as caught:
        clean("in.jsonl", "out.jsonl", profile="repair", executor_options=ONE)
    (warning,) = caught.value.report.warnings
    assert warning.endswith("% of its rows, most by the step read")


@pytest.mark.parametrize("layout", ["auto", "sharegpt"])
def test_preferences_are_dropped_whatever_the_format(layout: str) -> None:
    _write("in.jsonl", {"conversations": [{"from": "gpt", "value": "a"}], "chosen": "a", "rejected": "b"})
    with pytest.raises(NothingLeftError, match="learns from preference data"):
        clean("in.jsonl", "out.jsonl", profile="repair", format=layout, executor_options=ONE)  # type: ignore[arg-type]
