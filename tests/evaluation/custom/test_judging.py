"""A user's scoring function: what it may return, and what becomes of the examples that it fails on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import ConfigError
from brahma.evaluation.custom.judging import Case, judge, load_score

CASES = [Case(f"rows.jsonl:{line}", {"id": line, "tags": []}, f"answer {line}") for line in (1, 2, 3)]


@pytest.mark.parametrize(
    ("returned", "scores"),
    [
        (0.5, {"score": 0.5}),
        (True, {"score": 1.0}),
        (3, {"score": 3.0}),
        ({"polite": True, "length": 12}, {"polite": 1.0, "length": 12.0}),
    ],
)
def test_a_number_a_truth_value_or_several_by_name(returned: Any, scores: dict[str, float]) -> None:
    judged = judge(lambda example, output: returned, CASES)
    assert judged.scores == (scores,) * 3
    assert judged.failures == ()


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    import numpy as np
    import torch

    for value in (np.float32(0.5), np.int64(2), np.bool_(True), torch.tensor(0.25), torch.tensor(True)):
        (scores,) = judge(lambda example, output, value=value: value, CASES[:1]).scores  # type: ignore[misc]
        assert scores == {"score": float(value)}


def test_it_is_given_the_row_and_the_text_and_cannot_change_the_row() -> None:
    seen = []

    def score(example: dict[str, Any], output: str) -> float:
        seen.append((example["id"], list(example["tags"]), output))
        example["id"] = 0
        example["tags"].append("changed")
        return 1

    judge(score, CASES)
    judge(score, CASES)
    assert seen == [(1, [], "answer 1"), (2, [], "answer 2"), (3, [], "answer 3")] * 2


def raises_on_two(example: dict[str, Any], output: str) -> float:
    if example["id"] == 2:
        raise ValueError("two is\nunlucky")
    return example["id"]  # type: ignore[no-any-return]


def test_one_that_raises_is_named_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    judged = judge(raises_on_two, CASES)
    assert judged.scores == ({"score": 1.0}, None, {"score": 3.0})
    (failure,) = judged.failures
    assert failure.where == "rows.jsonl:2"
    assert failure.message.startswith("ValueError: two is unlucky (test_judging.py:")
    assert "failed on 1 of 3 examples; the first: rows.jsonl:2: ValueError" in caplog.text


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (None, "it returned None, which is no finite number"),
        ("0.5", "it returned '0.5', which is no finite number"),
        (float("nan"), "it returned nan"),
        (10**400, "which is no finite number"),
        (float("inf"), "it returned inf"),
        ([1.0], r"it returned \[1.0\]"),
        ({"polite": "very"}, "it returned 'polite': 'very', which is no finite number"),
        ({}, "it returned no figure"),
        ({"other": 1.0}, "it returned other, and score before"),
    ],
)
def test_what_is_no_number_is_a_failure_of_that_example(returned: Any, says: str) -> None:
    judged = judge(lambda example, output: returned if example["id"] == 2 else 1.0, CASES)
    (failure,) = judged.failures
    assert failure.where == "rows.jsonl:2"
    assert pytest.raises(AssertionError, match=says).matches(AssertionError(failure.message))


def test_an_array_of_numbers_is_no_number() -> None:
    import torch

    judged = judge(lambda example, output: 1.0 if example["id"] == 1 else torch.zeros(2), CASES)  # type: ignore[arg-type, return-value]
    assert [failure.where for failure in judged.failures] == ["rows.jsonl:2", "rows.jsonl:3"]


def test_when_all_fail_it_is_an_error_that_names_function_and_example() -> None:
    def wrong(example: dict[str, Any]) -> float:
        return 1.0

    with pytest.raises(ConfigError, match=r"failed on every example \(3\)") as raised:
        judge(wrong, CASES)  # type: ignore[arg-type]
    assert "test_judging" in str(raised.value.where)
    assert "rows.jsonl:1: TypeError" in str(raised.value.why)


def test_a_name_that_another_figure_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="calls a figure 'f1'"):
        judge(lambda example, output: {"f1": 1.0}, CASES, taken=("f1", "documents"))


def test_an_interruption_is_no_failure_but_an_exit_is() -> None:
    def interrupted(example: dict[str, Any], output: str) -> float:
        raise KeyboardInterrupt

    def leaves(example: dict[str, Any], output: str) -> float:
        if example["id"] == 1:
            sys.exit("no key")
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        judge(interrupted, CASES)
    assert judge(leaves, CASES).failures[0].message.startswith("SystemExit: no key")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a module of scoring functions."""
    (tmp_path / "my_scores.py").write_text(
        "def polite(example, output):\n    return 'please' in output\n\nWEIGHT = 3\n", encoding="utf-8"
    )
    (tmp_path / "my_broken.py").write_text("import not_installed_at_all\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    yield tmp_path
    for name in ("my_scores", "my_broken"):
        sys.modules.pop(name, None)


def test_a_function_is_found_by_name_in_the_working_directory(folder: Path) -> None:
    assert load_score("my_scores:polite")({}, "yes, please") is True


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("my_scores", "names no function", "module:function"),
        ("my_scores.py:polite", "names no function", "my_scores:polite"),
        ("my_scores:", "names no function", "module:function"),
        ("my_score:polite", "'my_score' of the scoring function cannot be imported", "working directory"),
        ("my_broken:polite", "cannot be imported", "working directory"),
        ("my_scores:polit", "no function 'polit'", 'did you mean "polite"'),
        ("my_scores:WEIGHT", "no function 'WEIGHT'", "polite"),
    ],
)
def test_a_function_that_is_not_there_is_named(text: str, says: str, hint: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        load_score(text)
    assert raised.value.where == "--score"
    assert hint in str(raised.value.hint)
    if "broken" in text:
        assert "not_installed_at_all" in str(raised.value.why)
