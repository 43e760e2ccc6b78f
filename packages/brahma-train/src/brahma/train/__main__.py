"""`python -m brahma.train --config FILE` is `brahma train --config FILE`."""

from brahma.core.console import run_command
from brahma.train.command import train

if __name__ == "__main__":
    raise SystemExit(run_command(train, program="python -m brahma.train"))
