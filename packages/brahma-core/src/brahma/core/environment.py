"""What a run ran on: Python, machine, and the versions of everything that can change its numbers.

Nothing here imports torch; versions come from the installed metadata.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from brahma.core.passwords import without_passwords
from brahma.core.plugins import DISTRIBUTIONS, get_plugins

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "pydantic")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def describe_environment(*, threads: int | None = None) -> dict[str, Any]:
    """The contents of a run's `environment.json`.

    Args:
        threads: CPU threads that the run computes with; None when nothing was set.
    """
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "cores": cores(),
        "memory_bytes": memory_bytes(),
        "threads": threads,
        "variables": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        "versions": versions(),
        "plugins": get_plugins().distributions(),
        "command": [without_passwords(word) for word in sys.argv],
    }


def versions() -> dict[str, str]:
    """Distribution -> version of the platform's own packages and the libraries below them, if installed."""
    found = {name: installed_version(name) for name in (*DISTRIBUTIONS, *LIBRARIES)}
    return {name: known for name, known in found.items() if known is not None}


def installed_version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def memory_bytes() -> int | None:
    """Physical memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def foreign_owners() -> list[str]:
    """Installed distributions other than brahma-core that own `brahma/__init__.py`.

    One that is called `brahma`, and is not ours, is on the public index; installed, it overwrites that file.
    """
    owned = "brahma/__init__.py"
    owners = {d.name for d in distributions() if any(str(file) == owned for file in d.files or ())}
    return sorted(owners - {"brahma-core"})
