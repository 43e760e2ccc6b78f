"""Training: `Trainer` and `Search` here, the step itself in `loop.py`."""

from typing import TYPE_CHECKING

from brahma.core.lazy import exports

if TYPE_CHECKING:
    from brahma.train.search import Search as Search
    from brahma.train.trainer import Trainer as Trainer

__all__ = ["Search", "Trainer"]

if not TYPE_CHECKING:
    __getattr__ = exports(__name__, {"Search": "search", "Trainer": "trainer"})
