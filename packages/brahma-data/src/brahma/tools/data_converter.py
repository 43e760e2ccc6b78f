"""`python -m brahma.tools.data_converter --input FILE --output FILE` is `brahma data convert`."""

from brahma.core.console import run_command
from brahma.data.commands.convert import convert

if __name__ == "__main__":
    raise SystemExit(run_command(convert, program="python -m brahma.tools.data_converter"))
