"""`brahma plugins new` for each kind: what it writes can be installed, and its own tests pass as written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brahma.core.kit.scaffold import write_plugin
from brahma.core.plugins import KINDS, PLUGINS_VARIABLE


def run(*command: str | Path, site: Path) -> subprocess.CompletedProcess[str]:
    """A program that sees what is installed in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop(PLUGINS_VARIABLE, None)
    return subprocess.run(
        [sys.executable, *map(str, command)], env=environment, cwd=site, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_installed_by_pip_and_its_tests_pass_as_written(kind: str, tmp_path: Path) -> None:
    folder, site = write_plugin(f"my-own-{kind}", kind, tmp_path), tmp_path / "site"
    site.mkdir()
    quietly = ("--quiet", "--no-build-isolation", "--no-deps", "--disable-pip-version-check")
    installed = run("-m", "pip", "install", *quietly, "--target", site, folder, site=site)
    assert installed.returncode == 0, installed.stderr
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder, site=site)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout
