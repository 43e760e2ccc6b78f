"""`python -m brahma.tools.data_cleaner` is `brahma data clean`."""

from brahma.core.console import run_command
from brahma.data.commands.clean import clean

if __name__ == "__main__":
    raise SystemExit(run_command(clean, program="python -m brahma.tools.data_cleaner"))
