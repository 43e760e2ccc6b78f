"""Training: `Trainer` here, the step itself in `loop.py`."""

from brahma.train.trainer import Trainer

__all__ = ["Trainer"]
