"""The plugin kit: what an entry of each kind must do, as checks that run.

`brahma plugins test NAME` runs them; a plugin's own tests call `assert_passes("optimizer", "signum")`.
"""

from brahma.core.kit.checks import Check, CheckFailedError, CheckSkippedError, Result, Subject, expect
from brahma.core.kit.running import KITS, assert_passes, checks_of, run_kit

__all__ = [
    "KITS",
    "Check",
    "CheckFailedError",
    "CheckSkippedError",
    "Result",
    "Subject",
    "assert_passes",
    "checks_of",
    "expect",
    "run_kit",
]
