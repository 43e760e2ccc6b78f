"""`python -m brahma.tools.data_augment` is `brahma data augment`."""

from brahma.core.console import run_command
from brahma.data.commands.augment import augment

if __name__ == "__main__":
    raise SystemExit(run_command(augment, program="python -m brahma.tools.data_augment"))
