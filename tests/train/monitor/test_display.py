"""The display: plain lines without a terminal, a live one in a terminal, and no way to stop a run."""

import io
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from brahma.core.sizes import duration, size
from brahma.train.monitor import Display, open_display
from brahma.train.monitor.formatting import figures, sparkline
from brahma.train.monitor.plain import PlainRenderer
from brahma.train.monitor.progress import Pace

ROW = {
    "step": 120,
    "train/loss": 3.2141,
    "train/lr": 2.9e-4,
    "train/grad_norm": 0.5,
    "rate/tokens_per_second": 1234.4,
    "rate/mfu": 0.412,
    "memory/rss_bytes": 1.2e9,
}


class Clock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def display(stream, clock):
    return Display(PlainRenderer(stream, clock))


def test_a_logged_step_is_one_line_of_a_stable_format(display, stream, clock):
    display.begin("run-1", 100, 1000)
    clock.seconds = 20.0
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


def test_a_loss_that_is_no_number_is_shown_as_such(display, stream):
    display.begin("run-1", 0, 10)
    display.row({"step": 5, "train/loss": None, "nonfinite": {"train/loss": "nan"}})
    assert "loss nan" in stream.getvalue()


def test_a_resumed_run_says_where_it_goes_on(display, stream):
    display.begin("run-1", 40, 100)
    assert stream.getvalue() == "run-1: goes on from step 40 of 100\n"


def test_a_long_task_reports_its_rate_and_remaining_time(display, stream, clock):
    with display.task("tokenising", total=40_000) as task:
        clock.seconds = 11.0
        task.update(10_000)
    first, last = stream.getvalue().splitlines()
    assert first == "tokenising: 10,000 of 40,000 rows  909 rows/s  ETA 33s"
    assert last == "tokenising: 10,000 rows in 11s (909 rows/s)"


def test_a_task_counts_each_advance_and_shows_the_last(display, stream, clock):
    with display.task("reading", unit="files") as task:
        for _ in range(1000):
            task.advance()
        clock.seconds = 2.0
    assert stream.getvalue() == "reading: 1,000 files in 2.0s (500 files/s)\n"


def test_a_task_may_learn_its_total_late_and_count_bytes(display, stream, clock):
    with display.task("tokenising", unit="bytes") as task:
        clock.seconds = 11.0
        task.update(22_000_000, 44_000_000)
    first, last = stream.getvalue().splitlines()
    assert first == "tokenising: 22 MB of 44 MB  2 MB/s  ETA 11s"
    assert last == "tokenising: 22 MB in 11s (2 MB/s)"


def test_a_short_task_is_not_mentioned(display, stream):
    with display.task("saving"):
        pass
    assert stream.getvalue() == ""


def test_a_task_that_fails_is_named(display, stream):
    with pytest.raises(ValueError, match="bad row"), display.task("reading"):
        raise ValueError("bad row")
    assert stream.getvalue() == "reading: failed after 0.0s\n"


def test_notes_and_warnings_are_told_apart(display, stream):
    display.note("done")
    display.warn("look here")
    assert stream.getvalue() == "done\nwarning: look here\n"


def test_a_display_that_fails_is_logged_once_and_the_run_goes_on(caplog):
    class ClosedPipe(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError("the reader is gone")

    display = open_display(ClosedPipe())
    display.begin("run-1", 0, 10)
    with display.task("saving"):
        display.row(ROW)
    display.close()
    display.close()
    assert len(caplog.records) == 1
    assert "BrokenPipeError" in caplog.text


def test_a_display_of_nothing_shows_nothing(capfd):
    with Display(None) as display:
        display.begin("run-1", 0, 10)
        display.row(ROW)
        with display.task("saving") as task:
            task.advance()
    assert capfd.readouterr() == ("", "")


def test_what_is_called_for_each_row_or_step_is_cheap():
    display, calls = open_display(io.StringIO()), 10_000
    display.begin("run-1", 0, calls)
    with display.task("reading") as task:
        start = time.thread_time()
        for step in range(calls):
            task.advance()
            display.step(step)
    assert (time.thread_time() - start) / calls < 10e-6  # 0.2 µs on a free machine


_SCRIPT = """
import os, sys, time
from brahma.train.monitor import open_display
with open_display() as display:
    with display.task("compiling"):
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


def in_terminal(**environment: str) -> str:
    """What the script writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    clean = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env=clean | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24", "PYTHONUTF8": "1"} | environment,
    )  # fmt: skip
    os.close(theirs)
    written = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the terminal is closed
            break
        written += chunk
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return written.decode()


def test_a_terminal_gets_the_live_display():
    text = in_terminal()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
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


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_a_terminal_that_wants_no_decoration_gets_plain_lines(environment):
    text = in_terminal(**environment)
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


def test_the_pace_is_that_of_the_recent_past(clock):
    pace = Pace(0, clock)
    assert pace.left(10) == ""
    for step in range(1, 300):
        clock.seconds += 60.0 if step == 1 else 1.0
        pace.move(step)
    assert pace.rate() == pytest.approx(1.0)
    assert pace.left(309) == "ETA 10s"
    assert pace.left(None) == ""


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
