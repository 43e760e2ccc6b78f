"""`brahma quickstart` as it is typed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from brahma.core.console import run_command
from brahma.train.quickstart.command import quickstart


def test_help_says_what_it_does_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from brahma.train.quickstart.command import quickstart\n"
        "quickstart.main(['--help'], standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--minutes" in done.stdout
    assert "--output-dir" in done.stdout
    assert "--seed" in done.stdout


@pytest.mark.parametrize("minutes", ["0", "-1", "soon"])
def test_minutes_are_more_than_none(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(quickstart, program="brahma quickstart", args=["--minutes", minutes]) == 2
    assert "--minutes" in capsys.readouterr().err
