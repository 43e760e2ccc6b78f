"""Progress: what is soon over is silent, a log gets one line, a terminal moves, and no display stops work."""

import io
import re
import time

import pytest

from brahma.core.pace import Outcome, Pace, Work
from brahma.core.progress import PlainScreen, progress, showing
from tests.terminals import in_terminal, without_escapes


@pytest.fixture
def screen(stream, clock):
    return PlainScreen(stream, clock)


def test_a_long_work_reports_its_rate_and_remaining_time(screen, stream, clock):
    work = Work("tokenising", 40_000, "rows", clock)
    screen.task_begins(work)
    clock.seconds = 11.0
    work.move(10_000)
    screen.task_moves(work)
    screen.task_ends(work, "done")
    first, last = stream.getvalue().splitlines()
    assert first == "tokenising: 10,000 of 40,000 rows  909 rows/s  ETA 33s"
    assert last == "tokenising: 10,000 rows in 11s (909 rows/s)"


def test_bytes_are_shown_as_sizes_and_a_total_may_come_late(screen, stream, clock):
    work = Work("tokenising", None, "bytes", clock)
    screen.task_begins(work)
    clock.seconds = 11.0
    work.move(22_000_000, 44_000_000)
    screen.task_moves(work)
    screen.task_ends(work, "done")
    first, last = stream.getvalue().splitlines()
    assert first == "tokenising: 22 MB of 44 MB  2 MB/s  ETA 11s"
    assert last == "tokenising: 22 MB in 11s (2 MB/s)"


def test_counts_keep_their_width_so_that_nothing_jumps(clock):
    work = Work("reading", 1000, "rows", clock)
    clock.seconds = 1.0
    work.move(9)
    assert work.state()[0] == "    9 of 1,000 rows"
    work.move(1000)
    assert work.state()[0] == "1,000 of 1,000 rows"


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, ""), (0.6, "saving: 0.6s\n")])
def test_work_that_is_soon_over_is_not_mentioned(screen, stream, clock, seconds, shown):
    work = Work("saving", None, "rows", clock)
    screen.task_begins(work)
    clock.seconds = seconds
    screen.task_ends(work, "done")
    assert stream.getvalue() == shown


@pytest.mark.parametrize(
    ("error", "word"), [(ValueError("bad row"), "failed"), (KeyboardInterrupt(), "stopped")]
)
def test_work_that_does_not_end_well_says_how(error, word):
    ended = []

    class Remembering(PlainScreen):
        def task_ends(self, work: Work, outcome: str) -> None:
            ended.append(outcome)

    with showing(Remembering(io.StringIO())), pytest.raises(type(error)), progress("reading"):
        raise error
    assert ended == [word]


def test_each_advance_counts_and_the_last_one_is_shown():
    moves: list[int] = []
    ended: list[int] = []

    class Remembering(PlainScreen):
        def task_moves(self, work: Work) -> None:
            moves.append(work.done)

        def task_ends(self, work: Work, outcome: Outcome) -> None:
            ended.append(work.done)

    with showing(Remembering(io.StringIO())), progress("reading", unit="files") as task:
        for _ in range(1000):
            task.advance()
    assert ended == [1000]
    assert len(moves) < 100  # not each of them bothers the screen


def test_long_work_without_steps_is_told_by_its_last_line_alone(screen, stream, clock):
    with showing(screen), progress("loading torch"):
        clock.seconds = 29.0
    assert stream.getvalue() == ""  # the work's own clock says that it was soon over


def test_a_screen_that_fails_is_logged_once_and_the_work_goes_on(caplog):
    class ClosedPipe(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError("the reader is gone")

    with showing(PlainScreen(ClosedPipe())):
        with progress("saving") as task:
            time.sleep(0.6)
            task.advance()
        with progress("saving again"):
            time.sleep(0.6)
    assert len(caplog.records) == 1
    assert "BrokenPipeError" in caplog.text


def test_work_of_a_silent_block_is_not_shown(capfd):
    with showing(None), progress("saving") as task:
        time.sleep(0.6)
        task.advance()
    assert capfd.readouterr() == ("", "")


def test_what_is_called_for_each_row_is_cheap():
    calls = 10_000
    with showing(PlainScreen(io.StringIO())), progress("reading") as task:
        start = time.thread_time()
        for _ in range(calls):
            task.advance()
    assert (time.thread_time() - start) / calls < 10e-6  # 0.2 µs on a free machine


def test_the_pace_is_that_of_the_recent_past(clock):
    pace = Pace(0, clock)
    assert pace.left(10) == ""
    for step in range(1, 300):
        clock.seconds += 60.0 if step == 1 else 1.0
        pace.move(step)
    assert pace.rate() == pytest.approx(1.0)
    assert pace.left(309) == "ETA 10s"
    assert pace.left(None) == ""
    assert pace.left(299) == pace.left(200) == ""  # also when more was done than was said


_SCRIPT = """
import time
from brahma.core.progress import progress
with progress("opening"):
    pass
with progress("tokenising", total=8, unit="rows") as task:
    for _ in range(8):
        time.sleep(0.15)
        task.advance()
print("the text")
"""


def test_a_terminal_shows_a_line_that_moves_and_one_that_stays():
    text = in_terminal(_SCRIPT)
    plain = without_escapes(text)
    assert re.search(r"tokenising  ━+╌+  \d of 8 rows  \d rows/s  ETA [\d.]+s", plain)
    assert re.search(r"✓ tokenising  8 rows in [\d.]+s \(\d rows/s\)\r\n", plain)
    assert "opening" not in plain
    assert plain.endswith("the text\r\n")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is there again


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}])
def test_a_terminal_that_wants_nothing_that_moves_gets_one_line(environment):
    text = in_terminal(_SCRIPT, **environment)
    assert re.fullmatch(r"tokenising: 8 rows in [\d.]+s \(\d rows/s\)\r\nthe text\r\n", text)


def test_no_colour_means_no_colour_and_not_no_movement():
    text = in_terminal(_SCRIPT, NO_COLOR="1")
    assert "ETA" in text
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


def test_rich_is_imported_only_to_show_something():
    script = "import sys, brahma.core.progress as p\nwith p.progress('x'): pass\nprint('rich' in sys.modules)"
    assert in_terminal(script) == "False\r\n"
