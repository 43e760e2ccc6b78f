"""`python -m brahma.tools.hyperopt` is `brahma search`."""

from brahma.core.console import run_command
from brahma.train.search.command import search

if __name__ == "__main__":
    raise SystemExit(run_command(search, program="python -m brahma.tools.hyperopt"))
