"""The display: plain lines without a terminal, a live one in a terminal, and no way to stop a run."""

import io
import time

import pytest

from brahma.core.pace import Work
from brahma.core.progress import Safely, progress
from brahma.core.sizes import duration, size
from brahma.train.monitor import Display, open_display
from brahma.train.monitor.formatting import ORDER, figures, sparkline
from brahma.train.monitor.plain import PlainRenderer
from tests.terminals import in_terminal, without_escapes

ROW = {
    "step": 120,
    "train/loss": 3.2141,
    "train/lr": 2.9e-4,
    "train/grad_norm": 0.5,
    "rate/tokens_per_second": 1234.4,
    "rate/mfu": 0.412,
    "memory/rss_bytes": 1.2e9,
}


@pytest.fixture
def display(stream, clock):
    return Display(Safely(PlainRenderer(stream, clock)))


def test_a_logged_step_is_one_line_of_a_stable_format(display, stream, clock):
    display.begin("run-1", 100, 1000)
    clock.seconds = 50.0
    display.step(101)  # the first step takes longest, and tells nothing of the others
    clock.seconds = 69.0
    display.row(ROW)
    assert stream.getvalue().splitlines()[-1] == (
        "step 120/1000  loss 3.214  lr 2.9e-04  1,234 tok/s  MFU 41 %  mem 1.2 GB  ETA 14m 40s"
    )


def test_what_was_not_measured_is_left_out(display, stream):
    display.begin("run-1", 0, 10)
    display.row({"step": 3, "train/loss": 2.0})
    assert stream.getvalue() == "run-1: 10 steps\nstep 3/10  loss 2.000\n"


def test_an_evaluation_has_a_line_of_its_own(display, stream):
    display.begin("run-1", 0, 10)
    display.row({"step": 5, "eval/loss": 3.3, "eval/perplexity": 27.11, "eval/bits_per_byte": 2.0131})
    assert stream.getvalue().endswith("step 5/10  eval loss 3.300  perplexity 27.11  2.013 bits/byte\n")


def test_the_figures_of_tasks_stand_beside_the_evaluation_or_alone(display, stream):
    display.begin("run-1", 0, 10)
    display.row({"step": 5, "eval/loss": 3.3, "eval/hellaswag/acc": 0.25, "eval/hellaswag/acc_norm": 0.2871})
    display.row({"step": 6, "eval/gsm8k/exact_match,strict-match": 0.5})
    assert stream.getvalue().splitlines()[-2:] == [
        "step 5/10  eval loss 3.300  hellaswag acc 0.250  hellaswag acc_norm 0.287",
        "step 6/10  gsm8k exact_match,strict-match 0.500",
    ]


def test_a_loss_that_is_no_number_is_shown_as_such(display, stream):
    display.begin("run-1", 0, 10)
    display.row({"step": 5, "train/loss": None, "nonfinite": {"train/loss": "nan"}})
    assert "loss nan" in stream.getvalue()


def test_a_resumed_run_says_where_it_goes_on(display, stream):
    display.begin("run-1", 40, 100)
    assert stream.getvalue() == "run-1: goes on from step 40 of 100\n"


def test_rows_of_a_long_run_get_fewer_lines_and_the_last_one_always_gets_its(display, stream, clock):
    display.begin("run-1", 0, 40_000)
    for step in range(1, 40_001):
        clock.seconds = float(step)
        display.row({"step": step, "train/loss": 2.0})
    lines = stream.getvalue().splitlines()[1:]
    assert [line.split()[1] for line in lines[:30]] == [f"{step}/40000" for step in range(1, 31)]
    assert 600 < len(lines) < 1200  # about one a minute in the end
    assert lines[-1].startswith("step 40000/40000")


def test_an_evaluation_is_never_left_out(display, stream, clock):
    display.begin("run-1", 0, 100)
    clock.seconds = 10_000.0
    display.row({"step": 1, "train/loss": 2.0})
    display.row({"step": 2, "train/loss": 2.0, "eval/loss": 3.0})
    assert [line.split("  ")[1] for line in stream.getvalue().splitlines()[1:]] == [
        "loss 2.000",
        "eval loss 3.000",
    ]


def test_a_checkpoint_is_named_when_it_is_on_the_disk(display, stream):
    display.saved("checkpoint-10", None)
    display.saved("checkpoint-20", "checkpoint-20")
    assert stream.getvalue() == "saved checkpoint-10\nsaved checkpoint-20, the best so far\n"


def test_work_beside_the_training_leaves_no_line(stream, clock):
    renderer = PlainRenderer(stream, clock)
    for seconds in (0.0, 100.0):
        work = Work("evaluating", None, "packs", clock)
        renderer.task_begins(work)
        clock.seconds += 5.0
        renderer.task_ends(work, "done")
        if not seconds:
            renderer.begin("run-1", 0, 10)
    assert stream.getvalue() == "evaluating: 5.0s\nrun-1: 10 steps\n"


def test_notes_and_warnings_are_told_apart(display, stream):
    display.note("done")
    display.warn("look here")
    assert stream.getvalue() == "done\nwarning: look here\n"


def test_a_display_that_fails_is_logged_once_and_the_run_goes_on(caplog):
    class ClosedPipe(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError("the reader is gone")

    with open_display(ClosedPipe()) as display:
        display.begin("run-1", 0, 10)
        with progress("saving"):
            display.row(ROW)
    assert len(caplog.records) == 1
    assert "BrokenPipeError" in caplog.text


def test_a_display_of_nothing_shows_nothing(capfd):
    display = Display(Safely(None))
    display.begin("run-1", 0, 10)
    display.row(ROW)
    assert capfd.readouterr() == ("", "")


def test_what_is_called_for_each_step_is_cheap():
    calls = 10_000
    with open_display(io.StringIO()) as display:
        display.begin("run-1", 0, calls)
        start = time.thread_time()
        for step in range(calls):
            display.step(step)
        assert (time.thread_time() - start) / calls < 10e-6  # 0.2 µs on a free machine


_SCRIPT = """
import os, sys, time
from brahma.core.progress import progress
from brahma.train.monitor import open_display
with open_display() as display:
    with progress("compiling"):
        time.sleep(0.6)
    display.begin("my-run", 0, 100)
    for step in range(1, 61):
        row = {"step": step, "train/loss": 9 / step, "train/lr": 2.9e-4, "rate/tokens_per_second": 1234.4}
        display.row(row)
    display.warn("[a/b] the loss jumped")
    if os.fork() == 0:
        os._exit(0 if sys.stderr is sys.__stderr__ else 1)
    assert os.wait()[1] == 0, "a forked child writes through the display's lock"
    time.sleep(0.6)
    display.end()
    display.note("where the time went")
"""


def test_a_terminal_gets_the_live_display():
    text = in_terminal(_SCRIPT)
    plain = without_escapes(text)
    assert "✓ compiling" in plain
    assert "my-run" in plain
    assert "60/100" in plain
    assert "loss 0.150" in plain
    assert "1,234 tok/s" in plain
    assert "█" in plain
    assert "warning: [a/b] the loss jumped" in plain
    assert all(len(line.split("\r")[-1]) <= 80 for line in plain.split("\r\n"))
    assert plain.rstrip().endswith("where the time went")
    assert text.index("\x1b[?25h") < text.index("compiling")  # a killed run leaves the cursor visible


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}])
def test_a_terminal_that_wants_no_decoration_gets_plain_lines(environment):
    text = in_terminal(_SCRIPT, **environment)
    assert "\x1b" not in text
    assert "step 60/100  loss 0.150  lr 2.9e-04  1,234 tok/s" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (12, "12s"),
        (59.7, "1m 00s"),
        (200, "3m 20s"),
        (7500, "2h 05m"),
        (273600, "3d 04h"),
    ],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1e3, "1 kB"), (12_300_000, "12 MB"), (1.24e9, "1.2 GB"), (3e12, "3.0 TB")],
)
def test_sizes_read_well(count, text):
    assert size(count) == text


def test_a_sparkline_fits_its_width_and_keeps_the_shape():
    assert sparkline([3, 2, 1], 10) == "█▅▁"
    line = sparkline([1000 - i for i in range(1000)], 16)
    assert len(line) == 16
    assert (line[0], line[-1]) == ("█", "▁")
    assert sparkline([], 5) == sparkline([1.0], 0) == ""
    assert sparkline([2.0, 2.0], 5) == "▁▁"


def test_all_figures_of_a_row_have_a_text():
    gpu = {
        "memory/device_bytes": 2e10,
        "system/gpu_percent": 99.0,
        "system/cpu_percent": 50.0,
        "eval/loss": 1.0,
    }
    assert list(figures(ROW | gpu)) == [
        "loss", "eval loss", "lr", "grad norm", "rate", "MFU", "mem", "GPU mem", "CPU", "GPU",
    ]  # fmt: skip


def test_every_figure_has_its_place_in_the_live_display():
    assert set(figures(ROW)) < set(ORDER)
