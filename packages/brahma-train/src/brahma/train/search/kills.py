"""Whether the system kills processes for want of memory: it counts those, and says so on Linux."""

from __future__ import annotations

from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_COUNTS = Path("/proc/vmstat")


def memory_kills() -> str:
    """Which start of the system this is, and the processes it has killed for want of memory since.

    Another text later means that there may have been one; empty where the system does not say.
    """
    try:
        counts = dict(line.split(maxsplit=1) for line in _COUNTS.read_text(encoding="ascii").splitlines())
        return f"{_BOOT.read_text(encoding='ascii').strip()}:{counts['oom_kill']}"
    except (OSError, ValueError, KeyError):
        return ""
