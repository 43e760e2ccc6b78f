"""`python -m brahma.evaluate --model MODEL --tasks NAMES` is `brahma evaluate`."""

from brahma.core.console import run_command
from brahma.evaluation.commands.evaluate import evaluate

if __name__ == "__main__":
    raise SystemExit(run_command(evaluate, program="python -m brahma.evaluate"))
