"""`python -m brahma_datatrove.child STAGE RANK`: does one task; ends when its parent does."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from pathlib import Path

from brahma.core.errors import EXIT_USER_ERROR, BrahmaError
from brahma.data.cleaning.executors import Stage


def main() -> int:
    """Load the stage, which this job itself pickled, and run the task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's; it closes our standard input
    threading.Thread(target=_end_with_parent, daemon=True).start()
    stage: Stage = pickle.loads(Path(sys.argv[1]).read_bytes())
    try:
        stage.run(int(sys.argv[2]))
    except BrahmaError as error:
        print(error, file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the other end is closed: nothing is ever written there
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
