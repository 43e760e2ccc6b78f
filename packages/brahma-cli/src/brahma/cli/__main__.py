"""`python -m brahma.cli`, the same as `brahma`."""

import sys

from brahma.cli.main import main

sys.exit(main())
