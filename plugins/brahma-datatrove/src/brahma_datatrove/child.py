"""`python -m brahma_datatrove.child STAGE RANK`: does one task; ends when its parent does."""

from __future__ import annotations

import pickle
import signal
import sys
from pathlib import Path

from brahma.core.errors import EXIT_USER_ERROR, BrahmaError
from brahma.data.children import end_with_parent
from brahma.data.cleaning.executors import Stage


def main() -> int:
    """Load the stage, which this job itself pickled, and run the task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's; it closes our standard input
    end_with_parent()
    stage: Stage = pickle.loads(Path(sys.argv[1]).read_bytes())
    try:
        stage.run(int(sys.argv[2]))
    except BrahmaError as error:
        print(error, file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
