"""The picture of a run."""

import json
import math
from pathlib import Path

import pytest

from brahma.core.errors import RunError
from brahma.core.runs import Run
from brahma.train.plot import plot_run


def run_with(directory: Path, rows: list[dict[str, object]]) -> Run:
    root = directory / "runs" / "demo-1"
    root.mkdir(parents=True)
    (root / "state.json").write_text('{"status": "finished"}')
    (root / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Run(root)


def rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "step": step,
            "train/loss": 3 + 7 * math.exp(-step / 40),
            "train/lr": 3e-4,
            "train/tokens": step * 4096,
            **({"eval/loss": 4.0} if step % 5 == 0 else {}),
        }
        for step in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [1, 10, 200])
def test_a_run_of_any_length_becomes_a_picture(tmp_path, count):
    path = tmp_path / "curve.png"
    assert plot_run(run_with(tmp_path, rows(count)), path) == path
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["curve.png"]


def test_the_picture_names_the_run_and_its_curves(tmp_path):
    plot_run(run_with(tmp_path, rows(10)), tmp_path / "curve.svg")
    text = (tmp_path / "curve.svg").read_text()
    for words in ("demo-1", "loss (nats per token)", "evaluation, 4.000 at the end", "tokens (k)"):
        assert f"<!-- {words} -->" in text


def test_a_loss_that_is_no_number_does_not_keep_the_curve_from_being_drawn(tmp_path):
    gap = {"step": 11, "train/loss": None, "nonfinite": {"train/loss": "nan"}}
    picture = plot_run(run_with(tmp_path, [*rows(10), gap]), tmp_path / "curve.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_rows_without_learning_rate_tokens_or_evaluation_are_drawn(tmp_path):
    bare = [{"step": 1, "train/loss": 2.0}, {"step": 2, "train/loss": 1.0}]
    picture = plot_run(run_with(tmp_path, bare), tmp_path / "a.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_run_without_a_logged_loss_is_refused(tmp_path):
    with pytest.raises(RunError) as caught:
        plot_run(run_with(tmp_path, []), tmp_path / "curve.png")
    assert "demo-1" in str(caught.value)
    assert caught.value.hint


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(RunError) as caught:
        plot_run(run_with(tmp_path, rows(3)), tmp_path / "curve.gift")
    assert "png" in str(caught.value.hint)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(RunError) as caught:
        plot_run(run_with(tmp_path, rows(3)), tmp_path / "absent" / "curve.png")
    assert "absent" in str(caught.value)


def test_matplotlib_keeps_the_users_backend(tmp_path):
    import matplotlib

    before = matplotlib.rcParams["backend"]
    plot_run(run_with(tmp_path, rows(3)), tmp_path / "curve.png")
    assert matplotlib.rcParams["backend"] == before
