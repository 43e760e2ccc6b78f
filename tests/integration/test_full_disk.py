"""A real disk that is really full, in the middle of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration import kill_and_resume as killing

SCRIPT = Path(__file__).with_name("train_on_a_small_disk.py")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = 'mount -t tmpfs -o size=12m tmpfs "$0"'


def can_mount(folder: Path) -> bool:
    try:
        done = subprocess.run([*NAMESPACE, MOUNT, folder], capture_output=True, check=False, timeout=20)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.parametrize(("mode", "statuses"), [("wait", "[0]"), ("stop", "[143, 0]")])
def test_a_full_disk_pauses_the_run_and_costs_no_bit(
    tmp_path: Path, config: Path, whole: dict[str, Any], mode: str, statuses: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip(
            "this user may not mount a disk of its own; tests/train holds the same with planted faults"
        )
    run = f'{MOUNT} && exec "$@"'
    arguments = map(str, (disk, sys.executable, SCRIPT, disk, config, mode, tmp_path))
    done = subprocess.run([*NAMESPACE, run, *arguments], capture_output=True, text=True, check=False)
    errors = (tmp_path / "stderr").read_text()
    assert done.returncode == 0, done.stderr + errors
    assert (tmp_path / "statuses").read_text() == statuses
    assert "Traceback" not in errors
    assert "disk full: checkpoint 4 cannot be written" in errors
    assert ("is not saved: the disk is full" in errors) is (mode == "stop")
    assert killing.fingerprint(tmp_path) == whole
