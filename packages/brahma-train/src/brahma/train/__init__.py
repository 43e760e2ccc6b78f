"""Training: `Trainer` here, the step itself in `loop.py`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brahma.train.trainer import Trainer as Trainer

__all__ = ["Trainer"]

if not TYPE_CHECKING:  # the commands' entries must not wait for what training needs

    def __getattr__(name: str) -> Any:
        if name != "Trainer":
            raise AttributeError(f"module 'brahma.train' has no attribute {name!r}; it has Trainer")
        from brahma.train.trainer import Trainer

        return Trainer
