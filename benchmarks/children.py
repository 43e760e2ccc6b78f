"""Measured processes: each measurement is a process of its own, whose peak memory is then its own too."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from brahma.core.environment import cores


def environment(**more: str) -> dict[str, str]:
    """For a child: one thread a core whatever the caller set, and no network."""
    return os.environ | {"OMP_NUM_THREADS": str(cores()), "HF_HUB_OFFLINE": "1"} | more


def run_child(script: str, arguments: list[str], folder: Path, **variables: str) -> Any:
    """Run `script` as a child that writes JSON to the file of `--output`; what it wrote.

    Raises:
        SystemExit: it failed; the end of what it said is told.
    """
    output = folder / "measurement.json"
    output.unlink(missing_ok=True)
    command = [sys.executable, script, *arguments, "--work", str(folder), "--output", str(output)]
    done = subprocess.run(
        command, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode or not output.exists():
        raise SystemExit(f"{done.stdout[-4000:]}\nerror: status {done.returncode}: {shlex.join(command)}")
    return json.loads(output.read_text())


def command_line() -> str:
    """The command that this process was started with, as it is typed."""
    return shlex.join(["python", *sys.argv])
