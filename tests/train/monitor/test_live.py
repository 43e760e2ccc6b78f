"""The live display at a fixed time: what it shows, at every width, and how it looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from rich.text import Text

from brahma.core.pace import Work
from brahma.train.monitor.live import LiveRenderer
from tests.clock import Clock
from tests.snapshots import assert_looks_as


class Paper:
    """A surface that keeps all it is given, as text."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.kept: list[str] = []

    def open(self, draw: Callable[[], Sequence[Text]]) -> None:
        self._draw = draw

    def keep(self, *lines: Text) -> None:
        self.kept += [line.plain for line in lines]

    def moved(self, *, now: bool = False) -> None:
        pass

    def close(self) -> None:
        pass

    def lines(self) -> list[str]:
        return [*self.kept, *(line.plain for line in self._draw())]


def trained(columns: int, steps: int = 240) -> tuple[Paper, LiveRenderer, Clock]:
    """A training in its middle, a second for each step, with an evaluation each 100 and rows each 10."""
    paper, clock = Paper(columns), Clock()
    renderer = LiveRenderer(paper, clock)
    renderer.note("training in bf16: chosen automatically", warning=False)
    renderer.begin("harbour-1", 0, 1000)
    for step in range(1, steps + 1):
        clock.seconds += 60.0 if step == 1 else 1.0
        renderer.step(step)
        row = {
            "step": step,
            "train/loss": 3 + 5 * math.exp(-step / 50),
            "train/lr": 3e-4,
            "train/grad_norm": 0.5,
        }
        machine = {"rate/tokens_per_second": 8.0 * step, "rate/mfu": 0.41, "memory/rss_bytes": 1.2e9}
        if step % 100 == 0:
            row |= {"eval/loss": 3.4, "eval/perplexity": 30.0}
        if step % 10 == 0:
            renderer.row(row | machine)
    renderer.saved("checkpoint-200", "checkpoint-100")
    return paper, renderer, clock


def test_the_display_looks_as_it_did() -> None:
    paper, renderer, clock = trained(78)
    renderer.note("step 230: the loss jumped", warning=True)
    work = Work("evaluating", 40, "packs", clock)
    renderer.task_begins(work)
    clock.seconds += 2.0
    work.move(10)
    text = "\n".join(paper.lines())
    renderer.task_ends(work, "done")
    renderer.step(1000)
    renderer.end()
    text += "\n\n" + "\n".join(paper.lines())
    assert_looks_as(__file__, "display", text + "\n")


@pytest.mark.parametrize("columns", [20, 38, 58, 78, 118, 198])
def test_no_line_is_wider_than_the_surface_and_no_figure_is_cut(columns: int) -> None:
    lines = trained(columns)[0].lines()[1:]
    assert max(map(len, lines)) <= columns
    shown = "\n".join(lines)
    for figure in ("loss 3.041", "1,920 tok/s", "MFU 41 %", "lr 3.0e-04", "mem 1.2 GB", "saved step 200"):
        assert figure in shown


@pytest.mark.parametrize("columns", [38, 78, 198])
def test_the_figures_of_tasks_are_shown_whole(columns: int) -> None:
    paper, renderer, _ = trained(columns)
    renderer.row({"step": 200, "eval/hellaswag/acc_norm": 0.2871, "eval/arc_easy/acc": 0.5})
    lines = paper.lines()[1:]
    assert max(map(len, lines)) <= columns
    for figure in ("hellaswag acc_norm 0.287", "arc_easy acc 0.500"):
        assert figure in "\n".join(lines)


def test_a_figure_that_grows_shorter_does_not_move_those_beside_it() -> None:
    paper, renderer, _ = trained(198)
    before = paper.lines()[-1].index("MFU")
    renderer.row({"step": 250, "rate/tokens_per_second": 7.0})
    assert paper.lines()[-1].index("MFU") == before


def test_the_first_step_does_not_spoil_the_remaining_time() -> None:
    paper = trained(78, steps=11)[0]
    assert "ETA 16m 29s" in paper.lines()[1]  # 989 steps of a second, although the first one took a minute
    assert "ETA …" in trained(78, steps=1)[0].lines()[1]


def test_evaluations_and_checkpoints_leave_no_lines_behind_and_failures_do() -> None:
    paper, renderer, clock = trained(78)
    for outcome in ("done", "failed"):
        work = Work(f"evaluating, {outcome}", 40, "packs", clock)
        renderer.task_begins(work)
        clock.seconds += 2.0
        renderer.task_ends(work, outcome)
    assert [line for line in paper.kept if "evaluating" in line] == [
        "✗ evaluating, failed  failed after 2.0s"
    ]


def test_a_training_that_ends_early_leaves_the_time_it_took() -> None:
    paper, renderer, _ = trained(100)
    assert "ETA" in paper.lines()[1]
    renderer.end()
    assert "ETA" not in paper.kept[1]
    assert "240/1,000" in paper.kept[1]
